"""A smaller task that keeps the shape of the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from components.common.audio.requests import stable_order
from components.noss_ingest.rows import TaskRow


def stratified_subset(rows: Sequence[TaskRow], limit: int) -> list[TaskRow]:
    """About ``limit`` rows, the same every time, in the shares that split and label have in the whole.

    Each pair of split and label keeps at least one row, so there can be more than ``limit`` if there are
    more pairs. The order of the rows is kept.

    Args:
      rows: All rows of a task.
      limit: Rows to keep; 0 keeps all.
    """
    if not limit or len(rows) <= limit:
        return list(rows)
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in sorted(range(len(rows)), key=lambda index: (stable_order(rows[index].file), index)):
        groups[rows[index].split, rows[index].label].append(index)
    kept = [
        index for group, size in _shares(groups, len(rows), limit).items() for index in groups[group][:size]
    ]
    return [rows[index] for index in sorted(kept)]


def _shares(groups: dict[tuple[str, str], list[int]], total: int, limit: int) -> dict[tuple[str, str], int]:
    """Largest remainders, but at least one row for each."""
    exact = {group: limit * len(members) / total for group, members in groups.items()}
    sizes = {group: max(1, int(share)) for group, share in exact.items()}
    left = limit - sum(sizes.values())
    for group in sorted(exact, key=lambda group: (sizes[group] - exact[group], group))[: max(0, left)]:
        sizes[group] += 1
    return sizes
