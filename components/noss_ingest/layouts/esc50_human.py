"""ESC-50, the ten human sounds that are not speech: ``meta/esc50.csv`` and ``audio/1-17092-A-27.wav``.

Targets 20 to 29 in the five published folds, which keep clips of one recording together.

Source: Piczak, ESC: Dataset for environmental sound classification, ACM Multimedia 2015.
"""

from __future__ import annotations

from pathlib import Path

from components.noss_ingest.layouts._files import table_of, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

LABELS = {
    "20": "crying_baby",
    "21": "sneezing",
    "22": "clapping",
    "23": "breathing",
    "24": "coughing",
    "25": "footsteps",
    "26": "laughing",
    "27": "brushing_teeth",
    "28": "snoring",
    "29": "drinking_sipping",
}
FOLDS = ("1", "2", "3", "4", "5")
LIST = "meta/esc50.csv"


def rows(folder: Path) -> list[TaskRow]:
    """All clips of targets 20 to 29, in the order of the list."""
    folder = unpacked(folder, LIST, "ESC-50-master")
    found = []
    for place, row in table_of(folder / LIST, ("filename", "fold", "target", "category")):
        if row["fold"] not in FOLDS:
            raise SourceError(f"{place}: unknown fold {row['fold']!r}; accepted: {', '.join(FOLDS)}")
        label = LABELS.get(row["target"])
        if not label:
            continue
        if row["category"] != label:
            raise SourceError(f"{place}: target {row['target']} is {row['category']!r}; accepted: {label!r}")
        found.append(
            TaskRow(
                file=f"audio/{row['filename']}",
                path=f"{folder}/audio/{row['filename']}",
                label=label,
                place=place,
                fold=row["fold"],
            )
        )
    return found
