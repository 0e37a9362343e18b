"""What the converter made of a student, and how it proved each file."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.settings import Report, ReportFile
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tensors import TensorInfo, VariantInput

Precision = Literal["float32", "float16", "dynamic", "int8", "int8io"]


class Parity(Report):
    """Agreement of a TFLite file with its Keras student on held-out windows."""

    n: int = Field(description="Windows compared.")
    cosine_mean: float
    cosine_min: float
    max_abs_difference: float
    centred_cosine: float = Field(
        1.0, description="Mean cosine after the student's mean embedding is taken away: what a probe can see."
    )
    spread: float | None = Field(
        None,
        description="How far the student's embeddings lie from their mean, as a share of their length (root "
        "mean squares); near 0 it says the same of every sound.",
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
    input: VariantInput = Field(
        description="wave: waveform in; core: log-mel patch in; stream: a chunk of samples and the state in."
    )
    precision: Precision = Field(
        description="float32; float16 weights; dynamic-range int8 weights; int8 weights and activations; "
        "int8io: input and output int8 too."
    )
    file: str = Field(description="File name beside this report; empty if conversion failed.")
    golden: str = Field(description="Golden-vector file (.npz with 'input' and 'embedding').")
    sha256: str
    bytes: int
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    operators: dict[str, int] = Field(description="Operators of the file and how often each occurs.")
    int8_tensors: list[str] = Field(description="Weight tensors stored as int8.")
    parity: Parity | None
    behaviour: list[Behaviour]
    layers: list[LayerNoise] = Field(
        default_factory=list, description="Noise of quantisation, layer by layer, in the order of the file."
    )
    accepted: bool = Field(description="Whether the file may go on.")
    reason: str = Field("", description="Why it was refused.")

    def sound_seconds(self, front_end: FrontEndSpec) -> float:
        """Sound that an invocation stands for: a stream's chunk, else a window of those side by side.

        A window is a little longer (0.975 s for 0.96 s by default), as its last frame reaches beyond its hop:
        that much of the sound is covered by two invocations. A core file takes the same patch of frames.
        """
        samples = front_end.frames * front_end.hop_samples
        if self.input == "stream":
            samples = self.inputs[0].shape[-1] if self.inputs and self.inputs[0].shape else 0
        return samples / front_end.sample_rate


class TfliteReport(ReportFile):
    """All variants of one student, refused ones included."""

    FILE: ClassVar[str] = "variants.json"

    candidate_id: str
    failure: str = Field("", description="Why there are no variants; empty if there are.")
    left_out: bool = Field(False, description="Whether a search left the candidate out: that is no fault.")
    spec: StudentSpec
    front_end: FrontEndSpec
    parameters: int
    total_steps: int = Field(0, description="Optimiser steps behind the weights, of the student's report.")
    variants: list[TfliteVariant]

    @property
    def accepted(self) -> list[TfliteVariant]:
        """The variants that may go on."""
        return [variant for variant in self.variants if variant.accepted]
