"""IEMOCAP, emotion: ``Session1/dialog/EmoEvaluation/*.txt`` and ``Session1/sentences/wav/<dialog>/*.wav``.

The usual four classes: angry, happy (with excited), neutral, sad; turns with another emotion or none agreed
upon are left out. The five sessions are the folds; each has two speakers of its own, one of each sex.

Source: Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, Language Resources and
Evaluation 42(4), 2008.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import lines_of, names_in, sex_of, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

LABELS = {"ang": "angry", "hap": "happy", "exc": "happy", "neu": "neutral", "sad": "sad"}
LEFT_OUT = ("fru", "fea", "sur", "dis", "oth", "xxx")
SESSIONS = ("1", "2", "3", "4", "5")
EVALUATIONS = "dialog/EmoEvaluation"

_TURN = re.compile(r"\[[\d.]+ - [\d.]+\]\s+((Ses\d\d)[FM]_\w+_([FM])\w+)\s+([a-z]{3})\s+\[.*\]")


def rows(folder: Path) -> list[TaskRow]:
    """All turns of the four classes, by session and dialog."""
    folder = unpacked(folder, "Session1", "IEMOCAP_full_release")
    return [
        row
        for session in SESSIONS
        for name in names_in(folder / f"Session{session}" / EVALUATIONS, ".txt")
        for row in _turns(folder, session, name)
    ]


def _turns(folder: Path, session: str, name: str) -> list[TaskRow]:
    found = []
    for place, line in lines_of(folder / f"Session{session}" / EVALUATIONS / name):
        if not line.startswith("["):
            continue
        fields = _TURN.fullmatch(line)
        if not fields:
            raise SourceError(
                f"{place}: {line!r}; accepted: a turn as in "
                "'[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5000, 2.5000, 2.5000]'"
            )
        turn, recorded_in, sex, emotion = fields.groups()
        if emotion in LEFT_OUT:
            continue
        if emotion not in LABELS:
            raise SourceError(
                f"{place}: unknown emotion {emotion!r}; accepted: {', '.join((*LABELS, *LEFT_OUT))}"
            )
        file = f"Session{session}/sentences/wav/{turn.rpartition('_')[0]}/{turn}.wav"
        found.append(
            TaskRow(
                file=file,
                path=f"{folder}/{file}",
                label=LABELS[emotion],
                place=place,
                speaker_id=f"{recorded_in}{sex}",
                fold=session,
                sex=sex_of(sex),
            )
        )
    return found
