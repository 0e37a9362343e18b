from __future__ import annotations

from collections import Counter

from components.noss_ingest.rows import TaskRow
from components.noss_ingest.subset import stratified_subset


def rows_of(counts: dict[tuple[str, str], int]) -> list[TaskRow]:
    return [
        TaskRow(f"{split}{label}{number}.wav", "", label, "", split=split)
        for (split, label), size in counts.items()
        for number in range(size)
    ]


def test_subset_keeps_the_shares() -> None:
    rows = rows_of(
        {("train", "a"): 60, ("train", "b"): 20, ("validation", "a"): 10, ("test", "a"): 9, ("test", "b"): 1}
    )
    subset = stratified_subset(rows, 20)
    # 20 % of each: 12, 4, 2, 1.8 and 0.2; the last one is kept at one.
    assert Counter((row.split, row.label) for row in subset) == {
        ("train", "a"): 12, ("train", "b"): 4, ("validation", "a"): 2, ("test", "a"): 1, ("test", "b"): 1,
    }  # fmt: skip
    assert subset == stratified_subset(rows, 20)
    assert [rows.index(row) for row in subset] == sorted(rows.index(row) for row in subset)
    assert subset[:12] != rows[:12]
    assert stratified_subset(rows, 0) == rows
    assert stratified_subset(rows, 1000) == rows
    assert len(stratified_subset(rows, 2)) == 5
