from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from components.latency_benchmark.backends import profiler, worker


class Clock:
    """Each reading is as much later as the invocation between took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes_ns: Iterator[int]) -> None:
        self._now = 0
        self._takes_ns = takes_ns
        self.invocations = 0
        monkeypatch.setattr(worker.time, "perf_counter_ns", lambda: self._now)

    def invoke(self) -> None:
        self._now += next(self._takes_ns)
        self.invocations += 1


@pytest.mark.parametrize(
    ("runs", "seconds", "expected"),
    [
        (3, 0.0, 3),
        (3, 1e-6, 3),
        # 500 ns each: ten of them are 5 us.
        (3, 5e-6, 10),
        # The eleventh begins before 5.1 us are over.
        (3, 5.1e-6, 11),
        (0, 0.0, 0),
    ],
)
def test_both_runs_and_seconds_are_reached(
    runs: int, seconds: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, iter([500] * 50))
    assert worker.timed(clock.invoke, runs, seconds) == [500] * expected
    assert clock.invocations == expected


def test_each_invocation_is_timed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, iter([400, 900, 100]))
    assert worker.timed(clock.invoke, 3, 0) == [400, 900, 100]


def test_peak_memory_that_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "_STATUS", "/nowhere")
    monkeypatch.setattr(worker, "_usage_mib", lambda: None)
    assert worker.resident_mib() is None
    assert worker.peak_mib() is None


def test_a_package_without_the_library_has_no_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(profiler.ai_edge_litert, "__file__", f"{tmp_path}/__init__.py")
    assert profiler.profile("x.tflite", np.zeros(1), 1, True, 1, 1) == {}


def test_operators_that_differ_from_run_to_run_are_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        def __init__(self, *about: object) -> None:
            self._runs = iter((["ADD", "MUL"], ["ADD"]))

        def feed(self, value: object) -> None: ...

        def run(self) -> None: ...

        def run_profiled(self) -> list[tuple[int, str, int, int]]:
            return [(profiler.NODE, tag, 0, 1) for tag in next(self._runs)]

    monkeypatch.setattr(profiler, "_library", lambda: object())
    monkeypatch.setattr(profiler, "_Model", Model)
    with pytest.raises(RuntimeError, match="differ from run to run"):
        profiler.profile("x.tflite", np.zeros(1), 1, True, 1, 2)


def test_a_model_that_fails_does_not_stay_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Model:
        broken = False

        def invoke(self) -> None:
            if self.broken:
                raise RuntimeError("out of memory")

    model = Model()
    monkeypatch.setattr(worker, "_loaded", {})
    monkeypatch.setattr(worker, "load", lambda request: model)
    monkeypatch.setattr(worker, "feed", lambda model, value: None)
    np.save(tmp_path / "x.npy", np.zeros(1))
    request = {"path": "m", "input": str(tmp_path / "x.npy"), "warmup_runs": 1, "warmup_seconds": 0}
    request |= {"runs": 2, "seconds": 0, "keep": True}
    assert len(worker.run(request)["samples_ns"]) == 2
    assert worker._loaded == {"m": model}
    model.broken = True
    with pytest.raises(RuntimeError, match="out of memory"):
        worker.run(request)
    assert worker._loaded == {}
