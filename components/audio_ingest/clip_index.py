"""Finding the file of a segment, whatever downloader named it.

Known names: ``Y<ytid>`` (PANNs), ``<ytid>``, ``<ytid>_<start>`` (as in the CSV, ``30.000``, or ``30``),
``<ytid>_<start ms>_<end ms>``, ``<ytid>_<start>-<end>``; in any sub-folder, with any extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.audio.decode import AUDIO_EXTENSIONS
from components.audio.fingerprint import walk_files
from components.audio_ingest.segments import Segment


class ClipIndex:
    """The sound files below a folder by name, listed once."""

    def __init__(self, folder: str | Path) -> None:
        self._paths: dict[str, str] = {}
        for path in walk_files(folder, AUDIO_EXTENSIONS):
            self._paths.setdefault(path.stem, str(path))

    def __len__(self) -> int:
        return len(self._paths)

    def find(self, segment: Segment) -> str | None:
        """Path of the segment's file; of several, the one whose name says most."""
        return next((self._paths[stem] for stem in _stems(segment) if stem in self._paths), None)


def _stems(segment: Segment) -> Iterator[str]:
    ytid = segment.ytid
    yield f"{ytid}_{segment.start_ms}_{segment.end_ms}"
    starts, ends = _spellings(segment.start_s), _spellings(segment.end_s)
    for start, end in zip(starts, ends, strict=True):
        yield f"{ytid}_{start}-{end}"
    for start in starts:
        yield f"{ytid}_{start}"
    yield f"Y{ytid}"
    yield ytid


def _spellings(seconds: float) -> tuple[str, str, str]:
    """30 s as ``30.000``, ``30.0`` and ``30``."""
    return f"{seconds:.3f}", repr(seconds), f"{seconds:.10g}"
