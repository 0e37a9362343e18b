"""TeacherTrainer: clip records to a teacher."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.teacher_trainer import executor
from components.teacher_trainer.settings import TeacherTrainerSettings
from schemas.artifacts import TeacherModel


class TeacherTrainerSpec(types.ComponentSpec):
    """Channels and parameters of :class:`TeacherTrainer`."""

    PARAMETERS = {
        executor.SETTINGS_KEY: ExecutionParameter(type=str),
        executor.SEED_KEY: ExecutionParameter(type=int),
        executor.CODE_DIGEST_KEY: ExecutionParameter(type=str),
    }
    INPUTS = {executor.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {executor.MODEL_KEY: ChannelParameter(type=TeacherModel)}


class TeacherTrainer(base_component.BaseComponent):
    """Trains a teacher by TRILL's recipe: triplets on temporal proximity."""

    SPEC_CLASS = TeacherTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        settings: TeacherTrainerSettings,
        seed: int,
        code_digest: str = "",
    ) -> None:
        """Makes the node.

        Args:
          examples: Clip records with the splits train and eval.
          settings: The network and how it is trained.
          seed: Of initialisation, order and pairs.
          code_digest: Fingerprint of the code, so that changed code is not answered from the cache.
        """
        super().__init__(
            spec=TeacherTrainerSpec(
                **{
                    executor.EXAMPLES_KEY: examples,
                    executor.SETTINGS_KEY: settings.to_parameter(),
                    executor.SEED_KEY: seed,
                    executor.CODE_DIGEST_KEY: code_digest,
                    executor.MODEL_KEY: types.Channel(type=TeacherModel),
                }
            )
        )
