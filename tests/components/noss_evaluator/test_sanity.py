from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from components.noss_evaluator import sanity, strict
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.folds import Part, parts_of
from components.noss_evaluator.probes import fitted
from components.noss_evaluator.probes.choice import Chosen
from components.noss_evaluator.sanity import check_protocol
from components.noss_evaluator.settings import NossEvaluatorSettings, StrictProtocol
from components.noss_evaluator.tasks import NossTask
from schemas.noss_tasks import SplitRule
from tests.components.noss_evaluator.helpers import make_entries, make_task

SIZES = {"train": 60, "validation": 30, "test": 60}
SETTINGS = NossEvaluatorSettings(strict=StrictProtocol(c_grid=(1e-2, 1.0), seeds=2))


def _entries() -> list[Entry]:
    """Ten speakers, four folds, three classes."""
    return [
        dataclasses.replace(
            entry, speaker_id=f"s{index % 10}", group=str(index % 4), label="abc"[index * 7 % 3]
        )
        for index, entry in enumerate(make_entries("x", SIZES))
    ]


def _embeddings(entries: list[Entry]) -> np.ndarray:
    """Embeddings that tell classes and speakers apart."""
    rng = np.random.default_rng(0)
    places, voices = rng.normal(0, 2, (3, 12)), rng.normal(0, 2, (10, 12))
    own = ["abc".index(entry.label) for entry in entries]
    speakers = [int(entry.speaker_id[1:]) for entry in entries]
    return (places[own] + voices[speakers] + rng.normal(0, 1, (len(entries), 12))).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    "record",
    [
        {},
        {"split": SplitRule(rule="folds"), "metric": "macro_f1"},
        {"metric": "balanced_accuracy"},
        {"metric": "auc"},
    ],
)
def test_the_protocol_is_honest(record: dict[str, Any]) -> None:
    entries = _entries()
    task = make_task(entries, SETTINGS, **record)
    embeddings = _embeddings(entries)
    checks = check_protocol([task], embeddings, SETTINGS, seed=3)
    assert [(check.check, check.task) for check in checks] == [
        ("random embedding", "x"),
        ("shuffled labels", "x"),
    ]
    for check in checks:
        assert check.passed
        assert check.value <= check.limit
        assert check.chance < check.limit < strict.evaluate_task(task, embeddings, SETTINGS, 3).result.score


def test_an_equal_error_rate_is_checked_by_its_score() -> None:
    entries = make_entries("x", SIZES)
    task = make_task(entries, metric="equal_error_rate", labels=("a", "b"), positive_label="b")
    embeddings = np.random.default_rng(0).normal(size=(len(entries), 4)).astype(np.float32)
    for check in check_protocol([task], embeddings, SETTINGS, seed=3):
        assert check.passed
        assert check.chance == 0.5 < check.limit < 0.85


def test_speaker_folds_are_checked_too() -> None:
    entries = [dataclasses.replace(entry, speaker_id=f"s{entry.sound // 3 % 3}") for entry in _entries()]
    task = make_task(entries, SETTINGS, speaker="known")
    assert {part.fold for part in parts_of(task, SETTINGS.strict, 1)} == {"0", "1", "2"}
    assert all(check.passed for check in check_protocol([task], _embeddings(_entries()), SETTINGS, 3))


def test_the_limit_is_that_of_the_binomial() -> None:
    # 60 clips in 20 random embeddings: 1200 answers, half of them right by chance. The normal bound of
    # 1e-6 is 0.5 + 4.753 * sqrt(0.25 / 1200) = 0.5686.
    entries = make_entries("x", SIZES)
    task = make_task(entries)
    check, _ = check_protocol([task], np.ones((len(entries), 2), np.float32), SETTINGS, seed=3)
    assert check.chance == 0.5
    assert check.limit == pytest.approx(0.5686, abs=0.001)


def test_a_label_in_the_embedding_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sanity._random_embeddings

    def leaky(task: NossTask, embeddings: np.ndarray, seed: int) -> Iterator[tuple[NossTask, np.ndarray]]:
        for same, vectors in honest(task, embeddings, seed):
            for clip in same.clips:
                vectors[clip.sound, 0] += 5 * "abc".index(clip.label)
            yield same, vectors

    monkeypatch.setattr(sanity, "_random_embeddings", leaky)
    entries = _entries()
    random, shuffled = check_protocol([make_task(entries)], _embeddings(entries), SETTINGS, seed=3)
    assert not random.passed and random.value > random.limit
    assert shuffled.passed


def test_training_on_test_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_test(*arguments: Any) -> list[Part]:
        return [dataclasses.replace(part, train=part.train + part.test) for part in parts_of(*arguments)]

    monkeypatch.setattr(strict, "parts_of", with_test)
    entries = _entries()
    assert not any(
        check.passed for check in check_protocol([make_task(entries)], _embeddings(entries), SETTINGS, seed=3)
    )


def test_choosing_on_test_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of many probes on test, as the papers took it, is better than chance with noise too.

    60 clips of 6 classes: chance is 1 / 6 with a standard deviation of 0.048, which the best of some ten
    different probes exceeds by one or two. In 60 repetitions, 4.753 * 0.048 / sqrt(60) = 0.03 is allowed.
    """
    monkeypatch.setattr(sanity, "_RANDOM_EMBEDDINGS", 60)

    def test_as_validation(*arguments: Any) -> list[Part]:
        return [dataclasses.replace(part, validation=part.test) for part in parts_of(*arguments)]

    def best(candidates: list[Any], truth: np.ndarray, metric: str, positive: int | None) -> Chosen:
        values = [float((each.on_validation.argmax(axis=1) == truth).mean()) for each in candidates]
        return Chosen(candidates[int(np.argmax(values))], max(values))

    strict_settings = StrictProtocol(neighbours=(1, 2, 3, 4, 6, 8, 11, 15, 20), seeds=1)
    settings = NossEvaluatorSettings(strict=strict_settings)
    entries = make_entries("x", SIZES, "abcdef")
    task, embeddings = make_task(entries), np.ones((len(entries), 2), np.float32)
    assert check_protocol([task], embeddings, settings, seed=3)[0].passed
    monkeypatch.setattr(strict, "parts_of", test_as_validation)
    monkeypatch.setattr(fitted, "choose", best)
    assert not check_protocol([task], embeddings, settings, seed=3)[0].passed


def test_the_same_seed_checks_the_same() -> None:
    entries = _entries()
    one, two = (check_protocol([make_task(entries)], _embeddings(entries), SETTINGS, 3) for _ in range(2))
    assert one == two
    assert one != check_protocol([make_task(entries)], _embeddings(entries), SETTINGS, 4)
