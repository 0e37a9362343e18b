"""The NossIngest component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.noss_ingest.executor import (
    CODE_DIGEST_KEY,
    CORPUS_KEY,
    DATA_DIGEST_KEY,
    EXAMPLES_KEY,
    REPORT_KEY,
    SCRATCH_KEY,
    SETTINGS_KEY,
    Executor,
)
from components.noss_ingest.settings import NossIngestSettings
from schemas.artifacts import IngestReport, SoundCorpus


class NossIngestSpec(types.ComponentSpec):
    """Specification of NossIngest."""

    PARAMETERS = {
        SETTINGS_KEY: ExecutionParameter(type=str),
        CODE_DIGEST_KEY: ExecutionParameter(type=str),
        DATA_DIGEST_KEY: ExecutionParameter(type=str),
        SCRATCH_KEY: ExecutionParameter(type=str),
    }
    INPUTS = {CORPUS_KEY: ChannelParameter(type=SoundCorpus, optional=True)}
    OUTPUTS = {
        EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        REPORT_KEY: ChannelParameter(type=IngestReport),
    }


class NossIngest(base_beam_component.BaseBeamComponent):
    """Takes NOSS tasks in: manifests and the clips they name to labelled records."""

    SPEC_CLASS = NossIngestSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        settings: NossIngestSettings,
        corpus: types.BaseChannel | None = None,
        code_digest: str = "",
        data_digest: str = "",
        scratch_dir: str = "",
    ) -> None:
        """Makes the component.

        Args:
          settings: Which tasks, and where they lie.
          corpus: A synthesised corpus, in place of ``settings.root``.
          code_digest: Digest of the code, so that the cache sees changes.
          data_digest: Digest of the tasks (:func:`components.noss_ingest.sources.sources_digest`).
          scratch_dir: Folder in which finished shards outlive a killed run; empty: nothing is kept.

        Raises:
          ValueError: If there is neither a root nor a corpus, or both.
        """
        if bool(settings.root) == (corpus is not None):
            raise ValueError(
                f"NossIngest takes either settings.root or a corpus, got root={settings.root!r} and "
                f"{'a' if corpus is not None else 'no'} corpus"
            )
        parameters = {
            SETTINGS_KEY: settings.to_parameter(),
            CODE_DIGEST_KEY: code_digest,
            DATA_DIGEST_KEY: data_digest,
            SCRATCH_KEY: scratch_dir,
            EXAMPLES_KEY: types.Channel(type=standard_artifacts.Examples),
            REPORT_KEY: types.Channel(type=IngestReport),
        }
        if corpus is not None:
            parameters[CORPUS_KEY] = corpus
        super().__init__(spec=NossIngestSpec(**parameters))
