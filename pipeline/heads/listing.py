"""The labelled clips of a folder: those of a manifest, or one sub-folder a label; nothing is decoded here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.common.audio.decode import AUDIO_EXTENSIONS
from components.common.audio.places import list_files, printable
from components.noss_ingest.choice import folder_record
from components.noss_ingest.leaks import problems_of
from components.noss_ingest.manifest import read_manifest
from components.noss_ingest.rows import SPLITS, TaskRow
from components.noss_ingest.splits import with_splits
from pipeline.configuration.config_file import ConfigError
from schemas.noss_tasks import MANIFEST_FILE, RECORD_FILE, LayoutSource, SplitRule, TaskRecord

# A clip, or a speaker, of each label to train by, one to choose by, one to test by.
LEAST_GROUPS = 3
ACCEPTED = (
    f"a folder with a {MANIFEST_FILE} (file,label,speaker_id,split,fold), or one with a sub-folder of clips "
    "for each label (below it, if wanted, one for each speaker)"
)
# Names that people give the folders of splits.
_SPLIT_NAMES = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation",
                "dev": "validation", "test": "test"}  # fmt: skip
_SHOWN = 3


@dataclass(frozen=True)
class Listed:
    """Labelled clips that are there, not decoded.

    Attributes:
      record: The task; where no splits are given, its rule is ``folds``.
      rows: The clips.
      drawn: Whether folds are still to be drawn, because no splits are given.
      source: What listed them, in words.
    """

    record: TaskRecord
    rows: tuple[TaskRow, ...]
    drawn: bool
    source: str

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return sorted({row.label for row in self.rows})


def list_clips(folder: Path) -> Listed:
    """Lists the clips of a folder and refuses what no head can be trained on.

    Args:
      folder: See :data:`ACCEPTED`.

    Raises:
      ConfigError: If there is no sound, one label only, labels that differ by case, or a label in too few
        splits.
      SourceError: If a manifest is malformed, or its splits leak.
      TaskRecordError: If ``task.yaml`` cannot be read.
    """
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(f"--task: there is no folder {printable(str(folder))!r}; accepted: {ACCEPTED}")
    if (folder / MANIFEST_FILE).is_file():
        record, rows, source = folder_record(folder), read_manifest(folder / MANIFEST_FILE), MANIFEST_FILE
    elif (folder / RECORD_FILE).is_file():
        raise ConfigError(
            f"--task: {folder / RECORD_FILE} has no {MANIFEST_FILE} beside it; accepted: {ACCEPTED}"
        )
    else:
        record, rows, source = _folder_record(folder), _rows_of(folder), "one folder a label"
    if not rows:
        raise ConfigError(f"--task: {folder / MANIFEST_FILE} lists no clip; accepted: one clip a line")
    _check_labels(rows)
    drawn = record.split.rule == "published" and not any(row.split for row in rows)
    if drawn:
        record = record.model_copy(update={"split": SplitRule(rule="folds")})
        check_groups({row.file: (row.speaker_id or row.path, row.label, row.place) for row in rows}, rows)
    else:
        rows = with_splits(rows, record.split)
        check_splits(rows, record)
    return Listed(record, tuple(rows), drawn, source)


def check_splits(rows: Sequence[TaskRow], record: TaskRecord) -> None:
    """Refuses given splits that leak, or that a label is absent from.

    A speaker in two splits is refused, unless the speaker is what is asked or the record allows it.

    Raises:
      ConfigError: With the place of a row and what is accepted.
    """
    pairs = {(row.speaker_id, row.label) for row in rows if row.speaker_id}
    one_to_one = len(pairs) == len({speaker for speaker, _ in pairs}) == len({label for _, label in pairs})
    asked = record.speaker == "label" or one_to_one
    if record.speaker_disjoint == "auto":
        record = record.model_copy(update={"speaker_disjoint": not asked})
    for problem in problems_of(rows, record):
        if "leak: speaker" in problem:
            problem += f"; if that is meant, say speaker_disjoint: false in {RECORD_FILE}"
        raise ConfigError(f"--task: {problem}")
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        part = row.fold if record.split.rule == "folds" else row.split
        parts[row.label].setdefault(part, row.place)
    for label, found in sorted(parts.items()):
        if len(found) < LEAST_GROUPS:
            split, place = next(iter(found.items()))
            where = f"split {split!r} only" if len(found) == 1 else f"{' and '.join(sorted(found))} only"
            needed = f"{LEAST_GROUPS} folds" if record.split.rule == "folds" else ", ".join(SPLITS)
            raise ConfigError(
                f"--task: label {label!r} is in {where} ({place}); accepted: clips of each label in {needed}"
            )


def check_groups(clips: dict[str, tuple[str, str, str]], rows: Sequence[TaskRow]) -> None:
    """Refuses labels of which there is too little to draw folds from.

    Args:
      clips: Of each clip what it must stay together with, its label and its place.
      rows: To know whether speakers are told.

    Raises:
      ConfigError: With the label, how many there are, and what is accepted.
    """
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for group, label, place in clips.values():
        groups[label].setdefault(group, place)
    unit = "speakers" if any(row.speaker_id for row in rows) else "clips"
    for label in sorted({row.label for row in rows}):
        found = groups[label]
        if len(found) < LEAST_GROUPS:
            place = f" ({next(iter(found.values()))})" if found else ""
            raise ConfigError(
                f"--task: label {label!r} has {len(found)} {unit}{place}; accepted: {LEAST_GROUPS} or more, "
                "to train by, to choose by and to test by; ten are a start"
            )


def _check_labels(rows: Sequence[TaskRow]) -> None:
    places: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        places[row.label.casefold().strip()].setdefault(row.label, row.place)
    for row in rows:
        if row.label != row.label.strip() or len(row.label.splitlines()) != 1:
            raise ConfigError(
                f"--task: label {row.label!r} ({row.place}) begins or ends with a space, or has line breaks; "
                "accepted: a line of text, as the file's list of labels holds it"
            )
    for same in places.values():
        if len(same) > 1:
            told = " and ".join(f"{label!r} ({place})" for label, place in same.items())
            raise ConfigError(f"--task: labels {told} differ by case only; accepted: one spelling")
    if len(places) == 1:
        label = rows[0].label
        raise ConfigError(
            f"--task: all {len(rows)} clips have the label {label!r}; accepted: two labels or more, as "
            f"{label!r} and 'other': a classifier is shown what it is not to answer to as well"
        )


def _folder_record(folder: Path) -> TaskRecord:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.name).strip("-._") or "task"
    return TaskRecord(
        name=name,
        metric="balanced_accuracy",
        speaker_disjoint="auto",
        sources=(LayoutSource(layout="folders", folder=name),),
    )


def _rows_of(folder: Path) -> list[TaskRow]:
    """One sub-folder a label; above it one a split, if these are all there is, below it one a speaker."""
    names = [file.path[len(str(folder)) + 1 :] for file in list_files(str(folder), AUDIO_EXTENSIONS)]
    if not names:
        some = [file.name for file, _ in zip(list_files(str(folder)), range(_SHOWN), strict=False)]
        seen = f"there are files such as {', '.join(map(printable, some))}" if some else "it is empty"
        raise ConfigError(
            f"--task: no sound file below {printable(str(folder))}, {seen}; accepted: {ACCEPTED}, of "
            f"{', '.join(sorted(AUDIO_EXTENSIONS))}"
        )
    tops = {name.partition("/")[0].casefold() for name in names}
    split = tops <= _SPLIT_NAMES.keys()
    rows = []
    for name in names:
        *above, _ = name.split("/")
        if len(above) <= split:
            raise ConfigError(
                f"--task: {printable(str(folder / name))} is in no label's folder; accepted: {ACCEPTED}"
            )
        label, *below = above[split:]
        rows.append(
            TaskRow(
                file=name,
                path=str(folder / name),
                label=printable(label),
                place=str(folder / name),
                speaker_id=below[0] if below else "",
                split=_SPLIT_NAMES[above[0].casefold()] if split else "",
            )
        )
    heard = {name.split("/")[split] for name in names if "/" in name}
    roots = (
        [folder / top for top in sorted({name.partition("/")[0] for name in names})] if split else [folder]
    )
    for root in roots:
        for path in sorted(root.iterdir()):
            if path.is_dir() and path.name[0] != "." and path.name not in heard:
                raise ConfigError(
                    f"--task: the folder {printable(str(path))} holds no sound file; accepted: clips in the "
                    "folder of each label"
                )
    return rows
