"""Settings of ``NossEvaluator``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas.noss_reports import ProbeKind
from schemas.noss_tasks import Metric
from schemas.settings import Settings
from schemas.teachers import TeacherSpec, TrainedTeacher, members


def _spelled_off(value: object) -> object:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value


OrOff = BeforeValidator(_spelled_off)

Evaluates = Literal["student", "teacher", "reference", "baselines"]
Baseline = Literal["logmel", "mfcc", "random"]

# Least and greatest value of each corruption, and its unit.
_ACCEPTED = {
    "noise": (-60.0, 80.0, "dB"),
    "band_limit": (1000.0, 15_999.0, "Hz"),
    "opus": (6.0, 256.0, "kbit/s"),
    "cut": (0.01, 60.0, "s"),
}


class StrictProtocol(Settings):
    """The protocol that decides: chosen on validation, test read once."""

    probes: tuple[ProbeKind, ...] = Field(
        ("linear", "lda", "knn"), min_length=1, description="Kinds of probe to choose from."
    )
    c_grid: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
        min_length=1,
        description="Inverse regularisations of the linear probe, rising.",
    )
    hidden_units: int = Field(
        16, ge=1, le=256, description="Hidden units of the mlp probe, which takes its C from c_grid too."
    )
    neighbours: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (1, 5, 15), min_length=1, description="Numbers of neighbours of the kNN probe, rising."
    )
    linear_limit: float = Field(
        5e9,
        gt=0,
        description="Training clips x dimensions x classes above which the linear probe is left out, if "
        "there is another kind; at the default it takes minutes a fit.",
    )
    seeds: int = Field(
        3,
        ge=1,
        description="Split seeds: how often the splits are made. The first keeps them as they are given; "
        "each other one divides train and validation anew, speakers kept apart. Where speaker folds are "
        "made, each seed makes its own.",
    )
    min_test_speakers: int = Field(
        6,
        ge=1,
        description="A task with known speakers, but fewer than this in test, is measured by speaker folds.",
    )
    speaker_folds: int = Field(
        12, ge=2, description="Folds of such a task; with so many speakers or fewer each is a fold."
    )
    speaker_normalisation: Annotated[Literal["off", "train"], OrOff] = Field(
        "off",
        description="train: each training speaker is standardised by its own statistics, validation and "
        "test by those of all of train; no statistic of a test speaker is used.",
    )

    @field_validator("c_grid", "neighbours")
    @classmethod
    def _rising(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if list(grid) != sorted(set(grid)):
            raise ValueError(f"a grid must rise and name no value twice, got {list(grid)}")
        return grid


class Corruption(Settings):
    """One way to corrupt test clips."""

    kind: Literal["noise", "band_limit", "opus", "cut"] = Field(
        description="noise: pink noise; band_limit: through a lower sample rate and back; opus: encoded "
        "and decoded; cut: the first seconds only."
    )
    value: float = Field(description="SNR in dB, sample rate in Hz, kbit/s, or seconds.")

    @model_validator(mode="after")
    def _value_is_of_the_kind(self) -> Self:
        low, high, unit = _ACCEPTED[self.kind]
        if not low <= self.value <= high:
            raise ValueError(f"{self.kind} {self.value:g}: accepted: {low:g} to {high:g} {unit}")
        return self


class Robustness(Settings):
    """Which corruptions to try, on how many clips."""

    corruptions: tuple[Corruption, ...] = Field((), description="Each is a column; none: not measured.")
    max_clips: int = Field(
        300, ge=1, description="Test clips of a task to corrupt at most; a stable choice, the same for all."
    )


class TfmaSettings(Settings):
    """The TFMA evaluation of the probes' predictions."""

    results: Annotated[Literal["all", "best", "off"], OrOff] = Field(
        "best", description="Which results become a TFMA evaluation: all, each report's best, or none."
    )
    confidence: Annotated[Literal["jackknife", "bootstrap", "off"], OrOff] = Field(
        "jackknife", description="Confidence intervals of the slices."
    )
    min_slice: int = Field(10, ge=1, description="Slices of fewer clips are left out of the rendered table.")
    floors: dict[str, float] = Field(
        default_factory=dict, description="Least accuracy by task; '*' is every task not named."
    )
    max_loss: float | None = Field(
        None, ge=0, le=1, description="Accuracy a task may lose against the teacher; none: no such threshold."
    )


class NossEvaluatorSettings(Settings):
    """How the benchmark embeds, probes and reports."""

    hop_samples: int = Field(15_360, gt=0, description="Samples between the windows of a clip.")
    strict: StrictProtocol = Field(default_factory=StrictProtocol, description="The deciding protocol.")
    paper: Annotated[Literal["all", "best", "off"], OrOff] = Field(
        "off",
        description="Which results are also measured by the papers' protocol, to be compared with theirs.",
    )
    metrics: dict[str, Metric] = Field(
        default_factory=dict, description="Another metric than the record's, by task."
    )
    report_tasks: tuple[str, ...] = Field(
        (), description="Tasks that are measured and shown, and do not enter the mean that decides."
    )
    min_deciding_clips: int = Field(
        100, ge=1, description="A task of fewer tested clips is shown only, unless all tasks are so small."
    )
    saturated_at: float = Field(
        0.97,
        gt=0,
        le=1,
        description="A task whose validation clips log-mel statistics answer with this score is shown only.",
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each 95 % interval.")
    baselines: tuple[Baseline, ...] = Field(
        ("logmel", "mfcc", "random"),
        description="Reference rows that are computed: log-mel and MFCC statistics, random numbers.",
    )
    references: tuple[TeacherSpec, ...] = Field(
        (), description="Further models as reference rows, described as teachers are; each needs a name."
    )
    fidelity: bool = Field(True, description="Whether students are compared with the teacher's geometry.")
    robustness: Robustness = Field(default_factory=Robustness, description="Corrupted test clips.")
    tfma: TfmaSettings = Field(default_factory=TfmaSettings, description="Slices by TFMA.")
    batch_windows: int = Field(256, gt=0, description="Windows that are prepared and embedded together.")
    workers: int = Field(2, gt=0, description="Threads that embed and probe; each loads the model once.")
    require_tasks: tuple[str, ...] = Field((), description="Tasks that must be among the records.")

    @model_validator(mode="after")
    def _references_are_named(self) -> Self:
        names = [reference.name for reference in self.references]
        for index, name in enumerate(names):
            taken = {*self.baselines, "teacher", *names[:index]}
            if not name or "/" in name or name in taken:
                raise ValueError(
                    f"references.{index}.name is {name!r}; accepted: a name without '/' (files are called "
                    f"by it) that no other row has: taken are {', '.join(sorted(taken))}"
                )
        return self

    @model_validator(mode="after")
    def _references_are_there_already(self) -> Self:
        for index, reference in enumerate(self.references):
            for place, member in enumerate(members(reference)):
                if isinstance(member, TrainedTeacher):
                    within = "" if member is reference else f"teachers.{place}."
                    raise ValueError(
                        f"references.{index}.{within}kind is 'trained', as only the run's own teacher can "
                        "be; accepted: savedmodel, tfhub, tflite, onnx, huggingface, and concat of these"
                    )
        return self
