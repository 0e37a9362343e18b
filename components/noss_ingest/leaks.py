"""What must not be in two splits of a task, and what each split must have.

A probe that has heard the test clip, or its speaker where the task is about something else, measures
memory. So leaks stop the run instead of being mended, but where a record says otherwise of sounds that a
published data set has twice.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from components.noss_ingest.rows import SPLITS, SourceError, TaskRow
from schemas.noss_tasks import SpeakerDisjoint, TaskRecord

if TYPE_CHECKING:  # with it comes Beam, which the command line can do without
    from components.audio.shard_writer import ContentDigest

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
    yield from _shared_sound(rows)
    if _is_disjoint(rows, record.speaker_disjoint):
        yield from _shared_speakers(rows)


def check_contents(digests: Iterable[ContentDigest], allowed: Collection[str] = ()) -> None:
    """Refuses the same sound under two names in two splits of a task.

    Args:
      digests: Of all clips; their group is ``<task>/<split>``.
      allowed: Tasks whose record says that such clips are left out when it is evaluated.

    Raises:
      SourceError: With the place of both, at the first.
    """
    left_out: dict[str, list[str]] = defaultdict(list)
    for task, problem in shared_contents(digests):
        if task not in allowed:
            raise SourceError(problem)
        left_out[task].append(problem)
    for task, problems in left_out.items():
        _logger.warning(
            "%s: %d clips sound like one of another split and are left out where they would leak; first: %s",
            task, len(problems), problems[0],
        )  # fmt: skip


def shared_contents(digests: Iterable[ContentDigest]) -> Iterator[tuple[str, str]]:
    """Says where the same sound is in two splits: the task, and the places in words."""
    first: dict[tuple[str, str], ContentDigest] = {}
    for digest in digests:
        task, _, split = digest.group.rpartition("/")
        seen = first.setdefault((task, digest.digest), digest)
        if seen.group != digest.group:
            seen_split = seen.group.rpartition("/")[2]
            yield (
                task,
                f"{digest.source}: leak: the clip of split {split!r} sounds the same, sample by sample, "
                f"as the one of split {seen_split!r} at {seen.source}; accepted is a clip in one split",
            )


def _is_disjoint(rows: Sequence[TaskRow], setting: SpeakerDisjoint) -> bool:
    if setting != "auto":
        return setting
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.speaker_id:
            splits[row.speaker_id].add(row.split)
    shared = sum(len(found) > 1 for found in splits.values())
    return shared < _SHARED_BY_DESIGN * len(splits)


def _shared_sound(rows: Sequence[TaskRow]) -> Iterator[str]:
    """Clips of one file that overlap and are in different splits; a clip is usually its whole file."""
    longest: dict[str, TaskRow] = {}
    for row in sorted((row for row in rows if row.path), key=lambda row: row.start_s):
        seen = longest.setdefault(row.path, row)
        if row.start_s < _end(seen) and row.split != seen.split:
            yield _leak("file", row.file, row, seen)
        longest[row.path] = max(seen, row, key=_end)


def _end(row: TaskRow) -> float:
    return math.inf if row.seconds is None else row.start_s + row.seconds


def _shared_speakers(rows: Sequence[TaskRow]) -> Iterator[str]:
    first: dict[str, TaskRow] = {}
    for row in rows:
        seen = first.setdefault(row.speaker_id, row)
        if row.speaker_id and seen.split != row.split:
            yield _leak("speaker", row.speaker_id, row, seen)


def _leak(what: str, which: str, row: TaskRow, seen: TaskRow) -> str:
    return (
        f"{row.place}: leak: {what} {which!r} is in split {row.split!r} and, at {seen.place}, in split "
        f"{seen.split!r}; accepted is a {what} in one split"
    )
