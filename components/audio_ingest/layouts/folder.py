"""A tree of sound files as people have them, which is named and never told from a sample."""

from __future__ import annotations

from components.audio_ingest.layouts.base import Layout
from components.common.audio.decode import AUDIO_EXTENSIONS


class Folder(Layout):
    """Recordings of any length and name; :mod:`components.audio_ingest.recordings` lists and cuts them."""

    name = "folder"
    form = "any tree of sound files, without tables"
    extensions = AUDIO_EXTENSIONS


LAYOUTS: tuple[Layout, ...] = (Folder(),)
