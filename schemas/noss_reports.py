"""What the benchmark says of a model: its figures, and what they rest on.

Every figure says what was measured, on how many, by which rules and with which interval.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.noss_tasks import Metric
from schemas.settings import Report, ReportFile

ModelKind = Literal["student", "teacher", "baseline", "reference", "control"]
ProbeKind = Literal["linear", "lda", "mlp", "knn"]
SliceFeature = Literal["class", "speaker", "sex", "age", "duration"]
SliceInterval = Literal["jackknife", "bootstrap", "wilson"]


class ProbeRun(Report):
    """One probe: fitted on train, chosen on validation, asked about test once."""

    seed: int = Field(description="Split seed; 0: the splits as they are given.")
    fold: str = Field(description="Which part was the test split; empty: the given one.")
    probe: ProbeKind = Field(description="Chosen on validation.")
    parameter: float = Field(description="C (linear, mlp), shrinkage (lda), neighbours (knn).")
    left_out: list[ProbeKind] = Field(
        default_factory=list, description="Kinds of probe that were too costly to try."
    )
    validation: float = Field(description="The task's metric on validation.")
    value: float = Field(description="The task's metric on test.")
    n_train: int
    n_validation: int
    n_test: int


class TaskResult(Report):
    """One model on one NOSS task."""

    task: str
    task_version: int = 1
    task_digest: str = Field("", description="Of the task's record.")
    data_digest: str = Field("", description="Of the clips.")
    metric: Metric = "accuracy"
    value: float = Field(description="The metric on test: the mean over seeds and folds.")
    low: float = Field(description="Lower end of the value's 95 % interval.")
    high: float = Field(description="Upper end of the value's 95 % interval.")
    score: float = Field(description="What enters the mean: the value, or 1 - value of an error rate.")
    metrics: dict[Metric, float] = Field(
        default_factory=dict, description="All metrics that are defined for the task, on test."
    )
    d_prime: float = Field(0.0, description="Of the mean one-against-rest AUC: sqrt(2) * probit(auc).")
    validation: float = Field(description="Of the chosen hyper-parameters, on validation; mean over runs.")
    chance: float = Field(description="The metric of the best constant answer on test.")
    runs: list[ProbeRun] = Field(default_factory=list, description="Every seed and fold.")
    n_train: int = Field(description="Of the first run.")
    n_validation: int = Field(description="Of the first run.")
    n_test: int = Field(description="Distinct clips that were tested.")
    n_original: int = Field(0, description="Clips of the source.")
    n_used: int = Field(0, description="Clips that could be used.")
    n_classes: int
    n_speakers_test: int = Field(description="Distinct speakers of the clips that were tested; 0 if unknown.")
    synthetic: bool
    shown_only: str = Field("", description="Why the task does not enter the mean; empty: it decides.")


class PaperScore(Report):
    """One combination of the papers' protocol."""

    classifier: str
    l2_normalised: bool = Field(description="Whether each embedding was divided by its length.")
    speaker_normalised: bool = Field(description="Whether each speaker was standardised, test speakers too.")
    validation: float
    test: float


class PaperResult(Report):
    """One model on one task by the papers' protocol: for comparison with published figures, not to decide."""

    task: str
    metric: Metric
    best_on_test: float = Field(description="Best of all combinations, chosen on test as the papers did.")
    chosen_on_validation: float = Field(description="Test figure of the combination best on validation.")
    scores: list[PaperScore]


class Fidelity(Report):
    """How much of the teacher's geometry a student keeps, on the tasks' clips."""

    cosine: float = Field(
        description="Mean cosine between the teacher's embedding and the student's after a linear map "
        "fitted on train clips; on test clips, both centred."
    )
    cka: float = Field(description="Linear centred kernel alignment, on test clips.")
    neighbour_overlap: float = Field(description="Mean share of a clip's nearest neighbours they agree on.")
    neighbours: int
    n: int = Field(description="Test clips compared.")


class RobustnessResult(Report):
    """What is left when the test clips are corrupted; the probes were trained on clean sound only."""

    condition: str = Field(description="As in 'noise 10 dB' or 'opus 16 kbit/s'.")
    mean: float = Field(description="Mean score over the tasks.")
    change: float = Field(description="Against the same clips clean.")
    tasks: dict[str, float] = Field(description="Score by task.")
    n: int = Field(description="Test clips.")


class NossModelResult(Report):
    """One model on all tasks; also one JSON file a model, ``results/<name>.json``."""

    model: str = Field(description="Candidate id, 'teacher', or the baseline's or reference's name.")
    kind: ModelKind
    variant: str = Field(description="Variant of a student; empty otherwise.")
    sha256: str = Field(description="Of the file that was asked; empty for a baseline without a file.")
    embedding_dim: int
    tasks: list[TaskResult]
    mean: float = Field(description="Plain mean of the scores of the tasks that decide.")
    mean_low: float = Field(description="Lower end of the mean's 95 % interval.")
    mean_high: float = Field(description="Upper end of the mean's 95 % interval.")
    mean_d_prime: float = Field(0.0, description="Plain mean of d' over the tasks.")
    paper: list[PaperResult] = Field(default_factory=list, description="By the papers' protocol, if asked.")
    fidelity: Fidelity | None = Field(None, description="Agreement with the teacher, if asked for.")
    robustness: list[RobustnessResult] = Field(default_factory=list)
    clips: int = Field(description="Distinct clips embedded.")
    windows: int = Field(description="Windows embedded.")
    embed_seconds: float = Field(
        description="Of the embedding on the host: its threads' busy time over their number; no latency."
    )
    code_version: str = Field("", description="Digest of the benchmark's code.")
    licence: str = Field("", description="Licence of the model, where it was stated.")

    @property
    def deciding(self) -> list[TaskResult]:
        """The tasks that enter the mean."""
        return [task for task in self.tasks if not task.shown_only]

    @property
    def name(self) -> str:
        """``<model>/<variant>``, or the model where it has no variants."""
        return f"{self.model}/{self.variant}" if self.variant else self.model


class SanityCheck(Report):
    """A model or labels that know nothing must score at chance."""

    check: Literal["random embedding", "shuffled labels"]
    task: str
    value: float = Field(description="Score.")
    chance: float = Field(description="Score of the best constant answer.")
    limit: float = Field(description="Above this the protocol leaks.")
    passed: bool


class NossReport(ReportFile):
    """The benchmark's results of one node: all variants of a candidate, the teacher, or baselines."""

    FILE: ClassVar[str] = "noss_report.json"
    RESULTS: ClassVar[str] = "results"
    SAMPLES: ClassVar[str] = "samples"
    PREDICTIONS: ClassVar[str] = "predictions"
    TFMA: ClassVar[str] = "tfma"
    EMBEDDINGS: ClassVar[str] = "embeddings.npz"

    protocol: str = Field(description="Which protocol chose and measured.")
    results: list[NossModelResult]
    refused: dict[str, str] = Field(
        default_factory=dict, description="Variants that could not be evaluated, with the reason."
    )
    sanity: list[SanityCheck] = Field(default_factory=list)

    def result(self, variant: str) -> NossModelResult | None:
        """The result of one variant, or None if it was not evaluated."""
        return next((result for result in self.results if result.variant == variant), None)


class SliceFigure(Report):
    """A model's accuracy on a part of a task's tested clips, as TFMA found it."""

    task: str
    feature: SliceFeature | None = Field(description="What the clips have in common; none: the whole task.")
    value: str = Field("", description="As in 'happy' for the feature 'class'.")
    n: int = Field(description="Clips.")
    accuracy: float
    low: float = Field(description="Lower end of the 95 % interval, clips taken as independent.")
    high: float = Field(description="Upper end of the 95 % interval.")
    interval: SliceInterval = Field(
        description="What made the interval; wilson: from n and accuracy, where TFMA gave none."
    )
    gap: float = Field(description="Accuracy minus the model's accuracy on the whole task.")
    teacher: float | None = Field(None, description="The teacher's accuracy on the same clips, if given.")


class TfmaSummary(ReportFile):
    """A TFMA evaluation in our own words: its slices, and what it says of the thresholds."""

    FILE: ClassVar[str] = "slices.json"

    min_slice: int = Field(description="Slices of fewer clips are not listed.")
    slices: list[SliceFigure] = Field(description="By task; whole tasks first, then the largest gaps.")
    left_out: int = Field(0, description="Slices of too few clips.")
    thresholds: list[str] = Field(default_factory=list, description="What was asked; none: nothing.")
    validated: bool = Field(description="Whether TFMA found every threshold met; true if there is none.")
    reasons: list[str] = Field(default_factory=list, description="The thresholds that were not met.")
