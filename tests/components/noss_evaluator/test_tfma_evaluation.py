from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.strict import evaluate_task
from components.noss_evaluator.tasks import gather_tasks
from components.noss_evaluator.tfma_evaluation import UNKNOWN_SPEAKER, write_tfma_evaluation
from tests.components.noss_evaluator.helpers import make_entries, make_task_set


def test_tfma_finds_our_accuracies_by_task_class_and_speaker(tmp_path: Path) -> None:
    sizes = {"train": 60, "validation": 24, "test": 48}
    entries = make_entries("two", sizes, speakers=3) + make_entries("three", sizes, ("a", "b", "c"))
    tasks = gather_tasks(entries, make_task_set(entries), NossEvaluatorSettings())
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(sum(sizes.values()), 4)).astype(np.float32)
    evaluations = [evaluate_task(task, embeddings, NossEvaluatorSettings(), seed=1) for task in tasks]
    write_tfma_evaluation(tmp_path / "tfma", evaluations)

    import tfx.v1  # noqa: F401, I001
    import tensorflow_model_analysis as tfma

    slices = {
        tuple(sorted(key)): (
            metrics[""][""]["sparse_categorical_accuracy"]["doubleValue"],
            metrics[""][""]["example_count"]["doubleValue"],
        )
        for key, metrics in tfma.load_eval_result(str(tmp_path / "tfma")).slicing_metrics
    }
    # Two tasks, their 2 and 3 classes, three speakers and one who is unknown.
    assert len(slices) == 2 + 5 + 4
    for evaluation in evaluations:
        name, clips = evaluation.task.name, evaluation.task.splits["test"]
        assert slices[(("task", name),)] == (pytest.approx(evaluation.result.value), 48)
        correct = (
            np.array([clip.label for clip in clips])
            == np.array(evaluation.task.classes)[evaluation.predicted]
        )
        for key, values in (
            ("class", [clip.label for clip in clips]),
            ("speaker", [clip.speaker_id or UNKNOWN_SPEAKER for clip in clips]),
        ):
            for value in set(values):
                own = correct[np.array(values) == value]
                assert slices[tuple(sorted([("task", name), (key, value)]))] == (
                    pytest.approx(own.mean()),
                    len(own),
                )
