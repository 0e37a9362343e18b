"""The TfliteConverter component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.tflite_converter.executor import (
    CODE_DIGEST,
    MODEL_KEY,
    SETTINGS,
    VARIANTS_KEY,
    WINDOWS_KEY,
    Executor,
)
from components.tflite_converter.settings import ConverterSettings
from schemas.artifacts import DistillationSet, StudentModel, TfliteVariants


class TfliteConverterSpec(types.ComponentSpec):
    """What the converter takes and gives."""

    PARAMETERS = {SETTINGS: ExecutionParameter(type=str), CODE_DIGEST: ExecutionParameter(type=str)}
    INPUTS = {
        MODEL_KEY: ChannelParameter(type=StudentModel),
        WINDOWS_KEY: ChannelParameter(type=DistillationSet),
    }
    OUTPUTS = {VARIANTS_KEY: ChannelParameter(type=TfliteVariants)}


class TfliteConverter(base_component.BaseComponent):
    """One student to its TFLite variants.

    Inputs: ``model`` (a student), ``windows`` (whose eval split is the held-out sound).
    Output: ``variants``: ``variants.json``, the ``.tflite`` files and their golden vectors.
    """

    SPEC_CLASS = TfliteConverterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        windows: types.BaseChannel,
        settings: ConverterSettings | None = None,
        code_digest: str = "",
    ) -> None:
        """Makes the node.

        Args:
          model: Channel of one ``StudentModel``.
          windows: Channel of the ``DistillationSet`` the student learned from.
          settings: Variants and floors; defaults where None.
          code_digest: Digest of the component's code, so that the cache sees a change.
        """
        super().__init__(
            spec=TfliteConverterSpec(
                **{
                    MODEL_KEY: model,
                    WINDOWS_KEY: windows,
                    VARIANTS_KEY: types.Channel(type=TfliteVariants),
                    SETTINGS: (settings or ConverterSettings()).to_parameter(),
                    CODE_DIGEST: code_digest,
                }
            )
        )
