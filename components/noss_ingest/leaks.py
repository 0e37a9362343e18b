"""What must not be in two parts of a task, and what each split must have.

The parts are the splits, and of a task that is measured by its own folds these, since each is test once.

A probe that was trained on the test clip, or its speaker where the task is about something else, measures
memory. So leaks stop the run instead of being mended, but where a record says otherwise of sounds that a
published data set has twice.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from components.noss_ingest.rows import SPLITS, SourceError, TaskRow
from schemas.noss_tasks import TaskRecord

if TYPE_CHECKING:  # with it comes Beam, which the command line can do without
    from components.common.audio.shard_writer import ContentDigest

_SHARED_BY_DESIGN = 0.5

_logger = logging.getLogger("tinytrill.noss_ingest")


def check_rows(rows: Sequence[TaskRow], record: TaskRecord) -> None:
    """Refuses rows whose splits are incomplete or leak into each other.

    Raises:
      SourceError: With the place of the row, at the first problem.
    """
    for problem in problems_of(rows, record):
        raise SourceError(problem)


def problems_of(rows: Sequence[TaskRow], record: TaskRecord) -> Iterator[str]:
    """What is wrong with a task's rows, each with its place and what is accepted.

    Args:
      rows: All rows of the task, with splits.
      record: Says which labels there are and whether a speaker may be in one split only.
    """
    present = {row.split for row in rows}
    for split in SPLITS:
        if split not in present:
            yield f"{record.name}: no row of split {split!r}; needed are {', '.join(SPLITS)}"
    trained = {row.label for row in rows if row.split == "train"}
    for row in rows:
        if record.labels and row.label not in record.labels:
            yield f"{row.place}: unknown label {row.label!r}; the task has {', '.join(record.labels)}"
        elif row.label not in trained:
            yield (
                f"{row.place}: label {row.label!r} of split {row.split!r} is never in train; train has "
                f"{', '.join(sorted(trained))}"
            )
    yield from _shared_sound(rows, record)
    if _is_disjoint(rows, record):
        yield from _shared_speakers(rows, record)


def fold_of(row: TaskRow, record: TaskRecord) -> str:
    """The fold of a clip, if its task is measured by them; else empty."""
    return row.fold if record.split.rule == "folds" else ""


def check_contents(
    digests: Iterable[ContentDigest], folds: Mapping[str, str], allowed: Collection[str] = ()
) -> None:
    """Refuses the same sound under two names in two parts of a task.

    Args:
      digests: Of all clips; their group is ``<task>/<split>``.
      folds: Of the clips that :func:`fold_of` names one for, by clip id.
      allowed: Tasks whose record says that such clips are left out when it is evaluated.

    Raises:
      SourceError: With the place of both, at the first.
    """
    left_out: dict[str, list[str]] = defaultdict(list)
    for task, problem in shared_contents(digests, folds):
        if task not in allowed:
            raise SourceError(problem)
        left_out[task].append(problem)
    for task, problems in left_out.items():
        _logger.warning(
            "%s: %d clips sound like one of another split and are left out where they would leak; first: %s",
            task, len(problems), problems[0],
        )  # fmt: skip


def shared_contents(digests: Iterable[ContentDigest], folds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Says where the same sound is in two parts: the task, and the places in words.

    Args:
      digests: Of all clips; their group is ``<task>/<split>``.
      folds: Of the clips that :func:`fold_of` names one for, by clip id.
    """
    first: dict[tuple[str, str], tuple[str, ContentDigest]] = {}
    for digest in digests:
        task, _, split = digest.group.rpartition("/")
        part = _part(folds.get(digest.clip_id, ""), split)
        seen_part, seen = first.setdefault((task, digest.digest), (part, digest))
        if seen_part != part:
            yield (
                task,
                f"{digest.source}: leak: the clip of {part} sounds the same, sample by sample, as the one of "
                f"{seen_part} at {seen.source}; accepted: a clip in one {part.partition(' ')[0]}",
            )


def _part(fold: str, split: str) -> str:
    return f"fold {fold!r}" if fold else f"split {split!r}"


def _part_of(row: TaskRow, record: TaskRecord) -> str:
    return _part(fold_of(row, record), row.split)


def _is_disjoint(rows: Sequence[TaskRow], record: TaskRecord) -> bool:
    if record.speaker_disjoint != "auto":
        return record.speaker_disjoint
    parts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.speaker_id:
            parts[row.speaker_id].add(_part_of(row, record))
    shared = sum(len(found) > 1 for found in parts.values())
    return shared < _SHARED_BY_DESIGN * len(parts)


def _shared_sound(rows: Sequence[TaskRow], record: TaskRecord) -> Iterator[str]:
    """Clips of one file that overlap and are in different parts; a clip is usually its whole file.

    Folds keep all that is of one file together: cuts of one recording sound alike, overlapping or not.
    """
    longest: dict[str, TaskRow] = {}
    for row in sorted((row for row in rows if row.path), key=lambda row: row.start_s):
        seen = longest.setdefault(row.path, row)
        near = row.start_s < _end(seen) or bool(fold_of(row, record))
        if near and _part_of(row, record) != _part_of(seen, record):
            yield _leak("file", row.file, row, seen, record)
        longest[row.path] = max(seen, row, key=_end)


def _end(row: TaskRow) -> float:
    return math.inf if row.seconds is None else row.start_s + row.seconds


def _shared_speakers(rows: Sequence[TaskRow], record: TaskRecord) -> Iterator[str]:
    first: dict[str, TaskRow] = {}
    for row in rows:
        seen = first.setdefault(row.speaker_id, row)
        if row.speaker_id and _part_of(seen, record) != _part_of(row, record):
            yield _leak("speaker", row.speaker_id, row, seen, record)


def _leak(what: str, which: str, row: TaskRow, seen: TaskRow, record: TaskRecord) -> str:
    part, other = _part_of(row, record), _part_of(seen, record)
    return (
        f"{row.place}: leak: {what} {which!r} is in {part} and, at {seen.place}, in {other}; accepted: a "
        f"{what} in one {part.partition(' ')[0]}"
    )
