"""Splits that sources bring, and splits that are drawn as TensorFlow Datasets draws them."""

from __future__ import annotations

from collections import Counter

import pytest

from components.noss_ingest.rows import SourceError, TaskRow
from components.noss_ingest.splits import ordered_folds, with_splits
from schemas.noss_tasks import SplitRule


def row(name: str, speaker: str = "", split: str = "", fold: str = "") -> TaskRow:
    return TaskRow(name, f"/{name}", "x", f"m.csv:{name}", speaker_id=speaker, split=split, fold=fold)


def clips_of(speakers: int, clips: int = 2) -> list[TaskRow]:
    return [
        row(f"{1001 + speaker}_{clip}", str(1001 + speaker))
        for speaker in range(speakers)
        for clip in range(clips)
    ]


@pytest.mark.parametrize("shares", [(0.7, 0.1, 0.2), (0.6, 0.2, 0.2)])
@pytest.mark.parametrize("speakers", [4, 17, 91])
def test_speakers_are_drawn_as_tfds_draws_them(speakers: int, shares: tuple[float, float, float]) -> None:
    from tensorflow_datasets.audio.crema_d import _get_inter_splits_by_group

    rows = clips_of(speakers)
    names = list(zip(("train", "validation", "test"), shares, strict=True))
    theirs = _get_inter_splits_by_group([(clip.file, clip.speaker_id) for clip in rows], names, 0)
    ours: dict[str, set[str]] = {}
    for clip in with_splits(rows, SplitRule(rule="speakers", shares=shares)):
        ours.setdefault(clip.split, set()).add(clip.file)
    assert ours == theirs


@pytest.mark.parametrize(
    ("speakers", "shares", "sizes"),
    [
        # 0.7 + 0.1 is a little less than 0.8, so TFDS would leave validation empty.
        (10, (0.7, 0.1, 0.2), [7, 1, 2]),
        (3, (0.98, 0.01, 0.01), [1, 1, 1]),
        (5, (0.01, 0.01, 0.98), [1, 1, 3]),
    ],
)
def test_no_split_is_left_empty(speakers: int, shares: tuple[float, float, float], sizes: list[int]) -> None:
    drawn = with_splits(clips_of(speakers, 1), SplitRule(rule="speakers", shares=shares))
    counts = Counter(clip.split for clip in drawn)
    assert [counts[split] for split in ("train", "validation", "test")] == sizes


def test_another_seed_draws_other_speakers() -> None:
    drawn = [
        [clip.split for clip in with_splits(clips_of(20), SplitRule(rule="speakers", seed=seed))]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_clips_are_drawn_in_the_shares_of_the_rule() -> None:
    drawn = with_splits(clips_of(10), SplitRule(rule="clips", shares=(0.5, 0.25, 0.25)))
    assert Counter(clip.split for clip in drawn) == {"train": 10, "validation": 5, "test": 5}
    assert [clip.file for clip in drawn] == [clip.file for clip in clips_of(10)]


@pytest.mark.parametrize("rule", ["published", "speakers", "clips"])
def test_splits_of_the_source_stay(rule: str) -> None:
    rows = [row("a", "s", "test"), row("b", "s", "train"), row("c", "t", "validation")]
    assert with_splits(rows, SplitRule(rule=rule)) == rows


def test_the_last_fold_is_tested_and_the_one_before_it_validates() -> None:
    rows = [row(fold, fold=fold, split="train") for fold in ("10", "2", "1", "9", "10")]
    assert [clip.split for clip in with_splits(rows, SplitRule(rule="folds"))] == [
        "test", "train", "train", "validation", "test",
    ]  # fmt: skip
    assert ordered_folds({"fold10", "fold9", "fold1"}) == ["fold1", "fold9", "fold10"]


@pytest.mark.parametrize(
    ("rule", "rows", "message"),
    [
        (
            "published",
            [row("a", "s", "train"), row("b", "s")],
            "m.csv:b: clip 'b' has no split, and the task's are published ones",
        ),
        ("clips", [row("a", split="train"), row("b")], "m.csv:b: clip 'b' has no split, but other clips"),
        ("speakers", [row("a", "s"), row("b")], "m.csv:b: clip 'b' has no speaker"),
        ("speakers", [row("a", "s"), row("b", "t")], "m.csv:a: the task has 2 speakers; at least 3"),
        ("folds", [row("a", fold="1"), row("b")], "m.csv:b: clip 'b' has no fold"),
        (
            "folds",
            [row("a", fold="1"), row("b", fold="2")],
            "m.csv:a: the task has the folds 1, 2; at least 3 are needed",
        ),
    ],
)
def test_what_a_rule_needs(rule: str, rows: list[TaskRow], message: str) -> None:
    with pytest.raises(SourceError) as caught:
        with_splits(rows, SplitRule(rule=rule))
    assert message in str(caught.value)
