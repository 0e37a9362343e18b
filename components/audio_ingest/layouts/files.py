"""The layouts in which each clip is a file, told apart by the files' names.

A YouTube id has eleven characters, may begin with ``-`` and may hold ``_``. Ids of other lengths, as a made
corpus may have, are read from the end of the name.
"""

from __future__ import annotations

import re
from typing import ClassVar

from components.audio_ingest.layouts.base import UNKNOWN_START, FileLayout
from components.common.audio.decode import AUDIO_EXTENSIONS

_ID = r"(?P<ytid>[A-Za-z0-9_-]+)"
_USUAL_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_SECONDS = r"\d+(?:\.\d+)?"


class _Named(FileLayout):
    """A layout that is one regular expression with the group ``ytid`` and, mostly, ``start``."""

    extensions = AUDIO_EXTENSIONS
    prefix: ClassVar[str] = ""
    suffix: ClassVar[str] = ""
    start_unit_ms: ClassVar[int] = 1000

    def __init__(self) -> None:
        self._pattern = re.compile(self.prefix + _ID + self.suffix)

    def parse(self, stem: str) -> tuple[str, int] | None:
        found = self._pattern.fullmatch(stem)
        if found is None:
            return None
        start = found.groupdict().get("start")
        if start is None:
            return found["ytid"], UNKNOWN_START
        return found["ytid"], round(float(start) * (1000 if "." in start else self.start_unit_ms))


class Panns(_Named):
    """As PANNs' downloader names them."""

    name = "panns"
    form = "Y<id>.<ext>, in folders such as unbalanced_train_segments_part07"
    prefix = "Y"


class Plain(_Named):
    """The id alone."""

    name = "plain"
    form = "<id>.<ext>"


class Start(_Named):
    """Id and start in seconds."""

    name = "start"
    form = "<id>_<start s>.<ext>"
    suffix = rf"_(?P<start>{_SECONDS})"


class StartEnd(_Named):
    """Id, start and end in seconds, mostly in a folder for each label."""

    name = "start_end"
    form = "<label>/<id>_<start s>-<end s>.<ext>"
    suffix = rf"_(?P<start>{_SECONDS})-{_SECONDS}"


class StartEndMs(_Named):
    """Id, start and end in milliseconds; in seconds where they have a point, or where the rows say so."""

    name = "start_end_ms"
    form = "<id>_<start ms>_<end ms>.<ext>"
    suffix = rf"_(?P<start>{_SECONDS})_{_SECONDS}"
    start_unit_ms = 1


# The more a name must say, the earlier it is tried.
LAYOUTS: tuple[FileLayout, ...] = (StartEndMs(), StartEnd(), Start(), Panns(), Plain())


def layout_of(stem: str) -> FileLayout | None:
    """The layout that a name without its extension follows; None: none of them.

    Where the first eleven characters can be an id, they are one: ``abcdefgh_12`` is a whole id, and not
    ``abcdefgh`` from the twelfth second on.
    """
    parsed = ((layout, layout.parse(stem)) for layout in LAYOUTS)
    fitting = [(layout, found[0]) for layout, found in parsed if found is not None]
    usual = [layout for layout, ytid in fitting if _USUAL_ID.fullmatch(ytid)]
    return usual[0] if usual else fitting[0][0] if fitting else None


def parse_any(stem: str) -> tuple[str, int] | None:
    """Video and start in milliseconds of a name in whichever of the layouts; None: in none."""
    layout = layout_of(stem)
    return layout.parse(stem) if layout else None
