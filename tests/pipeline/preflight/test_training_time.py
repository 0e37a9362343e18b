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


def test_networks_are_measured_once_whatever_stands_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Architecture] = []

    def forward(architecture: Architecture, front_end: FrontEndSpec) -> float:
        measured.append(architecture)
        return 32 * 0.5

    monkeypatch.setattr(training_time, "_forward_seconds", forward)
    # Half a second a window forward, three times as long for a step.
    found = seconds_per_window([TINY, COMPRESSED, LARGE], FrontEndSpec())
    assert found == {TINY.architecture: 1.5, LARGE.architecture: 1.5}
    assert measured == [TINY.architecture, LARGE.architecture]


def test_a_larger_network_takes_longer() -> None:
    found = seconds_per_window([TINY, LARGE], FrontEndSpec())
    # Seven times as many multiply-accumulates.
    assert 0 < found[TINY.architecture] < found[LARGE.architecture]
