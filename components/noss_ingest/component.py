"""The NossIngest component."""

from __future__ import annotations

from tfx.types.standard_artifacts import Examples

from components.common.tfx.contract import BeamComponent, Input, Output, Parameter, field, output
from components.noss_ingest.settings import NossIngestSettings
from schemas.artifacts import IngestReport, SoundCorpus


class NossIngest(BeamComponent):
    """Takes NOSS tasks in: manifests and the clips they name to labelled records.

    Attributes:
      settings: Which tasks, and where they lie.
      corpus: A synthesised corpus, in place of ``settings.root``.
      code_digest: Digest of the code, so that the cache sees changes.
      data_digest: Digest of the tasks (:meth:`components.noss_ingest.sources.TaskSources.digest`).
      scratch_dir: Folder in which finished shards outlive a killed run; empty: nothing is kept.
      examples: The records.
      report: What was taken in, and what was left out and why.
    """

    settings: Parameter[NossIngestSettings]
    corpus: Input[SoundCorpus | None] = field(default=None)
    code_digest: Parameter[str] = field(default="")
    data_digest: Parameter[str] = field(default="")
    scratch_dir: Parameter[str] = field(default="")
    examples: Output[Examples] = output()
    report: Output[IngestReport] = output()

    def prepare(self) -> None:
        """Refuses what has neither a root nor a corpus, or both."""
        if bool(self.settings.root) == (self.corpus is not None):
            raise ValueError(
                f"NossIngest takes either settings.root or a corpus, got root={self.settings.root!r} and "
                f"{'a' if self.corpus is not None else 'no'} corpus"
            )
