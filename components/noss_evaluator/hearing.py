"""What models hear: the windows of all sounds, as waveforms or as log-mel patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from components.noss_evaluator.clips import ClipStream, Entry, Sound, WindowBatch
from components.noss_evaluator.feature_store import FeatureStore, open_store
from components.noss_evaluator.subjects import Hears, make_front_end
from schemas.records import NossClip
from schemas.students import FrontEndSpec


@dataclass
class Hearing:
    """Sounds, cut for one front end.

    Attributes:
      read: Opens the records.
      front_end: Its window is what waveforms are cut into.
      hop: Samples between windows.
      batch_windows: Windows of a batch, at least.
      store: Folder where log-mels are kept for other nodes; None: they are not kept.
      entries: Who uses which sound; known once all batches have been read.
      sounds: The distinct sounds; known once all batches have been read.
    """

    read: Callable[[], Iterable[NossClip]]
    front_end: FrontEndSpec
    hop: int
    batch_windows: int
    store: Path | None = None
    entries: list[Entry] = field(default_factory=list, init=False)
    sounds: list[Sound] = field(default_factory=list, init=False)

    def batches(self, hears: Hears) -> Iterator[WindowBatch]:
        """All sounds, from the first to the last."""
        source = (self._kept if hears == "log_mel" else None) or self._stream()
        if hears == "log_mel" and isinstance(source, ClipStream):
            yield from self._log_mels(source)
        else:
            yield from source.batches(self.batch_windows)
        self.entries, self.sounds = source.entries, source.sounds

    @cached_property
    def _kept(self) -> FeatureStore | None:
        if self.store is None:
            return None
        shape = (self.front_end.frames, self.front_end.mels)
        return open_store(self.store, shape, self._log_mels, self._stream)

    def _stream(self) -> ClipStream:
        return ClipStream(self.read(), self.front_end.window_samples, self.hop)

    def _log_mels(self, stream: ClipStream) -> Iterator[WindowBatch]:
        log_mel = make_front_end(self.front_end)
        for batch in stream.batches(self.batch_windows):
            yield WindowBatch(log_mel(batch.inputs), batch.sounds)
