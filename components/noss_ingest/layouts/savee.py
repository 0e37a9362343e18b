"""SAVEE, emotion: ``AudioData/{DC,JE,JK,KL}/a01.wav``, the four men who act and the emotion's letters.

Copies of it have all clips in one folder, as ``ALL/DC_a01.wav``.

The splits are drawn by speaker, as in TFDS.

Source: Haq and Jackson, Speaker-dependent audio-visual emotion recognition, AVSP 2009.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import names_in, unpacked
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow

LABELS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")
SOUNDS, ALL = "AudioData", "ALL"

_NAME = re.compile(rf"({'|'.join(LABELS)})\d+\.wav")


def rows(folder: Path) -> list[TaskRow]:
    """All clips of the four speakers, of whom none may be missing: the draw would be another."""
    try:
        sounds = unpacked(folder, SOUNDS) / SOUNDS
    except SourceMissing as error:
        return _of_one_folder(folder, error)
    return [
        _row(sounds, speaker, name) for speaker in SPEAKERS for name in names_in(sounds / speaker, ".wav")
    ]


def _of_one_folder(folder: Path, usual: SourceMissing) -> list[TaskRow]:
    for sounds in (folder / ALL, folder):
        named = (
            [name for name in names_in(sounds, ".wav") if name[:3] in _PREFIXES] if sounds.is_dir() else []
        )
        if not named:
            continue
        if missing := set(SPEAKERS) - {name[:2] for name in named}:
            raise SourceMissing(f"{sounds} has no clip of {', '.join(sorted(missing))}")
        return [
            _row(sounds, speaker, name[3:], f"{speaker}_")
            for speaker in SPEAKERS
            for name in named
            if name.startswith(f"{speaker}_")
        ]
    raise SourceMissing(f"{usual}, and no {ALL} with clips as {SPEAKERS[0]}_a01.wav") from usual


_PREFIXES = tuple(f"{speaker}_" for speaker in SPEAKERS)


def _row(sounds: Path, speaker: str, name: str, prefix: str = "") -> TaskRow:
    fields = _NAME.fullmatch(name)
    if not fields:
        raise SourceError(
            f"{sounds / speaker}: unknown file {prefix + name!r}; accepted: names as in 'a01.wav' "
            f"with one of {', '.join(LABELS)}"
        )
    place = str(sounds) if prefix else f"{sounds}/{speaker}"
    return TaskRow(
        file=f"{SOUNDS}/{speaker}/{name}",
        path=f"{place}/{prefix}{name}",
        label=LABELS[fields[1]],
        place=place,
        speaker_id=speaker,
        sex="male",
    )
