from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.robustness import (
    choose_clips,
    disturbed_clips,
    disturbed_id,
    measure_robustness,
)
from components.noss_evaluator.settings import Corruption, NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import TaskEvaluation
from tests.components.noss_evaluator.helpers import make_clip, make_entries, make_task, tone

NOISE, CUT = Corruption(kind="noise", value=0.0), Corruption(kind="cut", value=0.25)
PER_SPLIT = {"train": 60, "validation": 30, "test": 60}


def _embeddings(entries: Sequence[Entry], seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.3, (len(entries), 6))
    noise[:, 0] += [3.0 if entry.label == "b" else -3.0 for entry in entries]
    return noise.astype(np.float32)


@pytest.fixture(scope="module")
def evaluation() -> tuple[TaskEvaluation, np.ndarray]:
    entries = make_entries("x", PER_SPLIT)
    clean = _embeddings(entries)
    return evaluate_task(make_task(entries), clean, NossEvaluatorSettings(resamples=100), seed=1), clean


def _measure(
    evaluation: TaskEvaluation, clean: np.ndarray, change: np.ndarray, limit: int = 20
) -> tuple[float, float]:
    """Mean and change where the corrupted vectors are the clean ones plus ``change``."""
    chosen = {"x": choose_clips(evaluation, limit)}
    rows = {disturbed_id(clip.clip_id, NOISE): i for i, clip in enumerate(chosen["x"])}
    corrupted = (clean[[clip.sound for clip in chosen["x"]]] + change).astype(np.float32)
    (result,) = measure_robustness([evaluation], chosen, clean, corrupted, rows, [NOISE])
    assert (result.condition, result.n, list(result.tasks)) == ("noise 0 dB", limit, ["x"])
    return result.mean, result.change


def test_a_model_that_does_not_hear_the_corruption_loses_nothing(
    evaluation: tuple[TaskEvaluation, np.ndarray],
) -> None:
    assert _measure(*evaluation, change=np.zeros(6)) == (1.0, 0.0)


def test_one_that_is_turned_round_loses_everything(evaluation: tuple[TaskEvaluation, np.ndarray]) -> None:
    task_evaluation, clean = evaluation
    chosen = choose_clips(task_evaluation, 20)
    assert _measure(task_evaluation, clean, change=-2 * clean[[clip.sound for clip in chosen]]) == (0.0, -1.0)


def test_one_class_only_remains(evaluation: tuple[TaskEvaluation, np.ndarray]) -> None:
    # Everything is pushed over to b, and b is half of the clips.
    assert _measure(*evaluation, change=np.array([30.0, 0, 0, 0, 0, 0])) == (0.5, -0.5)


def test_the_choice_is_stable_and_takes_classes_in_turn(
    evaluation: tuple[TaskEvaluation, np.ndarray],
) -> None:
    chosen = choose_clips(evaluation[0], 20)
    assert [clip.label for clip in chosen].count("a") == 10
    assert {clip.split for clip in chosen} == {"test"}
    (run,) = evaluation[0].probes
    shuffled = replace(evaluation[0], probes=[replace(run, tested=run.tested[::-1])])
    assert choose_clips(shuffled, 20) == chosen
    assert len(choose_clips(evaluation[0], 1000)) == PER_SPLIT["test"]
    assert set(choose_clips(evaluation[0], 10)) < set(chosen)


def test_each_probe_answers_for_its_own_clips(evaluation: tuple[TaskEvaluation, np.ndarray]) -> None:
    task_evaluation, clean = evaluation
    (run,) = task_evaluation.probes
    halves = [replace(run, tested=run.tested[:30]), replace(run, tested=run.tested[30:])]
    folds = replace(task_evaluation, probes=halves)
    change = np.zeros((20, 6))
    chosen = choose_clips(folds, 20)
    assert len(chosen) == 20  # ten of each
    first = {clip.clip_id for clip in run.tested[:30]}
    for row, clip in enumerate(chosen):
        if clip.clip_id in first:
            change[row] = -2 * clean[clip.sound]
    assert _measure(folds, clean, change) == (0.5, -0.5)  # one half is lost, each half counts alike


def test_only_chosen_clips_are_disturbed_each_in_every_way() -> None:
    clips = [make_clip("x", "test", i, tone(400, i), "a") for i in range(3)]
    found = list(disturbed_clips(clips, frozenset({"x/test1"}), [NOISE, CUT]))
    assert [clip.clip_id for clip in found] == ["x/test1, noise 0 dB", "x/test1, first 0.25 s"]
    assert [len(clip.audio) for clip in found] == [8000, 4000]
    assert found[1].task == "x" and found[1].label == "a"
