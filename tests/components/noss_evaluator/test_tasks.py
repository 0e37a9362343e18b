from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import NossTask, gather_tasks, write_predictions
from schemas.noss_task_sets import NossTaskSet
from schemas.noss_tasks import Metric, SplitRule
from tests.components.noss_evaluator.helpers import make_entries, make_task, make_task_set

MANY = {"train": 20, "validation": 10, "test": 40}


def _gather(
    entries: list[Entry], *required: str, metrics: dict[str, Metric] | None = None, **record: Any
) -> list[NossTask]:
    settings = NossEvaluatorSettings(require_tasks=required, metrics=metrics or {})
    return gather_tasks(entries, make_task_set(entries, **record), settings)


def test_tasks_come_sorted_whatever_the_order_of_the_records() -> None:
    entries = make_entries("y", MANY) + make_entries("x", MANY)
    forth, back = _gather(entries, "x"), _gather(entries[::-1], "x")
    assert [task.name for task in forth] == ["x", "y"]
    assert forth == back
    assert [len(clips) for clips in forth[0].splits.values()] == [20, 10, 40]


def test_settings_may_ask_for_another_metric() -> None:
    entries = make_entries("y", MANY) + make_entries("x", MANY)
    tasks = _gather(entries, metrics={"y": "macro_f1"}, metric="auc")
    assert [task.metric for task in tasks] == ["auc", "macro_f1"]


def test_the_positive_label_is_a_class() -> None:
    (task,) = _gather(
        make_entries("x", MANY), labels=("a", "b"), positive_label="b", metric="equal_error_rate"
    )
    assert (task.classes, task.positive) == (("a", "b"), 1)
    assert _gather(make_entries("x", MANY))[0].positive is None


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_an_equal_error_rate_without_a_positive_label_is_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"there are {len(classes)} classes, and positive_label is ''"):
        _gather(make_entries("x", MANY, classes), metrics={"x": "equal_error_rate"})


def test_an_absent_task_is_named() -> None:
    with pytest.raises(ValueError, match=r"require_tasks asks for \['z'\], the records hold \['x'\]"):
        _gather(make_entries("x", MANY), "x", "z")


def test_a_task_without_a_record_is_named() -> None:
    with pytest.raises(ValueError, match=r"the records hold \['x'\], noss_tasks.json describes \[\]"):
        gather_tasks(make_entries("x", MANY), NossTaskSet(tasks=[]), NossEvaluatorSettings())


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_named(split: str) -> None:
    with pytest.raises(ValueError, match=f"task 'x' has no clip in split '{split}'"):
        make_task(make_entries("x", MANY | {split: 0}))


def test_folds_need_no_splits() -> None:
    task = make_task(
        make_entries("x", {"train": 0, "validation": 0, "test": 40}), split=SplitRule(rule="folds")
    )
    assert len(task.clips) == 40


def test_a_single_class_is_named() -> None:
    with pytest.raises(ValueError, match="task 'x' has the single class 'a' in train"):
        make_task(make_entries("x", MANY, classes=("a",)))


def test_predictions_are_written(tmp_path: Path) -> None:
    entries = make_entries("x", {"train": 8, "validation": 4, "test": 2}, speakers=2)
    embeddings = np.eye(2, dtype=np.float32)[[ord(entry.label) - ord("a") for entry in entries]]
    evaluation = evaluate_task(
        make_task(entries, speaker="label"), embeddings, NossEvaluatorSettings(), seed=1
    )
    write_predictions(tmp_path / "wave", evaluation)
    with (tmp_path / "wave" / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["clip_id"], row["speaker_id"], row["label"], row["predicted"]) for row in rows] == [
        ("x/test0000", "s0", "a", "a"),
        ("x/test0001", "s1", "b", "b"),
    ]
    assert all(0.5 < float(row["probability"]) <= 1 for row in rows)
