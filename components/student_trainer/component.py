"""StudentTrainer: distillation windows to one student."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.student_trainer import executor
from components.student_trainer.phases import plan_phases
from components.student_trainer.settings import TrainingSettings
from schemas.artifacts import DistillationSet, StudentModel
from schemas.students import FrontEndSpec, StudentSpec


class StudentTrainerSpec(types.ComponentSpec):
    """Channels and parameters of :class:`StudentTrainer`."""

    PARAMETERS = {
        executor.SPEC_KEY: ExecutionParameter(type=str),
        executor.SETTINGS_KEY: ExecutionParameter(type=str),
        executor.FRONT_END_KEY: ExecutionParameter(type=str),
        executor.SEED_KEY: ExecutionParameter(type=int),
        executor.SCRATCH_KEY: ExecutionParameter(type=str),
        executor.CODE_DIGEST_KEY: ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.WINDOWS_KEY: ChannelParameter(type=DistillationSet),
        executor.START_KEY: ChannelParameter(type=StudentModel, optional=True),
    }
    OUTPUTS = {executor.MODEL_KEY: ChannelParameter(type=StudentModel)}


class StudentTrainer(base_component.BaseComponent):
    """Distils one student from the teacher's embeddings."""

    SPEC_CLASS = StudentTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        windows: types.BaseChannel,
        spec: StudentSpec,
        settings: TrainingSettings,
        front_end: FrontEndSpec,
        seed: int,
        scratch_dir: str,
        start: types.BaseChannel | None = None,
        code_digest: str = "",
    ) -> None:
        """Makes the node of one candidate.

        Args:
          windows: The ``DistillationSet`` to learn from.
          spec: What the student is made of.
          settings: How it is trained.
          front_end: What it hears through.
          seed: Of initialisation and order.
          scratch_dir: Folder for checkpoints and computed log-mels; may be emptied between runs.
          start: The ``StudentModel`` of the candidate that ``spec.warm_start`` names.
          code_digest: Fingerprint of the code, so that changed code is not answered from the cache.

        Raises:
          ValueError: If the training is too short for the phases that the candidate needs, or ``start`` is
            given and not asked for, or the other way round.
        """
        plan_phases(spec, settings)
        if bool(spec.warm_start) != (start is not None):
            raise ValueError(
                f"{spec.candidate_id} starts from {spec.warm_start!r}, whose StudentModel is not given"
                if spec.warm_start
                else f"{spec.candidate_id} starts from scratch, but a StudentModel to start from is given"
            )
        channels = {executor.WINDOWS_KEY: windows}
        if start is not None:
            channels[executor.START_KEY] = start
        super().__init__(
            spec=StudentTrainerSpec(
                **{
                    **channels,
                    executor.SPEC_KEY: spec.to_parameter(),
                    executor.SETTINGS_KEY: settings.to_parameter(),
                    executor.FRONT_END_KEY: front_end.to_parameter(),
                    executor.SEED_KEY: seed,
                    executor.SCRATCH_KEY: scratch_dir,
                    executor.CODE_DIGEST_KEY: code_digest,
                    executor.MODEL_KEY: types.Channel(type=StudentModel),
                }
            )
        )
