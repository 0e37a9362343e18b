"""What models are given: the windows of all sounds, as waveforms or as log-mel patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from components.noss_evaluator.clips import WHOLE, ClipStream, Entry, Sound, WindowBatch
from components.noss_evaluator.feature_store import FeatureStore, open_store
from components.noss_evaluator.models_under_test import InputKind, make_front_end
from schemas.records import NossClip
from schemas.students import FrontEndSpec


@dataclass
class ClipFeatures:
    """Sounds, cut for one front end.

    Attributes:
      read: Opens the records.
      front_end: Its window is what waveforms are cut into.
      hop: Samples between windows.
      batch_windows: Windows of a batch, at least.
      store: Folder where log-mels are kept for other nodes; None: they are not kept.
      examples: Uri of the Examples artifact that the records are, if nothing was done to them.
      entries: Who uses which sound; known once all batches have been read.
      sounds: The distinct sounds; known once all batches have been read.
    """

    read: Callable[[], Iterable[NossClip]]
    front_end: FrontEndSpec
    hop: int
    batch_windows: int
    store: Path | None = None
    examples: str = ""
    entries: list[Entry] = field(default_factory=list, init=False)
    sounds: list[Sound] = field(default_factory=list, init=False)
    _store: FeatureStore | None = field(default=None, init=False, repr=False)

    def batches(self, input_kind: InputKind) -> Iterator[WindowBatch]:
        """All sounds, from the first to the last."""
        kept = self._kept_for(input_kind)
        if kept is None:
            stream = self._stream(input_kind)
            yield from (
                self._log_mels(stream) if input_kind == "log_mel" else stream.batches(self.batch_windows)
            )
            self.entries, self.sounds = stream.entries, stream.sounds
            return
        if input_kind == "log_mel":
            yield from kept.batches(self.batch_windows)
        else:
            yield from kept.waveforms(self._window(input_kind), self.hop, self.batch_windows)
        self.entries, self.sounds = kept.entries, kept.sounds

    def _kept_for(self, input_kind: InputKind) -> FeatureStore | None:
        """The store, if it can be used; for the sake of waveforms none is made."""
        if self.store is None or (input_kind != "log_mel" and not self.store.is_dir()):
            return None
        kept = self._opened(self.store)
        return None if kept and input_kind != "log_mel" and not kept.places else kept

    def _opened(self, folder: Path) -> FeatureStore | None:
        if self._store is None:
            shape = (self.front_end.frames, self.front_end.mels)
            self._store = open_store(folder, shape, self._log_mels, self._stream, self.examples)
        return self._store

    def _stream(self, input_kind: InputKind = "log_mel") -> ClipStream:
        return ClipStream(self.read(), self._window(input_kind), self.hop)

    def _window(self, input_kind: InputKind) -> int:
        return WHOLE if input_kind == "clip" else self.front_end.window_samples

    def _log_mels(self, stream: ClipStream) -> Iterator[WindowBatch]:
        log_mel = make_front_end(self.front_end)
        for batch in stream.batches(self.batch_windows):
            yield WindowBatch(log_mel(batch.inputs), batch.sounds)
