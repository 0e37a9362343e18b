"""TeacherEmbedder: clip records and a teacher to distillation windows."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.teacher_embedder import executor
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet, IngestReport, TeacherModel
from schemas.teachers import needs_training


class TeacherEmbedderSpec(types.ComponentSpec):
    """Channels and parameters of :class:`TeacherEmbedder`."""

    PARAMETERS = {
        executor.SETTINGS_KEY: ExecutionParameter(type=str),
        executor.SEED_KEY: ExecutionParameter(type=int),
        executor.CODE_DIGEST_KEY: ExecutionParameter(type=str),
        executor.DATA_DIGEST_KEY: ExecutionParameter(type=str),
        executor.SCRATCH_KEY: ExecutionParameter(type=str),
        executor.MIN_TEST_SPEAKERS_KEY: ExecutionParameter(type=int),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        executor.TEACHER_KEY: ChannelParameter(type=TeacherModel, optional=True),
        executor.REPORT_KEY: ChannelParameter(type=IngestReport, optional=True),
        executor.NOSS_KEY: ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {executor.WINDOWS_KEY: ChannelParameter(type=DistillationSet)}


class TeacherEmbedder(base_beam_component.BaseBeamComponent):
    """Embeds every window of the corpus with the teacher."""

    SPEC_CLASS = TeacherEmbedderSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        settings: TeacherEmbedderSettings,
        seed: int,
        teacher: types.BaseChannel | None = None,
        report: types.BaseChannel | None = None,
        noss: types.BaseChannel | None = None,
        min_test_speakers: int = 0,
        code_digest: str = "",
        data_digest: str = "",
        scratch_dir: str = "",
    ) -> None:
        """Makes the node.

        Args:
          examples: Clip records with the splits train and eval.
          settings: The teacher, the windows and the augmentation.
          seed: Of the augmentation.
          teacher: The ``TeacherModel`` that a teacher of kind ``trained`` is read from.
          report: The ``IngestReport`` of the clips, which says whether they are synthetic.
          noss: NOSS examples; what is tested of them is removed from the corpus
            (``settings.noss_duplicates``).
          min_test_speakers: The evaluator's setting, which decides of which tasks every clip is tested.
          code_digest: Fingerprint of the code, so that changed code is not answered from the cache.
          data_digest: Fingerprint of the teacher's files, for the same purpose.
          scratch_dir: Folder in which finished shards outlive a killed run; empty: nothing is kept.

        Raises:
          ValueError: If a trained teacher is asked for and none is given, or the other way round.
        """
        if needs_training(settings.teacher) != (teacher is not None):
            raise ValueError(
                "settings.teacher is of kind 'trained', so the output of TeacherTrainer is needed"
                if teacher is None
                else f"the output of TeacherTrainer is given, but settings.teacher is of kind "
                f"{settings.teacher.kind!r} and does not use it"
            )
        channels: dict[str, Any] = {executor.EXAMPLES_KEY: examples}
        if teacher is not None:
            channels[executor.TEACHER_KEY] = teacher
        if report is not None:
            channels[executor.REPORT_KEY] = report
        if noss is not None and settings.noss_duplicates == "remove":
            channels[executor.NOSS_KEY] = noss
        super().__init__(
            spec=TeacherEmbedderSpec(
                **channels,
                **{
                    executor.SETTINGS_KEY: settings.to_parameter(),
                    executor.SEED_KEY: seed,
                    executor.CODE_DIGEST_KEY: code_digest,
                    executor.DATA_DIGEST_KEY: data_digest,
                    executor.SCRATCH_KEY: scratch_dir,
                    executor.MIN_TEST_SPEAKERS_KEY: min_test_speakers,
                    executor.WINDOWS_KEY: types.Channel(type=DistillationSet),
                },
            )
        )
