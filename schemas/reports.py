"""The reports that components write and that others, and people, read.

Every figure says what was measured, on how many, in which unit and with which spread; every figure of
a model carries the sha256 of the file it was taken from. ``json/*.schema.json`` beside this file is
generated from these classes.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.devices import VariantInput
from schemas.noss_reports import NossModelResult
from schemas.settings import Report, ReportFile
from schemas.students import FrontEndSpec, StudentSpec
from schemas.verdicts import Blessing

Precision = Literal["float32", "float16", "dynamic", "int8"]


# --- ingestion ---------------------------------------------------------------------------------


class QuarantinedClip(Report):
    """A clip that was left out; one line of ``quarantine.jsonl``."""

    clip_id: str = Field(description="Clip id or, for a task, the manifest's file entry.")
    source: str = Field(description="File, or CSV and line, it would have come from.")
    reason: str = Field(description="One of the reasons counted in the report.")
    detail: str = Field("", description="What the decoder or the check said.")


class SplitCounts(Report):
    """What became of the rows of one split."""

    rows: int = Field(description="Rows of the source that passed the label filter.")
    filtered: int = Field(0, description="Rows left out by the label filter.")
    clips: int = Field(description="Clips written.")
    hours: float = Field(description="Sound written, in hours.")
    quarantined: dict[str, int] = Field(default_factory=dict, description="Clips left out, by reason.")


class CorpusLayout(Report):
    """In which form the clips of a corpus lay, and what lay among them."""

    name: str = Field(description="Name of the layout.")
    form: str = Field(description="How its files are called.")
    chosen: Literal["detected", "configured"] = Field(description="Whether it was told from a sample.")
    looked_at: int = Field(description="Names in the sample; shards, where clips are in shards.")
    fitting: int = Field(description="Of which follow the layout.")
    examples: list[str] = Field(description="Some of these.")
    containers: int = Field(0, description="Shards that hold the clips; 0 where each clip is a file.")
    entries: int = Field(0, description="Clips found, whether asked for or not.")
    strays: dict[str, int] = Field(default_factory=dict, description="What is no such clip, by what it is.")
    stray_examples: dict[str, list[str]] = Field(default_factory=dict, description="Some of each.")


class IngestWork(Report):
    """How much work an ingestion was. Beam's counters are this execution's own, retries included."""

    clips: int = Field(description="Clips written or taken over from an earlier execution.")
    bad: int = Field(description="Clips left out when they were decoded.")
    resumed: int = Field(description="How many of both an earlier execution had done already.")
    audio_seconds: float = Field(description="Sound in the clips, in seconds.")
    seconds: float = Field(description="Wall time of decoding and writing, start of workers included.")
    clips_per_second: float = Field(description="Clips decoded by this execution in a second of it.")
    counters: dict[str, int] = Field(
        default_factory=dict, description="What Beam's workers counted, by name; times in milliseconds."
    )


class IngestReport(ReportFile):
    """What ingestion took and what it left out."""

    FILE: ClassVar[str] = "ingest_report.json"
    QUARANTINE: ClassVar[str] = "quarantine.jsonl"

    source: str = Field(description="Where the sound came from.")
    synthetic: bool = Field(description="Whether the sound was synthesised.")
    splits: dict[str, SplitCounts] = Field(description="Counts by split (corpus) or task/split (NOSS).")
    licences: dict[str, str] = Field(default_factory=dict, description="Licence of each source, where known.")
    digest: str = Field(
        "", description="Of all records written and their splits, whatever their order and their shards."
    )
    layout: CorpusLayout | None = Field(None, description="Form of the corpus; None for tasks.")
    work: IngestWork | None = Field(None, description="How much work it was.")


# --- distillation ------------------------------------------------------------------------------


class EpochMetrics(Report):
    """One epoch of a training."""

    epoch: int = Field(description="Counted from 1.")
    phase: str = Field(description="float, factored or qat; 'train' for a teacher.")
    loss: float = Field(description="Mean training loss.")
    validation_loss: float = Field(description="Loss on the eval split, in inference mode.")
    learning_rate: float = Field(description="At the end of the epoch.")
    svd_alpha: float = Field(1.0, description="Weight of the full matrix in an annealed bottleneck.")
    seconds: float = Field(description="Wall time of the epoch.")


class DistillationSetInfo(ReportFile):
    """What a distillation set holds; the targets' statistics travel with it."""

    FILE: ClassVar[str] = "distillation_set.json"
    LEFT_OUT: ClassVar[str] = "left_out.jsonl"

    teacher: str = Field(description="The teacher in words.")
    teacher_digest: str = Field(description="sha256 over the teacher's files.")
    teacher_licence: str = Field("", description="Of the teacher's weights, as its settings state it.")
    window_samples: int = Field(description="Samples of a window.")
    hop_samples: int = Field(description="Samples between windows of a clip.")
    target_dim: int = Field(description="Dimensions of a target.")
    target_blocks: list[int] = Field(description="Dimensions each teacher contributes, in order.")
    target_mean: list[float] = Field(description="Mean of each dimension over the train split.")
    target_std: list[float] = Field(description="Standard deviation of each dimension, never 0.")
    windows: dict[str, int] = Field(description="Windows by split.")
    augmented: dict[str, int] = Field(description="Of these, windows made by augmentation.")
    silent_windows: dict[str, int] = Field(
        default_factory=dict, description="Windows left out because nothing sounds in them, by split."
    )
    clips: dict[str, int] = Field(default_factory=dict, description="Clips with a window, by split.")
    left_out: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="Clips left out, by split and reason: silent; noss_exact: the same samples as a clip of "
        "a task's test split; noss_near: sounds like one. The last two are listed in left_out.jsonl.",
    )
    storage: Literal["pcm16", "flac"] = Field("pcm16", description="How the windows are stored.")
    synthetic: bool = Field(description="Whether the sound was synthesised.")
    digest: str = Field(
        "",
        description="Of all windows with their targets, whatever their order. Shards show where they change "
        "a window: mixing takes the other sound from the same shard, and a teacher may answer a batch of "
        "another size with other last bits.",
    )
    seconds: float = Field(description="Wall time of the embedding.")


class StudentInfo(ReportFile):
    """A trained student: what it is, how it was trained and how far it came."""

    FILE: ClassVar[str] = "student.json"
    WEIGHTS: ClassVar[str] = "student.weights.npz"

    candidate_id: str = Field(description="Readable name of the candidate.")
    failure: str = Field("", description="Why the training failed; empty if it did not. No weights then.")
    spec: StudentSpec = Field(description="Its typed parameters.")
    front_end: FrontEndSpec = Field(description="The front end it was trained behind.")
    parameters: int = Field(description="Weights of the network that ships (without target heads).")
    rank: int = Field(0, description="Rank of the bottleneck's factors; 0: a full matrix.")
    sparsity: float = Field(0.0, description="Share of zeros among the weights that were pruned.")
    warm_start: str = Field("", description="Digest of the weights it started from; empty: from scratch.")
    target_dim: int = Field(description="Dimensions of the teacher's embedding.")
    target_variance_explained: float = Field(
        description="1 - validation loss / variance, on the standardised targets of the eval split."
    )
    seed: int = Field(description="Of initialisation, order and augmentation.")
    best_epoch: int = Field(description="The epoch whose weights were kept.")
    epochs: list[EpochMetrics] = Field(description="The whole training.")
    steps: int = Field(description="Optimiser steps taken.")
    windows_per_second: float = Field(
        description="Training speed over all epochs, on the machine that trained."
    )


# --- conversion --------------------------------------------------------------------------------


class TensorInfo(Report):
    """A named input or output of a TFLite file."""

    name: str
    shape: list[int]
    dtype: str


class Parity(Report):
    """Agreement of a TFLite file with its Keras student on held-out windows."""

    n: int = Field(description="Windows compared.")
    cosine_mean: float
    cosine_min: float
    max_abs_difference: float
    centred_cosine: float = Field(
        1.0, description="Mean cosine after the student's mean embedding is taken away: what a probe can see."
    )


class Behaviour(Report):
    """What the file answers to a sound every converter should survive."""

    sound: Literal["silence", "white_noise", "sine_440hz"]
    finite: bool
    norm: float = Field(description="Euclidean norm of the embedding.")


class LayerNoise(Report):
    """What quantisation did to one layer's output."""

    name: str = Field(description="Tensor of the file.")
    operator: str = Field(description="Operator that computes it.")
    low: float = Field(description="Least value of the float file.")
    high: float = Field(description="Greatest value of the float file.")
    snr_db: float = Field(
        description="Power of the float file's values over that of the difference, in dB; capped at 120."
    )


class TfliteVariant(Report):
    """One TFLite file of one student."""

    name: str = Field(description="<input>-<precision>, unique within the student.")
    input: VariantInput = Field(description="wave: waveform in; core: log-mel patch in.")
    precision: Precision = Field(
        description="float32; float16 weights; dynamic-range int8 weights; int8 weights and activations."
    )
    file: str = Field(description="File name beside this report; empty if conversion failed.")
    golden: str = Field(description="Golden-vector file (.npz with 'input' and 'embedding').")
    sha256: str
    bytes: int
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    operators: dict[str, int] = Field(description="Operators of the file and how often each stands there.")
    int8_tensors: list[str] = Field(description="Weight tensors stored as int8.")
    parity: Parity | None
    behaviour: list[Behaviour]
    layers: list[LayerNoise] = Field(
        default_factory=list, description="Noise of quantisation, layer by layer, in the order of the file."
    )
    accepted: bool = Field(description="Whether the file may go on.")
    reason: str = Field("", description="Why it was refused.")


class TfliteReport(ReportFile):
    """All variants of one student, refused ones included."""

    FILE: ClassVar[str] = "variants.json"

    candidate_id: str
    failure: str = Field("", description="Why there are no variants; empty if there are.")
    spec: StudentSpec
    front_end: FrontEndSpec
    parameters: int
    variants: list[TfliteVariant]

    @property
    def accepted(self) -> list[TfliteVariant]:
        """The variants that may go on."""
        return [variant for variant in self.variants if variant.accepted]


# --- push --------------------------------------------------------------------------------------


class Registration(Report):
    """A version of a registered model."""

    device: str
    registered_model: str = Field(description="Name in the MLflow registry.")
    version: str


class PushedModel(Report):
    """One blessed variant and where it went."""

    point_id: str
    candidate_id: str
    variant: str
    sha256: str
    devices: list[str] = Field(description="Names of the devices it is blessed for.")
    folder: str = Field(description="Version folder, relative to the push destination.")
    registrations: list[Registration] = Field(
        default_factory=list, description="Its versions in the registry, one a device; none: not sent yet."
    )
    run_id: str = Field("", description="The candidate's MLflow run; empty: not sent yet.")


class Licences(Report):
    """What a model is made from, and on which terms; an empty licence was not stated."""

    teacher: str = Field("", description="Of the teacher's weights.")
    corpus: dict[str, str] = Field(default_factory=dict, description="By source of the corpus.")
    tasks: dict[str, str] = Field(default_factory=dict, description="By task that judged it.")


class ModelDescription(ReportFile):
    """What a pushed or registered TFLite file is, how to feed it and what it was judged to be."""

    FILE: ClassVar[str] = "model.json"

    point_id: str = Field(description="<candidate id>/<variant>.")
    candidate_id: str
    variant: str
    input: VariantInput = Field(description="wave: waveform in; core: log-mel patch in.")
    precision: Precision
    sha256: str = Field(description="Of model.tflite.")
    bytes: int
    parameters: int
    spec: StudentSpec
    front_end: FrontEndSpec
    window_samples: int = Field(description="Samples of a window: what one invocation hears.")
    hop_samples: int = Field(description="Samples between the windows of a longer clip.")
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    parity: Parity | None = Field(description="Agreement with the Keras student.")
    quality: NossModelResult = Field(description="NOSS results of this very file.")
    blessings: list[Blessing] = Field(description="The gate's decision, one a device it is blessed for.")
    teacher: str = Field(description="The teacher in words.")
    teacher_digest: str = Field(description="sha256 over the teacher's files.")
    licences: Licences = Field(description="As far as they were stated.")
    clips: int = Field(0, description="Clips of the corpus it learnt from; 0: not counted.")
    hours: float = Field(0.0, description="Hours of them.")
    synthetic: bool = Field(description="Whether the figures come from synthesised sound.")
    run_name: str
    run_key: str = Field(description="Names the pipeline run in MLflow (tag tinytrill.run_key).")


class FrontierIndex(ReportFile):
    """What the latest verdict that blessed anything blessed, at the top of the push destination."""

    FILE: ClassVar[str] = "frontier.json"

    run_name: str
    run_key: str
    synthetic: bool
    models: list[PushedModel]


class PushReport(ReportFile):
    """What was pushed and registered."""

    FILE: ClassVar[str] = "pushed.json"

    tracking_uri: str = Field(description="MLflow store, without credentials.")
    parent_run_id: str = Field(description="The pipeline's MLflow run; empty: not sent yet.")
    kept: str = Field("", description="Folder that keeps what could not be sent; empty: all was sent.")
    unsent: str = Field("", description="Why it could not be sent.")
    models: list[PushedModel]
