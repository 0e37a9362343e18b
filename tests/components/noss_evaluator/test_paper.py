from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.paper import evaluate_by_paper
from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.noss_reports import PaperResult
from schemas.noss_tasks import SplitRule
from tests.components.noss_evaluator.helpers import make_entries, make_task

SETTINGS = NossEvaluatorSettings()
SIZES = {"train": 60, "validation": 30, "test": 60}


def _entries(speakers: int = 5) -> list[Entry]:
    """Speakers of a split are in no other one; three classes, the first in half of the clips."""
    return [
        dataclasses.replace(
            entry,
            label="abac"[index % 4],
            speaker_id=f"{entry.split}{index // 4 % speakers}" if speakers else "",
            group=str(index // 4 % 5),
        )
        for index, entry in enumerate(make_entries("x", SIZES))
    ]


def _embeddings(entries: list[Entry], noise: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(0)
    places = rng.normal(0, 1, (3, 6))[["abc".index(entry.label) for entry in entries]]
    return (places + rng.normal(0, noise, places.shape) + 2).astype(np.float32)


def _score(result: PaperResult, classifier: str, l2: bool, speaker: bool) -> tuple[float, float]:
    (found,) = [
        score
        for score in result.scores
        if (score.classifier, score.l2_normalised, score.speaker_normalised) == (classifier, l2, speaker)
    ]
    return found.validation, found.test


def _expected(model, entries: list[Entry], vectors: np.ndarray) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    x, y = {}, {}
    for split in SIZES:
        own = [index for index, entry in enumerate(entries) if entry.split == split]
        x[split], y[split] = vectors[own], np.array([entries[index].label for index in own])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x["train"], y["train"])
    return model.score(x["validation"], y["validation"]), model.score(x["test"], y["test"])


MODELS = {
    "logistic regression": LogisticRegression(C=1e5),
    "logistic regression, balanced": LogisticRegression(C=1e5, class_weight="balanced"),
    "linear discriminant analysis": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "random forest": RandomForestClassifier(100, random_state=7),
    "random forest, balanced": RandomForestClassifier(100, random_state=7, class_weight="balanced"),
}


@pytest.fixture(scope="module")
def result() -> PaperResult:
    entries = _entries()
    return evaluate_by_paper(make_task(entries), _embeddings(entries), SETTINGS, seed=7)


@pytest.mark.parametrize("name", MODELS)
def test_the_classifiers_are_those_of_the_papers(result: PaperResult, name: str) -> None:
    entries = _entries()
    assert _score(result, name, False, False) == _expected(MODELS[name], entries, _embeddings(entries))


def test_each_embedding_is_divided_by_its_length_and_then_each_speaker_standardised(
    result: PaperResult,
) -> None:
    entries = _entries()
    vectors = _embeddings(entries)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    model = MODELS["linear discriminant analysis"]
    assert _score(result, "linear discriminant analysis", True, False) == _expected(model, entries, vectors)
    speakers = np.array([entry.speaker_id for entry in entries])
    for speaker in set(speakers):
        own = vectors[speakers == speaker]
        vectors[speakers == speaker] = (own - own.mean(axis=0)) / own.std(axis=0)
    assert _score(result, "linear discriminant analysis", True, True) == _expected(model, entries, vectors)


def test_the_best_on_test_and_the_one_that_validation_chooses(result: PaperResult) -> None:
    assert len(result.scores) == 5 * 2 * 2
    assert result.best_on_test == max(score.test for score in result.scores)
    chosen = max(result.scores, key=lambda score: score.validation)
    assert result.chosen_on_validation == chosen.test < result.best_on_test
    assert (result.task, result.metric) == ("x", "accuracy")


def test_of_error_rates_the_smallest_is_best() -> None:
    entries = make_entries("x", SIZES)
    task = make_task(entries, metric="equal_error_rate", labels=("a", "b"), positive_label="b")
    vectors = np.random.default_rng(0).normal(size=(len(entries), 3)).astype(np.float32)
    result = evaluate_by_paper(task, vectors, SETTINGS, seed=7)
    assert result.best_on_test == min(score.test for score in result.scores)
    assert min(result.scores, key=lambda score: score.validation).test == result.chosen_on_validation


def test_without_speakers_none_are_standardised() -> None:
    entries = _entries(speakers=0)
    result = evaluate_by_paper(make_task(entries), _embeddings(entries), SETTINGS, seed=7)
    assert {score.speaker_normalised for score in result.scores} == {False}
    assert len(result.scores) == 10


@pytest.mark.slow
def test_folds_are_averaged() -> None:
    entries = _entries(speakers=0)
    vectors = _embeddings(entries)
    folds = make_task(entries, split=SplitRule(rule="folds"))
    whole = _score(
        evaluate_by_paper(folds, vectors, SETTINGS, 7), "linear discriminant analysis", False, False
    )
    of_folds = []
    for fold in range(5):
        split = {str(fold): "test", str((fold + 1) % 5): "validation"}
        turned = [dataclasses.replace(entry, split=split.get(entry.group, "train")) for entry in entries]
        of_folds.append(_expected(MODELS["linear discriminant analysis"], turned, vectors))
    assert whole == pytest.approx(np.mean(of_folds, axis=0))


def test_the_seed_is_that_of_the_forests(result: PaperResult) -> None:
    entries = _entries()
    other = evaluate_by_paper(make_task(entries), _embeddings(entries), SETTINGS, seed=8)
    differing = {one.classifier for one, two in zip(result.scores, other.scores, strict=True) if one != two}
    assert differing == {"random forest", "random forest, balanced"}
