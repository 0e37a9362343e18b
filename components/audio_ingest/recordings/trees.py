"""Trees of published data sets whose names, or tables, tell who speaks in a file."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

SpeakerOf = Callable[[str], str]
"""Tells who speaks in a file, by its path relative to the corpus; "": it is not known."""

# As the publishers name files: https://www.openslr.org/12 (LibriTTS, https://www.openslr.org/60, alike) and
# https://www.robots.ox.ac.uk/~vgg/data/voxceleb.
_TREES = {
    "LibriSpeech": re.compile(
        r"(?:.*/)?(?P<speaker>\d+)/(?P<chapter>\d+)/(?P=speaker)[-_](?P=chapter)[-_][\d_]+\.\w+"
    ),
    "VoxCeleb": re.compile(r"(?:.*/)?(?P<speaker>id\d{5})/[^/]+/\d{5}\.\w+"),
}
# https://commonvoice.mozilla.org: tables of clips beside the folder of the clips.
_COMMON_VOICE, _CLIPS = "Common Voice", "clips"
_NAMED = re.compile(r"common_voice_.+\.\w+")
_SPEAKER, _PATH = "client_id", "path"


def speakers_of(folder: str, wanted: Literal["auto", "none"] | int) -> SpeakerOf:
    """What tells the speakers of a corpus, by the setting ``recordings.speakers``.

    Args:
      folder: Of the corpus.
      wanted: ``auto``, ``none``, or the depth of the folders that stand for speakers.
    """
    if wanted == "none":
        return lambda path: ""
    if wanted == "auto":
        tables = cache(lambda parent: _clip_speakers(Path(folder, parent)))
        return lambda path: _known_speaker(path, tables)
    depth = int(wanted)

    def folder_at_depth(path: str) -> str:
        parents = path.split("/")[:-1]
        return parents[depth - 1] if len(parents) >= depth else ""

    return folder_at_depth


def tree_of(paths: Iterable[str]) -> str:
    """Name of the data set whose form all these paths have; "": none."""
    forms = {_form(path) for path in paths}
    return forms.pop() if len(forms) == 1 else ""


def _form(path: str) -> str:
    for name, pattern in _TREES.items():
        if pattern.fullmatch(path):
            return name
    *parents, name = path.split("/")
    return _COMMON_VOICE if parents[-1:] == [_CLIPS] and _NAMED.fullmatch(name) else ""


def _known_speaker(path: str, tables: Callable[[str], Mapping[str, str]]) -> str:
    for pattern in _TREES.values():
        if found := pattern.fullmatch(path):
            return found["speaker"]
    if _form(path) != _COMMON_VOICE:
        return ""
    parent, _, name = path.rpartition("/")
    return tables(os.path.dirname(parent)).get(name, "")


def _clip_speakers(folder: Path) -> dict[str, str]:
    """Speakers by the name of their clip, as the tables in a folder of Common Voice say."""
    speakers: dict[str, str] = {}
    for table in sorted(folder.glob("*.tsv")):
        try:
            with table.open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                if {_SPEAKER, _PATH} <= set(rows.fieldnames or ()):
                    speakers |= {row[_PATH]: row[_SPEAKER] for row in rows if row[_PATH] and row[_SPEAKER]}
        except (OSError, UnicodeDecodeError, csv.Error):
            continue  # another table of the user's; its clips are split by their names
    return speakers
