"""SAVEE, emotion: ``AudioData/{DC,JE,JK,KL}/a01.wav``, the four men who act and the emotion's letters.

The splits are drawn by speaker, as in TFDS.

Source: Haq and Jackson, Speaker-dependent audio-visual emotion recognition, AVSP 2009.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import names_in, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

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
SOUNDS = "AudioData"

_NAME = re.compile(rf"({'|'.join(LABELS)})\d+\.wav")


def rows(folder: Path) -> list[TaskRow]:
    """All clips of the four speakers, of whom none may be missing: the draw would be another."""
    sounds = unpacked(folder, SOUNDS) / SOUNDS
    return [
        _row(sounds, speaker, name) for speaker in SPEAKERS for name in names_in(sounds / speaker, ".wav")
    ]


def _row(sounds: Path, speaker: str, name: str) -> TaskRow:
    fields = _NAME.fullmatch(name)
    if not fields:
        raise SourceError(
            f"{sounds / speaker}: unknown file {name!r}; accepted are names as in 'a01.wav' "
            f"with one of {', '.join(LABELS)}"
        )
    return TaskRow(
        file=f"{SOUNDS}/{speaker}/{name}",
        path=f"{sounds}/{speaker}/{name}",
        label=LABELS[fields[1]],
        place=f"{sounds}/{speaker}",
        speaker_id=speaker,
        sex="male",
    )
