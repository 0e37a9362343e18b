from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import (
    NossTask,
    TaskEvaluation,
    gather_tasks,
    write_predictions,
)
from tests.components.noss_evaluator.helpers import make_entries, make_task, make_task_set

SETTINGS = NossEvaluatorSettings(resamples=200)
MANY = {"train": 200, "validation": 100, "test": 400}
FOUR = ("a", "b", "c", "d")


def _signal(entries: list[Entry], seed: int = 0) -> np.ndarray:
    """Embeddings in which each class has its own place, far from the others."""
    rng = np.random.default_rng(seed)
    places = np.array([ord(entry.label[0]) - ord("a") for entry in entries])
    return (np.eye(8)[places] * 10 + rng.normal(0, 0.1, (len(entries), 8))).astype(np.float32)


def _gather(entries: list[Entry], *required: str) -> list[NossTask]:
    settings = SETTINGS.model_copy(update={"require_tasks": required})
    return gather_tasks(entries, make_task_set(entries), settings)


def _evaluate(entries: list[Entry], embeddings: np.ndarray) -> TaskEvaluation:
    return evaluate_task(make_task(entries), embeddings, SETTINGS, seed=1)


def test_separable_classes_are_all_found() -> None:
    entries = make_entries("x", MANY, FOUR)
    result = _evaluate(entries, _signal(entries)).result
    assert (result.value, result.low, result.high) == (1.0, 1.0, 1.0)
    assert (result.n_train, result.n_validation, result.n_test, result.n_classes) == (200, 100, 400, 4)
    assert result.chance == 0.25


def test_random_numbers_score_at_chance() -> None:
    entries = make_entries("x", MANY, FOUR)
    noise = np.random.default_rng(0).normal(size=(len(entries), 64)).astype(np.float32)
    result = _evaluate(entries, noise).result
    # Four classes, 400 clips: chance 0.25, standard deviation sqrt(0.25 * 0.75 / 400) = 0.022.
    assert abs(result.value - 0.25) < 3 * 0.022
    assert result.low < 0.25 < result.high


def test_shuffled_labels_score_at_chance() -> None:
    entries = make_entries("x", MANY, FOUR)
    shuffled = np.random.default_rng(0).permutation(_signal(entries))
    assert abs(_evaluate(entries, shuffled).result.value - 0.25) < 3 * 0.022


def test_test_labels_do_not_reach_the_probe() -> None:
    entries = make_entries("x", MANY, FOUR)
    embeddings = np.random.default_rng(0).normal(size=(len(entries), 64)).astype(np.float32)
    turned = [
        Entry(e.clip_id, e.task, e.split, "a" if e.split == "test" else e.label, e.speaker_id, e.sound)
        for e in entries
    ]
    one, two = _evaluate(entries, embeddings), _evaluate(turned, embeddings)
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert one.result.validation == two.result.validation


def test_speakers_widen_the_interval() -> None:
    entries = make_entries("x", MANY, ("a", "b"), speakers=5)
    embeddings = _signal(entries)
    wrong = [e.sound for e in entries if e.split == "test" and e.speaker_id in ("s0", "s1")]
    embeddings[wrong] = embeddings[wrong][:, ::-1]
    known = _evaluate(entries, embeddings).result
    nameless = [Entry(e.clip_id, e.task, e.split, e.label, "", e.sound) for e in entries]
    unknown = _evaluate(nameless, embeddings).result
    assert (known.n_speakers_test, unknown.n_speakers_test) == (5, 0)
    assert known.value == unknown.value
    assert known.high - known.low > 2 * (unknown.high - unknown.low)


def test_a_class_of_test_alone_counts_as_missed() -> None:
    entries = make_entries("x", MANY, ("a", "b"))
    embeddings = _signal(entries)
    odd = [Entry(e.clip_id, e.task, e.split, "z", "", e.sound) for e in entries if e.split == "test"][:100]
    rest = [e for e in entries if e.clip_id not in {o.clip_id for o in odd}]
    result = _evaluate(rest + odd, embeddings).result
    assert result.value == 0.75
    assert result.n_classes == 3


def test_predictions_are_written(tmp_path: Path) -> None:
    entries = make_entries("x", {"train": 8, "validation": 4, "test": 2}, speakers=2)
    write_predictions(tmp_path / "wave", _evaluate(entries, _signal(entries)))
    with (tmp_path / "wave" / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["clip_id"], row["speaker_id"], row["label"], row["predicted"]) for row in rows] == [
        ("x/test0000", "s0", "a", "a"),
        ("x/test0001", "s1", "b", "b"),
    ]
    assert all(0.5 < float(row["probability"]) <= 1 for row in rows)


def test_tasks_come_sorted_whatever_the_order_of_the_records() -> None:
    entries = make_entries("y", MANY) + make_entries("x", MANY)
    forth, back = _gather(entries), _gather(entries[::-1])
    assert [task.name for task in forth] == ["x", "y"]
    assert forth == back


def test_an_absent_task_is_named() -> None:
    with pytest.raises(ValueError, match=r"require_tasks asks for \['z'\], the records hold \['x'\]"):
        _gather(make_entries("x", MANY), "x", "z")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_named(split: str) -> None:
    with pytest.raises(ValueError, match=f"task 'x' has no clip in split '{split}'"):
        make_task(make_entries("x", MANY | {split: 0}))


def test_a_single_class_is_named() -> None:
    with pytest.raises(ValueError, match="task 'x' has the single class 'a' in train"):
        make_task(make_entries("x", MANY, classes=("a",)))
