"""Figures of a small benchmark, pinned with the version of the measurement.

They are of made-up embeddings with every kind of task: figures that change without a new
``PROTOCOL_VERSION`` would let registered models compare that do not. Who means to change them raises the
version and adds the new figures below, beside the old ones.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from components.noss_evaluator.protocol import PROTOCOL_VERSION
from components.noss_evaluator.settings import NossEvaluatorSettings, StrictProtocol
from components.noss_evaluator.strict import evaluate_task
from tests.components.noss_evaluator.helpers import make_entries, make_task

SETTINGS = NossEvaluatorSettings(resamples=100, strict=StrictProtocol(seeds=2))
CLIPS = {"train": 96, "validation": 48, "test": 80}
TASKS: dict[str, dict[str, Any]] = {
    "classes": {},
    "speakers": {"speaker": "known"},
    "folds": {"split": {"rule": "folds"}},
    "balanced": {"metric": "balanced_accuracy"},
    "f1": {"metric": "macro_f1"},
    "auc": {"metric": "auc", "labels": ("a", "b"), "positive_label": "b"},
    "errors": {"metric": "equal_error_rate", "labels": ("a", "b"), "positive_label": "b"},
}
# By version: score, low and high end of its interval, and what validation said.
GOLDEN: dict[int, dict[str, tuple[float, float, float, float]]] = {
    1: {
        "classes": (0.89375, 0.829959474, 0.944928068, 0.822916667),
        "speakers": (0.8875, 0.811936194, 0.95489577, 0.880787037),
        "folds": (0.879198865, 0.834141488, 0.912014827, 0.892965922),
        "balanced": (0.893637227, 0.82214945, 0.945716565, 0.864583333),
        "f1": (0.887477826, 0.819847352, 0.942486676, 0.916605572),
        "auc": (0.980625, 0.957168718, 0.997252531, 0.990451389),
        "errors": (0.925, 0.019336845, 0.158094997, 0.083333333),
    },
}


def figures(task: str) -> tuple[float, float, float, float]:
    record = TASKS[task]
    classes = record.get("labels", ("a", "b", "c"))
    entries = make_entries(task, CLIPS, classes, speakers=8 if "speaker" in record else 0)
    if "split" in record:
        entries = [dataclasses.replace(one, group=str(i // 3 % 4)) for i, one in enumerate(entries)]
    places = np.array([classes.index(one.label) for one in entries])
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal((len(entries), 6))
    embeddings = (2.0 * np.eye(6)[places] + noise).astype(np.float32)
    result = evaluate_task(make_task(entries, SETTINGS, **record), embeddings, SETTINGS, seed=3).result
    return result.score, result.low, result.high, result.validation


@pytest.mark.parametrize("task", TASKS)
def test_figures_do_not_change_without_a_new_version(task: str) -> None:
    assert figures(task) == pytest.approx(GOLDEN[PROTOCOL_VERSION][task], abs=1e-6)
