"""The AudioIngest component."""

from __future__ import annotations

from tfx.types.standard_artifacts import Examples

from components.audio_ingest.settings import AudioIngestSettings
from components.common.tfx.contract import BeamComponent, Input, Output, Parameter, field, output
from schemas.artifacts import IngestReport, SoundCorpus


class AudioIngest(BeamComponent):
    """Takes an AudioSet-shaped corpus in: segments CSVs and a folder of clips to clip records.

    Attributes:
      settings: Where the corpus lies and what to take from it.
      corpus: A synthesised corpus, in place of ``settings.root``.
      code_digest: Digest of the code, so that the cache sees changes.
      data_digest: Digest of the corpus (:func:`components.audio_ingest.sources.sources_digest`).
      scratch_dir: Folder in which finished shards outlive a killed run; empty: nothing is kept.
      examples: The records.
      report: What was taken in, and what was left out and why.
    """

    settings: Parameter[AudioIngestSettings]
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
                f"AudioIngest takes either settings.root or a corpus, got root={self.settings.root!r} and "
                f"{'a' if self.corpus is not None else 'no'} corpus"
            )
