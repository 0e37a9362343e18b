"""Distillation windows as arrays: log-mels computed once, read from a memory map.

All candidates of a run learn on the same windows, most of them through the same front end: the first one that
has it computes the log-mels, the others wait and map its files, in other pods too. The map is paged by the
system: a set larger than memory works.

The windows of a clip come one after the other in the set. In the arrays they are mixed, so an epoch may read
long runs of neighbours (:mod:`components.student_trainer.reading_order`) and still see batches of many clips.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from components.common.audio.ahead import work_ahead
from components.common.audio.framing import to_float
from components.common.modeling.frontend import LogMel
from components.common.store.computed import compute_once, key_of
from components.common.store.shards import iterate_examples, list_shards
from components.common.store.tfrecord import framing_digest
from components.student_trainer.reading_order import mixed_places
from schemas.distillation_reports import DistillationSetInfo
from schemas.records import DistillationWindow
from schemas.students import FrontEndSpec

Array = np.ndarray[Any, Any]

log = logging.getLogger("tinytrill.student_trainer")

_BATCH = 256
_OUTLIER = 8.0  # standard deviations


@dataclass(frozen=True)
class WindowStore:
    """One split, ready to train on.

    Attributes:
      log_mel: float16 ``(windows, frames, mels)``: all frames that fit into a window, a patch or more.
      target: float16 ``(windows, target_dim)``, standardised, outliers cut.
    """

    log_mel: Array
    target: Array

    def __len__(self) -> int:
        return len(self.target)

    def batches(self, order: Array, size: int, part: slice = slice(None)) -> Iterator[tuple[Array, Array]]:
        """Whole batches of windows in the given order; what does not fill a batch is left out.

        The next batch is read while the present one is worked on.

        Args:
          order: Numbers of windows.
          size: Of a batch.
          part: What is given of each batch.
        """
        starts = iter(range(0, len(order) - size + 1, size))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="windows") as reader:
            ahead = [reader.submit(self._read, order, start, size, part) for start in islice(starts, 1)]
            while ahead:
                ready = ahead.pop()
                batch = ready.result()
                ahead = [reader.submit(self._read, order, start, size, part) for start in islice(starts, 1)]
                yield batch

    def _read(self, order: Array, start: int, size: int, part: slice) -> tuple[Array, Array]:
        chosen = np.sort(order[start : start + size])[part]
        return self.log_mel[chosen].astype(np.float32), self.target[chosen].astype(np.float32)

    def sequential(self, size: int) -> Iterator[tuple[Array, Array]]:
        """All windows in stored order, which is a mixed one; the last batch may be smaller."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.log_mel[part].astype(np.float32), self.target[part].astype(np.float32)


def open_store(
    uri: str, split: str, front_end: FrontEndSpec, scratch: Path, code_digest: str = ""
) -> WindowStore:
    """Opens a split of a distillation set, computing its log-mels if nobody has yet.

    They are found again by what they are computed of: the windows, the front end and the code, wherever the
    set lies and whenever it was put there.

    Args:
      uri: Folder of a ``DistillationSet`` artifact.
      split: train or eval.
      front_end: The student's front end.
      scratch: Folder for the arrays; they can be deleted at any time.
      code_digest: Of the code that computes them.

    Raises:
      ValueError: If the split is empty, its windows are shorter than a patch, or a target has not as many
        dimensions as the set says.
      OSError: If there is no room for the arrays.
    """
    info = DistillationSetInfo.load(uri)
    if info.window_samples < front_end.window_samples:
        raise ValueError(
            f"the distillation set's windows have {info.window_samples} samples, "
            f"but a patch of the front end needs {front_end.window_samples}"
        )
    if not info.windows.get(split):
        raise ValueError(f"split {split!r} of the distillation set holds no windows")
    folder = scratch / f"windows-{_digest(uri, split, info, front_end, code_digest)}" / split
    compute_once(
        folder, lambda partial: _compute(uri, split, info, front_end, partial), "windows-*", folder.parent
    )
    return WindowStore(
        np.load(folder / "log_mel.npy", mmap_mode="r"), np.load(folder / "target.npy", mmap_mode="r")
    )


def _compute(uri: str, split: str, info: DistillationSetInfo, front_end: FrontEndSpec, folder: Path) -> None:
    log.info("computing log-mels of %d %s windows", info.windows[split], split)
    folder.mkdir()
    count = info.windows[split]
    frames = front_end.frames_in(info.window_samples)
    log_mel = _array(folder / "log_mel.npy", (count, frames, front_end.mels))
    target = _array(folder / "target.npy", (count, info.target_dim))
    layer = LogMel(front_end)
    mean, std = np.array(info.target_mean, np.float32), np.array(info.target_std, np.float32)
    places = mixed_places(count)
    start = 0
    # While the front end computes, the next batch is read and, if it is stored so, decoded.
    for batch in work_ahead(_read_batches(uri, split), 1, "windows"):
        for window in batch:
            if window.target.shape != (info.target_dim,):
                raise ValueError(
                    f"{uri}, split {split!r}: the window at sample {window.offset} of clip {window.clip_id} "
                    f"has a target of {window.target.size} dimensions; {DistillationSetInfo.FILE} says "
                    f"{info.target_dim}"
                )
        part = places[start : start + len(batch)]
        if len(part) < len(batch):
            raise ValueError(f"split {split!r} of {uri} should hold {count} windows, but holds more")
        log_mel[part] = layer(to_float(np.stack([window.audio for window in batch]))).numpy()
        raw = np.stack([window.target for window in batch]).astype(np.float32)
        target[part] = np.clip((raw - mean) / std, -_OUTLIER, _OUTLIER)
        start += len(batch)
    if start != count:
        raise ValueError(f"split {split!r} of {uri} should hold {count} windows, but holds {start}")
    log_mel.flush()
    target.flush()


def _array(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A float16 array in a file, with its room on the disk: storing into a map may not run out of it.

    Raises:
      OSError: With the file's name, if there is no room.
    """
    array = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    with path.open("r+b") as file:
        size = path.stat().st_size
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror} ({size} bytes are needed)", str(path)) from error
    return array


def _read_batches(uri: str, split: str) -> Iterator[list[DistillationWindow]]:
    windows = map(DistillationWindow.from_example, iterate_examples(list_shards(uri, split)))
    while batch := list(islice(windows, _BATCH)):
        yield batch


def _digest(uri: str, split: str, info: DistillationSetInfo, front_end: FrontEndSpec, code: str) -> str:
    shards = list_shards(uri, split)
    # The set's digest says what the windows are, and the shards how they follow each other.
    windows = [path.stat().st_size if info.digest else framing_digest(path) for path in shards]
    said = info.model_dump(mode="json", exclude={"seconds"})
    return key_of(said, windows, front_end.model_dump(mode="json"), code)
