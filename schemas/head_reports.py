"""What is said of a head: a classifier on a frozen student, in one file with it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.noss_reports import ProbeKind, TaskResult
from schemas.settings import Report, ReportFile
from schemas.students import FrontEndSpec
from schemas.tensors import TensorInfo


class HeadStudent(Report):
    """The frozen student that a head stands on."""

    point_id: str = Field(description="<candidate id>/<variant>.")
    sha256: str = Field(description="Of the student's file.")
    bytes: int
    registered: str = Field(
        "", description="Its registered version, as in 'tinytrill-host/3'; empty: a file."
    )
    front_end: FrontEndSpec
    window_samples: int = Field(description="Samples of a window: what one invocation takes.")
    hop_samples: int = Field(description="Samples between windows, as the head was trained and measured.")
    embedding_dim: int
    licence: str = Field("", description="Of the student's teacher, where it was stated.")
    synthetic: bool = Field(False, description="Whether it learnt from synthesised sound.")


class ThresholdRow(Report):
    """What a threshold on the positive label's score does, on clips that were tested."""

    threshold: float = Field(description="A window whose score is at least this raises the alarm.")
    calibrated: float | None = Field(
        None, description="The same threshold on calibrated scores; none: the file has no calibration."
    )
    false_alarms: int = Field(
        description="Alarms in clips of other labels; windows that follow each other are one alarm."
    )
    false_alarms_an_hour: float
    false_alarms_low: float = Field(description="Lower end of the 95 % interval (Poisson, exact).")
    false_alarms_high: float = Field(description="Upper end of the 95 % interval.")
    misses: float = Field(description="Share of the positive clips without any alarm.")
    misses_low: float = Field(description="Lower end of the 95 % interval (Wilson).")
    misses_high: float = Field(description="Upper end of the 95 % interval.")


class Detection(Report):
    """The threshold table of a head with two labels."""

    positive: str = Field(description="The label whose score is compared with the threshold.")
    n_positive: int = Field(description="Tested clips of it.")
    n_negative: int = Field(description="Tested clips of the other label.")
    negative_hours: float = Field(description="Sound of the clips of the other label.")
    rows: list[ThresholdRow]


class CalibrationBin(Report):
    """Windows whose greatest score lies in one range."""

    low: float
    high: float
    n: int = Field(description="Windows.")
    confidence: float = Field(description="Their mean greatest score.")
    accuracy: float = Field(description="Share of them that was right.")


class Calibration(Report):
    """Whether scores are probabilities, on tested windows."""

    expected_error: float = Field(
        description="Mean distance of confidence and accuracy over bins, by windows (ECE, arXiv 1706.04599)."
    )
    log_loss: float = Field(description="Mean negative logarithm of the right label's score.")
    bins: list[CalibrationBin]


class Sigmoid(Report):
    """Calibration of a label's score: 1 / (1 + exp(-(slope * logit(score) + offset)))."""

    slope: float
    offset: float


class HeadLatency(Report):
    """The classifier beside the bare student, timed together."""

    machine: str
    student_ms: float | None = Field(description="Typical time of the bare student; none: not measured.")
    classifier_ms: float | None = Field(description="Typical time of the file with the head.")
    ratio: float | None = Field(description="Classifier to student; none: not measured.")
    ratio_low: float | None = Field(description="Lower end of the ratio's 95 % interval.")
    ratio_high: float | None = Field(description="Upper end of the ratio's 95 % interval.")
    sessions: int = Field(description="Sessions behind the figures.")
    n: int = Field(description="Timed invocations of the classifier.")
    invalid: str = Field("", description="Why the figures may not be believed; empty: they may.")


class HeadReport(ReportFile):
    """A classifier file: what it is, how it was trained, and what it was measured to be."""

    FILE: ClassVar[str] = "head.json"
    HEAD: ClassVar[str] = "head.tflite"

    name: str = Field(description="Of the file, without its ending.")
    labels: list[str] = Field(description="In the order of the scores.")
    sha256: str = Field(description="Of the file, which carries TFLite Model Metadata.")
    bytes: int
    bare_sha256: str = Field(description="Of the file without metadata, as stripping them gives it back.")
    bare_bytes: int
    head_sha256: str = Field(
        description="Of the head by itself, head.tflite: with the student it makes the file."
    )
    student: HeadStudent
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    probe: ProbeKind = Field(description="Kind of the head, chosen on validation.")
    parameter: float = Field(description="C (linear, mlp) or shrinkage (lda).")
    head_parameters: int = Field(description="Weights and biases of the head.")
    largest_difference: float = Field(
        description="Largest difference of the file's scores from those of the head in training."
    )
    trained_on: str = Field(description="Which clips the head in the file was fitted on and chosen by.")
    measured_by: str = Field(description="Which clips the figures rest on, in words.")
    protocol: str = Field(description="Which protocol chose and measured.")
    windows: TaskResult = Field(description="Each window judged alone, with the label of its clip.")
    clips: TaskResult = Field(description="Each clip judged by the mean of its windows' scores.")
    confusion: list[list[int]] = Field(
        description="Tested clips: a row a label, a column an answer, in the order of labels."
    )
    detection: Detection | None = Field(description="For two labels; none: there are more.")
    calibration: Calibration
    sigmoids: list[Sigmoid] = Field(
        [],
        description="By which MediaPipe calibrates the scores, in the order of labels; empty: it does not.",
    )
    calibrated: Calibration | None = Field(
        None,
        description="The same windows with calibrated scores, by sigmoids that were fitted without them.",
    )
    latency: HeadLatency | None = Field(description="None: it was not measured.")
    speakers: int = Field(description="Distinct speakers of all clips; 0: not known.")
    clips_by_label: dict[str, int]
    hours: float = Field(description="Sound of all clips.")
    left_out: list[str] = Field(description="Clips that could not be used, each with its reason.")
    licence: str = Field("", description="Of the clips, where it was stated.")
    synthetic: bool = Field(description="Whether the clips are synthesised.")
    seed: int
