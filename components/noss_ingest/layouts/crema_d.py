"""CREMA-D, emotion: ``AudioWAV/1001_DFA_ANG_XX.wav`` and, beside it, ``VideoDemographics.csv``.

The label is the emotion that was asked for, as in the file's name (and as in TFDS), not the one that raters
heard. The splits are drawn by speaker. TFDS leaves out four of the 7,442 clips, which it does not find
under the names it expects; sex and age are from the demographics, if they are there.

Source: Cao et al., CREMA-D: Crowd-sourced emotional multimodal actors dataset, IEEE Transactions on
Affective Computing 5(4), 2014.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import names_in, sex_of, table_of, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

LABELS = ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS")
SOUNDS = "AudioWAV"

_NAME = re.compile(rf"(\d{{4}})_[A-Z]{{3}}_({'|'.join(LABELS)})_[A-Z]+\.wav")


def rows(folder: Path) -> list[TaskRow]:
    """All clips, in the order of their names."""
    folder = unpacked(folder, SOUNDS, "CREMA-D", "CREMA-D-master")
    speakers = _speakers(folder / "VideoDemographics.csv")
    found = []
    for name in names_in(folder / SOUNDS, ".wav"):
        fields = _NAME.fullmatch(name)
        if not fields:
            raise SourceError(
                f"{folder / SOUNDS}: unknown file {name!r}; accepted: names as in '1001_DFA_ANG_XX.wav' "
                f"with one of {', '.join(LABELS)}"
            )
        sex, age = speakers.get(fields[1], ("", ""))
        found.append(
            TaskRow(
                file=f"{SOUNDS}/{name}",
                path=f"{folder}/{SOUNDS}/{name}",
                label=fields[2],
                place=f"{folder}/{SOUNDS}",
                speaker_id=fields[1],
                sex=sex,
                age=age,
            )
        )
    return found


def _speakers(path: Path) -> dict[str, tuple[str, str]]:
    if not path.is_file():
        return {}
    table = table_of(path, ("ActorID", "Age", "Sex"))
    return {row["ActorID"]: (sex_of(row["Sex"]), row["Age"]) for _, row in table}
