"""What was pushed and registered, and the description that travels with a model."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.noss_reports import NossModelResult
from schemas.settings import Report, ReportFile
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tensors import TensorInfo, VariantInput
from schemas.tflite_reports import Parity, Precision
from schemas.verdicts import Blessing, ReferenceQuality


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


class Cost(Report):
    """What one stage took on the machine that did it; only what was measured is told."""

    stage: str = Field(description="What was done, in words.")
    hours: float = Field(description="Wall time.")
    cpu_hours: float | None = Field(
        None, description="Processor time of the process, all threads together; none: it was not measured."
    )


class ModelDescription(ReportFile):
    """What a pushed or registered TFLite file is, how to feed it and what it was judged to be."""

    FILE: ClassVar[str] = "model.json"

    point_id: str = Field(description="<candidate id>/<variant>.")
    candidate_id: str
    variant: str
    input: VariantInput = Field(
        description="wave: waveform in; core: log-mel patch in; stream: a chunk of samples and the state in."
    )
    precision: Precision
    sha256: str = Field(description="Of model.tflite.")
    bytes: int
    parameters: int
    spec: StudentSpec
    front_end: FrontEndSpec
    window_samples: int = Field(description="Samples of a window: what one invocation takes.")
    hop_samples: int = Field(description="Samples between the windows of a longer clip.")
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    parity: Parity | None = Field(description="Agreement with the Keras student.")
    quality: NossModelResult = Field(description="NOSS results of this very file.")
    blessings: list[Blessing] = Field(description="The gate's decision, one a device it is blessed for.")
    baselines_above: list[ReferenceQuality] = Field(
        default_factory=list, description="Baselines whose mean score is above this file's, best first."
    )
    recommended_on: list[str] = Field(
        default_factory=list, description="Devices on which this is the file that its run says to ship."
    )
    answers: list[str] = Field(
        default_factory=list, description="What its run says to ship, a sentence a device and input."
    )
    references: list[ReferenceQuality] = Field(
        default_factory=list,
        description="The teacher, baselines and reference models by the same benchmark, the teacher first.",
    )
    teacher_tasks: dict[str, float] = Field(
        default_factory=dict, description="What the teacher itself has on each task, in the task's metric."
    )
    costs: list[Cost] = Field(default_factory=list, description="What it took to make; empty: not known.")
    teacher: str = Field(description="The teacher in words.")
    teacher_digest: str = Field(description="sha256 over the teacher's files.")
    licences: Licences = Field(description="As far as they were stated.")
    target_variance_explained: float | None = Field(
        None,
        description="Share of its held-out targets' variance that the student explains; None: not reported.",
    )
    total_steps: int = Field(
        0,
        description="Optimiser steps behind the weights, those of the candidates it started from included; "
        "0: not reported.",
    )
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
