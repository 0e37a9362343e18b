from __future__ import annotations

from pathlib import Path

from components.latency_benchmark.backends.base import Backend, MeasurementFailed, Start, Subject
from components.latency_benchmark.rounds import measure, order_of
from components.latency_benchmark.settings import LatencySettings
from schemas.latency_reports import Machine

SETTINGS = LatencySettings(rounds=4, runs_per_round=2, warmup=1, max_loaded_mib=25)


class Scripted(Backend):
    """Notes every call; the models in ``broken`` fail from a call on."""

    def __init__(self, broken: dict[str, int] | None = None, broken_start: str = "") -> None:
        self.calls: list[str] = []
        self.kept: set[str] = set()
        self._broken, self._broken_start = broken or {}, broken_start

    def machine(self) -> Machine:
        return Machine(backend="host", name="", os="", runtime="", threads=1, is_device=False)

    def start(self, subject: Subject) -> Start:
        if subject.candidate_id == self._broken_start:
            raise MeasurementFailed("does not load")
        return Start(init_ms=1.0, first_ms=1.0, peak_mib=10.0)

    def time(self, subject: Subject, warmup: int, runs: int, keep_loaded: bool) -> list[float]:
        assert (warmup, runs) == (SETTINGS.warmup, SETTINGS.runs_per_round)
        self.calls.append(subject.candidate_id)
        if keep_loaded:
            self.kept.add(subject.candidate_id)
        if self.calls.count(subject.candidate_id) >= self._broken.get(subject.candidate_id, 99):
            raise MeasurementFailed("crashed")
        return [1.0] * runs

    def close(self) -> None:
        pass


def subject(name: str) -> Subject:
    """A model that only has a name."""
    return Subject(name, "core-float32", Path(name), Path(name), "", 0)


def test_each_round_runs_every_model_once_in_an_order_of_its_own() -> None:
    backend, names = Scripted(), list("abcdef")
    session = measure(backend, [subject(name) for name in names], SETTINGS, seed=1)
    rounds = [backend.calls[start : start + 6] for start in range(0, len(backend.calls), 6)]
    assert len(rounds) == SETTINGS.rounds
    assert all(sorted(one) == names for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert all(len(samples) == SETTINGS.rounds for samples in session.samples_us.values())


def test_the_order_comes_from_the_seed() -> None:
    keys = list("abcdefgh")
    assert order_of(keys, 2, seed=1) == order_of(keys, 2, seed=1)
    assert order_of(keys, 2, seed=1) != order_of(keys, 2, seed=2)
    assert order_of(keys, 2, seed=1) != order_of(keys, 3, seed=1)


def test_a_model_that_fails_has_a_reason_and_the_others_go_on() -> None:
    backend = Scripted(broken={"b": 2}, broken_start="c")
    session = measure(backend, [subject(name) for name in "abc"], SETTINGS, seed=0)
    assert session.failures == {"b/core-float32": "crashed", "c/core-float32": "does not load"}
    assert list(session.samples_us) == ["a/core-float32"]
    assert backend.calls.count("a") == SETTINGS.rounds
    assert backend.calls.count("b") == 2
    assert backend.calls.count("c") == 0


def test_no_more_models_stay_loaded_than_fit() -> None:
    backend = Scripted()
    measure(backend, [subject(name) for name in "abcd"], SETTINGS, seed=0)
    assert backend.kept == {"a", "b"}, "10 MiB each, 25 MiB allowed"
