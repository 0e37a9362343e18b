"""Masked speech, the Mask Sub-Challenge of ComParE 2020: ``lab/labels.csv`` and ``wav/train_00001.wav``.

The partition is in the file's name. Participants get ``?`` for the labels of ``test``; clips without a label
are left out. Where ``test`` has labels, the splits are the challenge's (``devel`` is validation). Where it
has none, ``devel`` is the test split and every eighth clip of ``train`` is validation. Speakers are not
published, so that training and this validation share them.

Source: Schuller et al., The INTERSPEECH 2020 Computational Paralinguistics Challenge, Interspeech 2020.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from components.noss_ingest.layouts._files import table_of, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

LABELS = ("clear", "mask")
NO_LABEL = "?"
LIST = "lab/labels.csv"
SPLITS = {"train": "train", "devel": "validation", "test": "test"}
EVERY = 8

_NAME = re.compile(r"(train|devel|test)_(\d+)\.wav")
_logger = logging.getLogger("tinytrill.noss_ingest")


def rows(folder: Path) -> list[TaskRow]:
    """All labelled clips, in the order of the list."""
    folder = unpacked(folder, LIST, "ComParE2020_Mask")
    labelled = []
    for place, row in table_of(folder / LIST, ("file_name", "label")):
        fields = _NAME.fullmatch(row["file_name"])
        if not fields:
            raise SourceError(
                f"{place}: unknown file {row['file_name']!r}; accepted: names as in 'train_00001.wav' "
                f"with one of {', '.join(SPLITS)}"
            )
        if row["label"] not in (*LABELS, NO_LABEL):
            raise SourceError(
                f"{place}: unknown label {row['label']!r}; accepted: {', '.join((*LABELS, NO_LABEL))}"
            )
        if row["label"] != NO_LABEL:
            labelled.append((place, row["file_name"], row["label"], fields[1], int(fields[2])))
    published = any(partition == "test" for _, _, _, partition, _ in labelled)
    if not published:
        _logger.warning("%s has no labels of test: devel is the test split here", folder / LIST)
    return [
        TaskRow(
            file=f"wav/{name}",
            path=f"{folder}/wav/{name}",
            label=label,
            place=place,
            split=SPLITS[partition] if published else _split_without_test(partition, number),
        )
        for place, name, label, partition, number in labelled
    ]


def _split_without_test(partition: str, number: int) -> str:
    if partition == "devel":
        return "test"
    return "train" if number % EVERY else "validation"
