"""The configuration of a run: one record, composed of each component's own settings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.resample import TARGET_RATE
from components.corpus_synthesizer.settings import SYNTHETIC_TASKS, SynthesizerSettings
from components.frontier_gate.settings import GateSettings
from components.frontier_pusher.settings import PusherSettings
from components.frontier_search.settings import DeviceBudgets, SearchSettings
from components.latency_benchmark.settings import LatencySettings
from components.noss_comparison.settings import NossComparisonSettings
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_ingest.settings import NossIngestSettings
from components.student_trainer.phases import plan_phases
from components.student_trainer.settings import TrainingSettings
from components.teacher_embedder.settings import TeacherEmbedderSettings
from components.teacher_trainer.settings import TeacherTrainerSettings
from components.tflite_converter.settings import ConverterSettings
from pipeline.configuration.gate_checks import check_gate
from pipeline.configuration.grid import StudentGrid
from pipeline.kubeflow.settings import KubeflowSettings
from schemas.settings import Settings
from schemas.students import FrontEndSpec
from schemas.teachers import needs_training

# Of a full training: how long a search trains students that start from their network, trained.
_WARM_SHARE = 0.3
# Likewise, where only quantisation and sparsity are left to learn.
_QUANTISED_SHARE = 0.1

Positive = Annotated[int, Field(ge=1)]


class ExecutionSettings(Settings):
    """How a run uses the machine."""

    cache: bool = Field(
        True, description="Answer components whose inputs and code did not change from the cache."
    )
    parallel: Positive | Literal["auto"] = Field(
        "auto",
        description="Nodes that run at once at most on this machine, as far as memory allows; results do not "
        "depend on it. auto: as many as there are processors for execution.threads each. A latency is always "
        "measured with nothing beside it.",
    )
    threads: Positive | Literal["auto"] = Field(
        "auto",
        description="Threads of TensorFlow and BLAS in each node of a candidate; the last digits of a "
        "training depend on it. auto: the machine's processors divided by the number of candidates, at least "
        "1. Nodes of no candidate use all processors.",
    )
    beam_workers: int = Field(1, ge=1, description="Processes that Beam components share their shards among.")
    beam_args: list[str] = Field(
        default_factory=list, description="Further Beam options, as on Beam's own command line."
    )


class RunConfig(Settings):
    """Everything a run is made of."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{1,40}$", description="Name of the run: of its folder and its experiment."
    )
    description: str = Field("", description="What the run is for; shown on the report.")
    seed: int = Field(20, ge=0, description="The one source of all randomness.")
    data_root: str = Field(
        "", description="Folder that relative places of sound are in; empty: TINYTRILL_DATA_ROOT, or here."
    )
    teacher_root: str = Field(
        "", description="Folder that relative teacher files are in; empty: TINYTRILL_TEACHER_ROOT, or here."
    )
    synthetic: SynthesizerSettings | None = Field(
        None, description="Synthesise the corpus and the tasks instead of reading them from folders."
    )
    corpus: AudioIngestSettings = Field(
        default_factory=AudioIngestSettings, description="The corpus to distil on, in AudioSet's form."
    )
    noss: NossIngestSettings = Field(
        default_factory=NossIngestSettings, description="The tasks that measure quality."
    )
    front_end: FrontEndSpec = Field(
        default_factory=FrontEndSpec,
        description="The log-mel front end: of a trained teacher, of baselines, and of students that do not "
        "say otherwise. Its rate and its window are those of all.",
    )
    teacher_training: TeacherTrainerSettings | None = Field(
        None, description="Train a teacher by TRILL's recipe; for distillation.teacher.kind 'trained'."
    )
    distillation: TeacherEmbedderSettings = Field(description="The teacher and the windows it embeds.")
    search: SearchSettings | None = Field(
        None, description="Train only what promises the frontier; absent: every candidate in full."
    )
    students: StudentGrid = Field(description="The candidates.")
    training: TrainingSettings = Field(
        default_factory=TrainingSettings, description="How each candidate is trained."
    )
    conversion: ConverterSettings = Field(
        default_factory=ConverterSettings, description="The TFLite variants and their parity floors."
    )
    evaluation: NossEvaluatorSettings = Field(
        default_factory=NossEvaluatorSettings, description="How quality is measured."
    )
    comparison: NossComparisonSettings = Field(
        default_factory=NossComparisonSettings, description="How models are set side by side."
    )
    latency: LatencySettings = Field(default_factory=LatencySettings, description="How latency is measured.")
    gate: GateSettings = Field(default_factory=GateSettings, description="Goals and dominance.")
    push: PusherSettings = Field(
        default_factory=PusherSettings, description="Where the frontier goes: folder and MLflow registry."
    )
    execution: ExecutionSettings = Field(
        default_factory=ExecutionSettings, description="How the run uses the machine."
    )
    kubeflow: KubeflowSettings = Field(
        default_factory=KubeflowSettings,
        description="How a Kubeflow cluster runs the pipeline; a run on this machine does not look at it.",
    )

    def request(self) -> str:
        """What is asked for, as JSON, but for where and how much at once it runs: that changes no result."""
        execution = self.execution.model_copy(update={"parallel": "auto"})
        return self.model_copy(update={"kubeflow": KubeflowSettings(), "execution": execution}).to_parameter()

    @property
    def device_budgets(self) -> DeviceBudgets:
        """What the devices allow each file that is made of a student."""
        budgets = {name: device.budgets for name, device in self.latency.devices.items()}
        return DeviceBudgets(by_device=budgets, variants=self.conversion.variants)

    @field_validator("front_end")
    @classmethod
    def _leaves_nothing_out(cls, front_end: FrontEndSpec) -> FrontEndSpec:
        if front_end.sample_rate != TARGET_RATE:
            raise ValueError(
                f"sample_rate is {front_end.sample_rate}, but corpus and tasks are decoded to "
                f"{TARGET_RATE} Hz; accepted: {TARGET_RATE}"
            )
        front_end.check()
        return front_end

    @field_validator("students")
    @classmethod
    def _named_in_the_run(cls, students: StudentGrid, info: ValidationInfo) -> StudentGrid:
        front_end = info.data.get("front_end")  # absent if it was refused
        return students.behind(front_end, bool(info.data.get("search"))) if front_end else students

    @field_validator("training")
    @classmethod
    def _shorter_from_trained_networks(
        cls, training: TrainingSettings, info: ValidationInfo
    ) -> TrainingSettings:
        if not info.data.get("search"):
            return training
        fit = training.linear_fit
        if fit.alone is None:
            training = training.model_copy(update={"linear_fit": fit.model_copy(update={"alone": True})})
        if training.warm_epochs:
            return training
        # Where nothing is fitted alone, as many as the phases of a compressed student need.
        share, least = (_QUANTISED_SHARE, 1) if training.linear_fit.fits_alone else (_WARM_SHARE, 4)
        return training.model_copy(update={"warm_epochs": max(least, round(share * training.epochs))})

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        candidates = self.students.expand()
        for candidate in candidates:
            candidate.check(self.front_end)
            plan_phases(candidate, self.training)
            self.conversion.check(candidate, self.front_end)
        if self.search and self.search.short_epochs >= self.training.epochs:
            raise ValueError(
                f"search.short_epochs is {self.search.short_epochs}, but a full training has "
                f"{self.training.epochs} epochs (training.epochs); accepted: fewer"
            )
        trained = needs_training(self.distillation.teacher)
        if trained and self.teacher_training is None:
            raise ValueError("distillation.teacher is 'trained', so teacher_training must be given")
        if self.teacher_training is not None and not trained:
            raise ValueError("teacher_training is given, but distillation.teacher does not use it")
        if self.distillation.window_samples < self.front_end.window_samples:
            raise ValueError(
                f"distillation.window_samples is {self.distillation.window_samples}, but a patch of the "
                f"front end needs {self.front_end.window_samples} at least"
            )
        points = [
            f"{candidate.candidate_id}/{variant}"
            for candidate in candidates
            for variant in self.conversion.variants
        ]
        check_gate(self.gate, self.latency, self.evaluation, self._tasks(), points)
        return self

    def _tasks(self) -> list[str] | None:
        """Names of the tasks, if they can be known without looking for their sound."""
        if self.noss.tasks:
            return [choice.task for choice in self.noss.tasks]
        return list(SYNTHETIC_TASKS) if self.synthetic else None
