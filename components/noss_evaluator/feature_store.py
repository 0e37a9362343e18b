"""Log-mel patches of all sounds, computed once for all who share front end, hop and examples.

The first node computes them, the others map the file; beside it stands where in the shards the samples
are, so that whoever takes waveforms maps these. The file is written by ordinary writes and mapped only
when it is complete: on a full disk a write fails with an error that can be answered, where storing into a
map would kill the process.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from components.common.store.computed import compute_once, key_of
from components.common.store.shards import list_shards
from components.common.store.tfrecord import framing_digest
from components.noss_evaluator.clips import SPLITS, Array, ClipStream, Entry, Sound, WindowBatch, cut
from components.noss_evaluator.sample_places import Place, find_places, map_samples
from schemas.students import FrontEndSpec

FOLDER = "noss_features"

_PATCHES, _INDEX = "log_mel.npy", "index.json"
_LOG = logging.getLogger("tinytrill.noss_evaluator")


@dataclass(frozen=True)
class FeatureStore:
    """Patches and what they belong to.

    Attributes:
      patches: float32 ``(windows, frames, mels)``, mapped.
      sounds: The distinct sounds, in the order of their windows.
      entries: Who uses which sound.
      places: Where the sounds' samples are; empty if they are nowhere as they were used.
      examples: Uri of the Examples artifact that the places are in.
    """

    patches: Array
    sounds: list[Sound]
    entries: list[Entry]
    places: list[Place]
    examples: str

    def batches(self, batch_windows: int) -> Iterator[WindowBatch]:
        """Patches of whole sounds, at least ``batch_windows`` of them but for the last batch."""
        start = end = first = 0
        for following, sound in enumerate(self.sounds, start=1):
            end += sound.windows
            if end - start >= batch_windows or following == len(self.sounds):
                yield WindowBatch(self.patches[start:end], self.sounds[first:following])
                start, first = end, following

    def waveforms(self, window: int, hop: int, batch_windows: int) -> Iterator[WindowBatch]:
        """Windows of the same sounds, cut from the shards."""
        found = zip(map_samples(self.examples, self.places), self.sounds, strict=True)
        sounds = ((audio, sound.clip_id, sound.digest) for audio, sound in found)
        return cut(sounds, window, hop, batch_windows)


def store_folder(
    scratch: str | Path, examples: str, front_end: FrontEndSpec, hop: int, code: str, changes: str = ""
) -> Path:
    """Where the patches of some examples lie.

    Args:
      scratch: Folder for what can be computed again.
      examples: Uri of the Examples artifact. What its records are is part of the key, and neither where they
        lie nor since when: each pod has a copy of its own.
      front_end: What computes the patches.
      hop: Samples between windows.
      code: Digest of the code that computes them.
      changes: What is done to the sound first, and to which; empty: nothing, all of it.
    """
    shards = [path for split in SPLITS for path in list_shards(examples, split)]
    files = [(path.relative_to(examples).as_posix(), framing_digest(path)) for path in shards]
    identity = [files, front_end.model_dump(mode="json"), hop, code, changes]
    return Path(scratch) / FOLDER / key_of(identity)


def open_store(
    folder: Path,
    shape: tuple[int, int],
    compute: Callable[[ClipStream], Iterator[WindowBatch]],
    make_stream: Callable[[], ClipStream],
    examples: str = "",
) -> FeatureStore | None:
    """Opens a store, making it if nobody has yet; who comes meanwhile waits.

    Args:
      folder: Of the store.
      shape: Frames and mels of a patch.
      compute: Gives the patches of a stream's sounds; not called if the store is there.
      make_stream: Opens the records.
      examples: Uri of the Examples artifact that the records are, if nothing was done to them.

    Returns:
      The store, or None if it could not be written: then there is a warning.
    """

    def make(partial: Path) -> None:
        stream = make_stream()
        _make(partial, shape, stream, compute(stream), examples)

    try:
        compute_once(folder, make, "[0-9a-f]*")
        return _load(folder, examples)
    except OSError as error:
        _LOG.warning("log-mels cannot be kept in %s (%s): each model computes its own", folder, error)
        return None


def _make(
    folder: Path, shape: tuple[int, int], stream: ClipStream, batches: Iterator[WindowBatch], examples: str
) -> None:
    folder.mkdir()
    windows = _write_patches(folder / _PATCHES, shape, batches)
    clip_ids = [sound.clip_id for sound in stream.sounds]
    places = find_places(examples, clip_ids) if examples else []
    index = {
        "sounds": [asdict(sound) for sound in stream.sounds],
        "entries": [asdict(entry) for entry in stream.entries],
        "places": [asdict(place) for place in places],
    }
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")
    _LOG.info("log-mels of %d windows of %d sounds computed once for all", windows, len(stream.sounds))


def _write_patches(path: Path, shape: tuple[int, int], batches: Iterator[WindowBatch]) -> int:
    """Writes a ``.npy`` file piece by piece; numpy's header leaves room for the number of rows to grow."""
    windows = 0
    with path.open("wb") as file:
        _write_header(file, (windows, *shape))
        for batch in batches:
            file.write(np.ascontiguousarray(batch.inputs, np.float32).data)
            windows += len(batch.inputs)
        file.seek(0)
        _write_header(file, (windows, *shape))
        file.flush()
        os.fsync(file.fileno())  # what the disk has no room for shows here at the latest
    return windows


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    kind = np.lib.format.dtype_to_descr(np.dtype(np.float32))
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})


def _load(folder: Path, examples: str) -> FeatureStore:
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    return FeatureStore(
        np.load(folder / _PATCHES, mmap_mode="r"),
        [Sound(**sound) for sound in index["sounds"]],
        [Entry(**entry) for entry in index["entries"]],
        [Place(**place) for place in index["places"]],
        examples,
    )
