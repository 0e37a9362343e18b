"""The papers' protocol: for comparison with published figures, never to decide.

As in the code of TRILL and FRILL (google-research/non_semantic_speech_benchmark,
eval_embedding/sklearn): five classifiers at fixed settings, on embeddings as they are, with each of them
divided by its length or not, and each speaker standardised or not. Published is the best of all
combinations **on test**. Beside it stands the test figure of the combination that validation would choose.

Two things are kept although they are wrong: test speakers are standardised by their own statistics, and
logistic regression stops after 100 iterations, converged or not.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.folds import Part, official_parts, speaker_is_asked
from components.noss_evaluator.intervals import speakers_known
from components.noss_evaluator.metrics import Answers, measure, to_score
from components.noss_evaluator.probes.lda import lda
from components.noss_evaluator.probes.scaling import Matrix, scale_by_speaker
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import NossTask, class_indices, sounds_of
from schemas.noss_reports import PaperResult, PaperScore

_C = 1e5
_MAX_ITERATIONS = 100
_TREES = 100

Indices = np.ndarray[Any, np.dtype[np.intp]]
Answerer = Callable[[Matrix], Matrix]


def evaluate_by_paper(
    task: NossTask, embeddings: Matrix, settings: NossEvaluatorSettings, seed: int
) -> PaperResult:
    """Measures a task by the papers' protocol; with folds of its own, each figure is their mean.

    Args:
      task: The task, with the metric that counts.
      embeddings: float32 ``(sounds, dim)`` of all sounds.
      settings: How many threads the forests may use.
      seed: Of the random forests.
    """
    parts = official_parts(task)
    by_speaker = (False, True) if speakers_known(task.clips) and not speaker_is_asked(task) else (False,)
    scores = []
    for l2, speaker in itertools.product((False, True), by_speaker):
        figures: dict[str, list[tuple[float, float]]] = {}
        for part in parts:
            for name, of_part in _of_part(
                task, part, embeddings, l2, speaker, settings.workers, seed
            ).items():
                figures.setdefault(name, []).append(of_part)
        for name, of_parts in figures.items():
            validation, test = np.mean(of_parts, axis=0)
            scores.append(
                PaperScore(
                    classifier=name,
                    l2_normalised=l2,
                    speaker_normalised=speaker,
                    validation=validation,
                    test=test,
                )
            )
    return PaperResult(
        task=task.name,
        metric=task.metric,
        best_on_test=max(scores, key=lambda score: to_score(task.metric, score.test)).test,
        chosen_on_validation=max(scores, key=lambda score: to_score(task.metric, score.validation)).test,
        scores=scores,
    )


def _of_part(
    task: NossTask, part: Part, embeddings: Matrix, l2: bool, by_speaker: bool, workers: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The metric on validation and test by classifier."""

    def prepared(clips: Sequence[Entry]) -> Matrix:
        vectors = embeddings[sounds_of(clips)]
        if l2:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-20))
        return scale_by_speaker(vectors, [clip.speaker_id for clip in clips]) if by_speaker else vectors

    held_out = [
        (prepared(clips), class_indices(task.classes, clips)) for clips in (part.validation, part.test)
    ]
    train, labels = prepared(part.train), class_indices(task.classes, part.train)
    figures = {}
    for name, answer in _fitted(train, labels, len(task.classes), workers, seed):
        validation, test = (
            measure(task.metric, Answers(truth, answer(vectors), task.positive))
            for vectors, truth in held_out
        )
        figures[name] = validation, test
    return figures


def _fitted(
    train: Matrix, labels: Indices, classes: int, workers: int, seed: int
) -> list[tuple[str, Answerer]]:
    """The papers' classifiers, fitted."""
    models = {
        "logistic regression": LogisticRegression(C=_C, max_iter=_MAX_ITERATIONS),
        "logistic regression, balanced": LogisticRegression(
            C=_C, max_iter=_MAX_ITERATIONS, class_weight="balanced"
        ),
        "random forest": RandomForestClassifier(_TREES, n_jobs=workers, random_state=seed),
        "random forest, balanced": RandomForestClassifier(
            _TREES, n_jobs=workers, random_state=seed, class_weight="balanced"
        ),
    }
    fitted: list[tuple[str, Answerer]] = [("linear discriminant analysis", lda(train, labels, classes)[0])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, model in models.items():
            fitted.append((name, _answerer(model.fit(train, labels), classes)))
    return fitted


def _answerer(model: Any, classes: int) -> Answerer:
    def answer(vectors: Matrix) -> Matrix:
        table = np.zeros((len(vectors), classes), np.float32)
        table[:, model.classes_] = model.predict_proba(vectors)
        return table

    return answer
