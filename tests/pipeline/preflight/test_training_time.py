"""Each network is measured once, and a larger one takes longer."""

from __future__ import annotations

from pipeline.preflight.training_time import seconds_per_window
from schemas.students import FrontEndSpec
from tests.students import mobilenet


def test_networks_are_measured_once_whatever_stands_on_them() -> None:
    tiny, compressed, large = (
        mobilenet("tiny", 0.5),
        mobilenet("tiny", 0.5, svd_rank=16, qat="bottleneck"),
        mobilenet("large", 1.0),
    )
    found = seconds_per_window([tiny, compressed, large], FrontEndSpec())
    assert list(found) == [tiny.architecture, large.architecture]
    # Nine times as many multiply-accumulates.
    assert 0 < found[tiny.architecture] < found[large.architecture]
