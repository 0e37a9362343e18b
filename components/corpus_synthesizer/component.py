"""The CorpusSynthesizer component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.corpus_synthesizer.executor import CODE_DIGEST_KEY, CORPUS_KEY, SETTINGS_KEY, Executor
from components.corpus_synthesizer.settings import SynthesizerSettings
from schemas.artifacts import SoundCorpus


class CorpusSynthesizerSpec(types.ComponentSpec):
    """Channels and parameters of :class:`CorpusSynthesizer`."""

    PARAMETERS = {
        SETTINGS_KEY: ExecutionParameter(type=str),
        CODE_DIGEST_KEY: ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {CORPUS_KEY: ChannelParameter(type=SoundCorpus)}


class CorpusSynthesizer(base_component.BaseComponent):
    """Speaks a corpus in AudioSet's form and three tasks in NOSS's form."""

    SPEC_CLASS = CorpusSynthesizerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, settings: SynthesizerSettings, code_digest: str = "") -> None:
        """Makes the component.

        Args:
          settings: How much is spoken, by whom, and how clean it sounds.
          code_digest: Digest of the code, so that the cache sees changes.
        """
        super().__init__(
            spec=CorpusSynthesizerSpec(
                **{
                    SETTINGS_KEY: settings.to_parameter(),
                    CODE_DIGEST_KEY: code_digest,
                    CORPUS_KEY: types.Channel(type=SoundCorpus),
                }
            )
        )
