"""Splits by a task's rule, where its source brings none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from components.noss_ingest.rows import SPLITS, SourceError, TaskRow
from schemas.noss_tasks import SplitRule


def with_splits(rows: Sequence[TaskRow], rule: SplitRule) -> list[TaskRow]:
    """The rows of a task, each with its split.

    What a source says stays, unless the rule is ``folds``: then the last fold is test, the one before it
    validation, as in the first of the rotations.

    Args:
      rows: All rows of the task.
      rule: Of the task's record.

    Raises:
      SourceError: If a row lacks what the rule needs.
    """
    if rule.rule == "folds":
        return _by_folds(rows)
    without = [row for row in rows if not row.split]
    if not without:
        return list(rows)
    if rule.rule == "published":
        raise SourceError(
            f"{without[0].place}: clip {without[0].file!r} has no split, and the task's are published ones; "
            f"accepted: {', '.join(SPLITS)}, or another split rule in the task's record"
        )
    if len(without) < len(rows):
        raise SourceError(
            f"{without[0].place}: clip {without[0].file!r} has no split, but other clips of the task have "
            "one; accepted: splits for all clips or for none"
        )
    if rule.rule == "clips":
        return _drawn(rows, [row.file for row in rows], rule)
    for row in rows:
        if not row.speaker_id:
            raise SourceError(
                f"{row.place}: clip {row.file!r} has no speaker, but the splits are drawn by speaker"
            )
    return _drawn(rows, [row.speaker_id for row in rows], rule)


def ordered_folds(folds: set[str]) -> list[str]:
    """Folds in their natural order: 2 before 10."""
    return sorted(folds, key=lambda fold: [(len(part), part) for part in re.findall(r"\d+|\D+", fold)])


def _drawn(rows: Sequence[TaskRow], groups: Sequence[str], rule: SplitRule) -> list[TaskRow]:
    """TensorFlow Datasets' own draw, so that a folder and a prepared data set give the same splits.

    It is ``_get_inter_splits_by_group`` of its builders crema_d, savee, voxforge and dementiabank; only
    where that would leave a split empty, one group goes to it.
    """
    names = sorted(set(groups))
    if len(names) < len(SPLITS):
        raise SourceError(
            f"{rows[0].place}: the task has {len(names)} {rule.rule}; at least {len(SPLITS)} are needed to "
            "draw splits"
        )
    np.random.RandomState(rule.seed).shuffle(names)
    first = min(max(int(rule.shares[0] * len(names)), 1), len(names) - 2)
    second = min(max(int((rule.shares[0] + rule.shares[1]) * len(names)), first + 1), len(names) - 1)
    bounds = zip(SPLITS, (0, first, second), (first, second, len(names)), strict=True)
    split_of = {name: split for split, start, end in bounds for name in names[start:end]}
    return [replace(row, split=split_of[group]) for row, group in zip(rows, groups, strict=True)]


def _by_folds(rows: Sequence[TaskRow]) -> list[TaskRow]:
    for row in rows:
        if not row.fold:
            raise SourceError(f"{row.place}: clip {row.file!r} has no fold, but the splits are made of folds")
    folds = ordered_folds({row.fold for row in rows})
    if len(folds) < len(SPLITS):
        raise SourceError(
            f"{rows[0].place}: the task has the folds {', '.join(folds)}; at least {len(SPLITS)} are needed"
        )
    split_of = {folds[-2]: "validation", folds[-1]: "test"}
    return [replace(row, split=split_of.get(row.fold, "train")) for row in rows]
