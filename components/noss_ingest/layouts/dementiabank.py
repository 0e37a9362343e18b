"""DementiaBank, the Pitt corpus: ``English/Pitt/{Control,Dementia}/cookie/002-0.mp3``.

As in TFDS: only the description of the cookie-theft picture (of the other tasks there are no recordings of
both groups), the speaker is the number before ``-``, the splits are drawn by speaker.

Source: Becker et al., The natural history of Alzheimer's disease, Archives of Neurology 51(6), 1994.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import names_in, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

LABELS = {"Control": "control", "Dementia": "dementia"}
TASK = "cookie"

_NAME = re.compile(r"([^-]+)-[^-]+\.mp3")


def rows(folder: Path) -> list[TaskRow]:
    """All recordings of both groups, in the order of their names."""
    top = unpacked(folder, f"Control/{TASK}", "Pitt", "English/Pitt", "dementia/English/Pitt")
    return [
        _row(top / group / TASK, group, name)
        for group in LABELS
        for name in names_in(top / group / TASK, ".mp3")
    ]


def _row(folder: Path, group: str, name: str) -> TaskRow:
    fields = _NAME.fullmatch(name)
    if not fields:
        raise SourceError(f"{folder}: unknown file {name!r}; accepted: names as in '002-0.mp3'")
    return TaskRow(
        file=f"{group}/{TASK}/{name}",
        path=f"{folder}/{name}",
        label=LABELS[group],
        place=str(folder),
        speaker_id=fields[1],
    )
