from __future__ import annotations

import pytest
from pydantic import ValidationError
from tfx import types

from components.latency_benchmark.component import LatencyBenchmark
from components.latency_benchmark.settings import LatencySettings
from schemas.artifacts import LatencyReport, TfliteVariants


def test_construct() -> None:
    settings = LatencySettings(rounds=5)
    channels = [types.Channel(type=TfliteVariants) for _ in range(3)]
    node = LatencyBenchmark(variants=channels, settings=settings, seed=4, code_digest="abc")
    assert node.outputs["report"].type is LatencyReport
    assert sorted(node.inputs) == ["variants_000", "variants_001", "variants_002"]
    assert node.exec_properties == {"settings": settings.to_parameter(), "seed": 4, "code_digest": "abc"}


def test_construct_without_candidates_fails() -> None:
    with pytest.raises(ValueError, match="at least one candidate"):
        LatencyBenchmark(variants=[])


@pytest.mark.parametrize("wrong", [{"backend": "adb"}, {"rounds": 2}, {"threads": 0}, {"delegate": "gpu"}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        LatencySettings.model_validate(wrong)
