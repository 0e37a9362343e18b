"""Each network is measured once, and a larger one takes longer."""

from __future__ import annotations

import pytest

from pipeline.preflight import training_time
from pipeline.preflight.training_time import seconds_per_window
from schemas.architecture import Architecture
from schemas.students import FrontEndSpec
from tests.students import mobilenet

TINY, COMPRESSED = mobilenet("tiny", 0.5), mobilenet("tiny", 0.5, svd_rank=16, qat="bottleneck")
LARGE = mobilenet("tiny", 2.0)


def test_networks_are_measured_once_behind_each_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[Architecture, FrontEndSpec]] = []

    def forward(architecture: Architecture, front_end: FrontEndSpec) -> float:
        measured.append((architecture, front_end))
        return 32 * 0.5

    monkeypatch.setattr(training_time, "_forward_seconds", forward)
    run, coarse = FrontEndSpec(), mobilenet("tiny", 0.5, front_end={"hop_samples": 320})
    # Half a second a window forward, three times as long for a step.
    found = seconds_per_window([TINY, COMPRESSED, LARGE, coarse], run)
    asked = [
        (TINY.architecture, run),
        (LARGE.architecture, run),
        (TINY.architecture, FrontEndSpec(hop_samples=320, frames=48)),
    ]
    assert found == dict.fromkeys(asked, 1.5)
    assert measured == asked


def test_a_larger_network_takes_longer() -> None:
    run = FrontEndSpec()
    found = seconds_per_window([TINY, LARGE], run)
    # Seven times as many multiply-accumulates.
    assert 0 < found[TINY.architecture, run] < found[LARGE.architecture, run]
