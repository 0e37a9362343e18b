from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.folds import Part, _draw, official_parts, parts_of, speaker_is_asked
from components.noss_evaluator.settings import StrictProtocol
from schemas.noss_tasks import SplitRule
from tests.components.noss_evaluator.helpers import make_entries, make_task

STRICT = StrictProtocol()
MANY = {"train": 80, "validation": 20, "test": 40}


def _entries(
    per_split: dict[str, int],
    speaker: Callable[[str, int], str] = lambda split, i: "",
    label: Callable[[str, int], str] = lambda split, i: "abcd"[i % 4],
) -> list[Entry]:
    return [
        dataclasses.replace(
            entry,
            speaker_id=speaker(entry.split, int(entry.clip_id[-4:])),
            label=label(entry.split, int(entry.clip_id[-4:])),
        )
        for entry in make_entries("x", per_split)
    ]


def _ids(clips: tuple[Entry, ...]) -> set[str]:
    return {clip.clip_id for clip in clips}


def _speakers(clips: tuple[Entry, ...]) -> set[str]:
    return {clip.speaker_id for clip in clips}


def _is_apart(part: Part, key: Callable[[Entry], object]) -> bool:
    sides = [{key(clip) for clip in side} for side in (part.train, part.validation, part.test)]
    return sum(map(len, sides)) == len(set.union(*sides))


def test_the_first_draw_is_the_given_split_and_test_never_changes() -> None:
    task = make_task(_entries(MANY))
    first, *further = parts_of(task, STRICT, seed=1)
    assert (first.train, first.validation, first.test) == tuple(task.splits.values())
    assert [part.seed for part in (first, *further)] == [0, 1, 2]
    union = _ids(first.train) | _ids(first.validation)
    for part in further:
        assert part.test == first.test
        assert _ids(part.train) | _ids(part.validation) == union
        assert (len(part.train), len(part.validation)) == (80, 20)
        assert _is_apart(part, lambda clip: clip.clip_id)
    assert len({frozenset(_ids(part.validation)) for part in (first, *further)}) == 3


def test_redrawn_splits_keep_each_label_s_share() -> None:
    # 100 clips, 70 of a, 20 of b, 10 of c: of 20 in validation 14, 4 and 2.
    labels = "a" * 70 + "b" * 20 + "c" * 10
    numbered = iter(range(1000))
    task = make_task(_entries(MANY, label=lambda split, i: labels[next(numbered) % 100]))
    for part in parts_of(task, STRICT, seed=1)[1:]:
        assert Counter(clip.label for clip in part.validation) == {"a": 14, "b": 4, "c": 2}


def test_redrawn_splits_keep_speakers_apart() -> None:
    # Train has speakers t0..t7, validation v0 and v1, test s0..s5: 10 clips a speaker but for test.
    letters = {"train": ("t", 8), "validation": ("v", 2), "test": ("s", 6)}
    task = make_task(_entries(MANY, lambda split, i: f"{letters[split][0]}{i % letters[split][1]}"))
    for part in parts_of(task, STRICT, seed=1):
        assert _is_apart(part, lambda clip: clip.speaker_id)
        assert len(part.validation) == 20
        assert {clip.label for clip in part.train} == set("abcd")


def test_each_seed_draws_its_own_and_the_same_again() -> None:
    task = make_task(_entries(MANY))
    assert parts_of(task, STRICT, seed=1) == parts_of(task, STRICT, seed=1)
    assert parts_of(task, STRICT, seed=1)[1] != parts_of(task, STRICT, seed=2)[1]


def test_folds_are_tested_in_turn_and_validation_moves_on_with_the_draw() -> None:
    clips = [dataclasses.replace(clip, group=str(int(clip.clip_id[-4:]) % 5 + 8)) for clip in _entries(MANY)]
    task = make_task(clips, split=SplitRule(rule="folds"))
    parts = parts_of(task, STRICT, seed=1)
    # Numbers, not letters, order them: 8, 9, 10, 11, 12.
    assert [(part.seed, part.fold) for part in parts[:6]] == [
        (0, "8"), (0, "9"), (0, "10"), (0, "11"), (0, "12"), (1, "8"),
    ]  # fmt: skip
    assert [{clip.group for clip in part.validation} for part in parts[3:6]] == [{"12"}, {"8"}, {"10"}]
    for part in parts:
        assert {clip.group for clip in part.test} == {part.fold}
        assert _is_apart(part, lambda clip: clip.group)
        assert len(part.train) + len(part.validation) + len(part.test) == 140
    assert official_parts(task) == parts[:5]


def test_a_clip_without_a_fold_is_named() -> None:
    clips = [dataclasses.replace(clip, group="1" if i else "") for i, clip in enumerate(_entries(MANY))]
    with pytest.raises(ValueError, match=r"'x' is split by folds, its clips are of \['', '1'\]"):
        parts_of(make_task(clips, split=SplitRule(rule="folds")), STRICT, seed=1)


def _few_speakers() -> list[Entry]:
    """Train p0..p4, validation q0 and q1, test r0, r1 and r2; each with clips of all labels."""
    letters = {"train": ("p", 5), "validation": ("q", 2), "test": ("r", 3)}
    return _entries(MANY, lambda split, i: f"{letters[split][0]}{i // 4 % letters[split][1]}")


def test_few_test_speakers_make_speaker_folds() -> None:
    strict = STRICT.model_copy(update={"speaker_folds": 3})
    task = make_task(_few_speakers(), speaker="known")
    parts = parts_of(task, strict, seed=1)
    assert [(part.seed, part.fold) for part in parts] == [(s, str(f)) for s in range(3) for f in range(3)]
    for split_seed in range(3):
        of_seed = [part for part in parts if part.seed == split_seed]
        tested = [clip.clip_id for part in of_seed for clip in part.test]
        assert len(tested) == len(set(tested)) == 140
        for part in of_seed:
            assert _is_apart(part, lambda clip: clip.speaker_id)
            assert len(part.train) + len(part.validation) + len(part.test) == 140
            # A third of 140 clips is 47, a fifth of the rest 19; whole speakers have 8 to 20 clips.
            assert 30 <= len(part.test) <= 64
            assert 8 <= len(part.validation) <= 30
            assert {clip.label for clip in part.train} == set("abcd")
    assert parts[0].test != parts[3].test
    # The papers take the split that there is.
    assert [part.test for part in official_parts(task)] == [task.splits["test"]]


def test_up_to_twelve_speakers_are_left_out_one_by_one() -> None:
    task = make_task(_few_speakers(), speaker="known")
    parts = parts_of(task, STRICT, seed=1)
    first = [part for part in parts if part.seed == 0]
    assert sorted(speaker for part in first for speaker in _speakers(part.test)) == sorted(
        {clip.speaker_id for clip in task.clips}
    )
    assert all(len(_speakers(part.test)) == 1 for part in parts)
    for part in parts:
        assert _is_apart(part, lambda clip: clip.speaker_id)
        assert {clip.label for clip in part.train} == set("abcd")


@pytest.mark.parametrize("speakers", [13, 14, 17, 25])
def test_no_fold_of_speakers_is_empty(speakers: int) -> None:
    # Five speakers in test; the others share train and validation.
    test = {f"s{number}" for number in range(5)}
    splits = {"test": sorted(test), "train": [f"s{n}" for n in range(5, speakers - 2)]}
    splits["validation"] = [f"s{n}" for n in range(speakers - 2, speakers)]
    task = make_task(_entries(MANY, lambda split, i: splits[split][i % len(splits[split])]), speaker="known")
    parts = parts_of(task, STRICT, seed=1)
    assert all(part.test for part in parts)
    tested = [clip.clip_id for part in parts if part.seed == 0 for clip in part.test]
    assert len(tested) == len(set(tested)) == 140


def test_no_part_is_measured_twice() -> None:
    # Ten draws of three folds of ten speakers: some come out the same.
    strict = STRICT.model_copy(update={"seeds": 10})
    for speaker_folds in (3, 12):
        task = make_task(_few_speakers(), speaker="known")
        chosen = strict.model_copy(update={"speaker_folds": speaker_folds})
        keys = [
            (frozenset(_speakers(part.test)), frozenset(_speakers(part.validation)))
            for part in parts_of(task, chosen, seed=1)
        ]
        assert len(keys) == len(set(keys)) >= 20


def test_a_label_of_one_speaker_is_missed_but_the_others_are_not() -> None:
    # Only speaker p0 says a; when p0 is tested, train does not know a, and has the others.
    clips = [
        dataclasses.replace(clip, label="a" if clip.speaker_id == "p0" else "bcd"[i % 3])
        for i, clip in enumerate(_few_speakers())
    ]
    for part in parts_of(make_task(clips, speaker="known"), STRICT, seed=1):
        # Validation is drawn so that train keeps all labels it can.
        expected = set("bcd") if "p0" in _speakers(part.test) else set("abcd")
        assert {clip.label for clip in part.train} == expected


def test_rather_the_less_fitting_speakers_than_a_label_that_train_lacks() -> None:
    # Of 1, 3 and 5 clips a fifth is wanted: 0.2, 0.6 and 1. Speaker 0 (one clip of each label) is off by
    # 0.8 + 0.4 + 0, the others (0, 1 and 2 clips) by 0.2 + 0.4 + 1; but only speaker 0 has the first label.
    labels = np.array([0, 1, 2, 1, 2, 2, 1, 2, 2])
    groups = np.repeat([0, 1, 2], 3)
    for seed in range(20):
        drawn = _draw(labels, groups, 0.2, np.random.default_rng(seed))
        assert drawn.tolist() in ([3, 4, 5], [6, 7, 8])


@pytest.mark.parametrize("by_record", [True, False])
def test_a_task_about_speakers_never_gets_speaker_folds(by_record: bool) -> None:
    clips = [
        dataclasses.replace(clip, speaker_id=f"speaker {clip.label}" if by_record else clip.label)
        for clip in _entries(MANY, label=lambda split, i: "abc"[i % 3])
    ]
    task = make_task(clips, speaker="label") if by_record else make_task(clips)
    assert speaker_is_asked(task)
    for part in parts_of(task, STRICT, seed=1):
        assert part.test == task.splits["test"]
        assert {clip.label for clip in part.train} == set("abc")


def test_two_speakers_cannot_train_choose_and_test(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task(_entries(MANY, lambda split, i: "r" if split == "test" else "p"), speaker="known")
    with caplog.at_level("WARNING", logger="tinytrill.noss_evaluator"):
        parts = parts_of(task, STRICT, seed=1)
    assert all(part.test == task.splits["test"] for part in parts)
    assert "x: too few speakers" in caplog.text
    # Train and validation are of one speaker and are drawn by clip.
    assert [len(part.validation) for part in parts] == [20, 20, 20]


def test_the_same_sound_is_never_on_both_sides(caplog: pytest.LogCaptureFixture) -> None:
    clips = _entries(MANY)
    sound = {clip.clip_id: clip.sound for clip in clips}
    # In train twice; in train and validation; in train and test; in validation and test.
    for one, other in [
        ("x/train0001", "x/train0000"),
        ("x/validation0000", "x/train0002"),
        ("x/test0000", "x/train0003"),
        ("x/test0001", "x/validation0001"),
    ]:
        sound[one] = sound[other]
    task = make_task([dataclasses.replace(clip, sound=sound[clip.clip_id]) for clip in clips])
    with caplog.at_level("WARNING", logger="tinytrill.noss_evaluator"):
        parts = parts_of(task, STRICT, seed=1)
    for part in parts:
        sides = [{clip.sound for clip in side} for side in (part.train, part.validation, part.test)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
        assert len(part.test) == 40
    assert (len(parts[0].train), len(parts[0].validation)) == (78, 19)
    assert "x, split seed 0, fold '': 3 clips are left out" in caplog.text


def test_speakers_who_share_a_sound_stay_together() -> None:
    clips = _few_speakers()
    sound = {speaker: next(c.sound for c in clips if c.speaker_id == speaker) for speaker in ("p0", "r0")}
    joined = [
        dataclasses.replace(clip, sound=sound["p0"]) if clip.sound == sound["r0"] else clip for clip in clips
    ]
    for part in parts_of(make_task(joined, speaker="known"), STRICT, seed=1):
        sides = [_speakers(side) for side in (part.train, part.validation, part.test)]
        assert any({"p0", "r0"} <= side for side in sides)


def test_a_train_split_of_a_single_class_is_refused() -> None:
    # Each label has a fold of its own: with one tested and one chosen by, a single one is left. That is c,
    # of which 80, 20 and 40 clips hold 26, 6 and 13.
    groups = {"a": "1", "b": "2", "c": "3"}
    clips = [
        dataclasses.replace(clip, group=groups[clip.label])
        for clip in _entries(MANY, label=lambda split, i: "abc"[i % 3])
    ]
    with pytest.raises(ValueError, match="'x', split seed 0, fold '1': 45 clips of 1 classes in train"):
        parts_of(make_task(clips, split=SplitRule(rule="folds")), STRICT, seed=1)


def test_many_clips_are_drawn_fast() -> None:
    sizes = {"train": 20_000, "validation": 4000, "test": 10}
    task = make_task(_entries(sizes, label=lambda split, i: f"c{i % 500}"))
    shares = [len(part.validation) for part in parts_of(task, STRICT, seed=1)]
    assert shares == [4000, 4000, 4000]
    drawn = parts_of(task, STRICT, seed=1)[1].validation
    assert np.ptp(list(Counter(clip.label for clip in drawn).values())) == 0
