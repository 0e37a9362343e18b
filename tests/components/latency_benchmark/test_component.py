from __future__ import annotations

import pytest
from pydantic import ValidationError
from tfx import types

from components.latency_benchmark.component import LatencyBenchmark
from components.latency_benchmark.settings import LatencySettings, MeasurementSettings
from schemas.artifacts import LatencyReport, TfliteVariants
from schemas.devices import Budget, HostDevice

SETTINGS = MeasurementSettings(rounds=5)


def test_construct() -> None:
    channels = [types.Channel(type=TfliteVariants) for _ in range(3)]
    device = HostDevice(threads=2)
    node = LatencyBenchmark(
        channels, "host", device, SETTINGS, seed=4, scratch_dir="s", code_digest="abc", data_digest="def"
    )
    assert node.outputs["report"].type is LatencyReport
    assert sorted(node.inputs) == ["variants_000", "variants_001", "variants_002"]
    assert node.exec_properties == {
        "name": "host",
        "device": device.to_parameter(),
        "settings": SETTINGS.to_parameter(),
        "seed": 4,
        "scratch_dir": "s",
        "code_digest": "abc",
        "data_digest": "def",
    }


def test_another_budget_is_not_another_measurement() -> None:
    channel = [types.Channel(type=TfliteVariants)]
    plain = LatencyBenchmark(channel, "host", HostDevice(), SETTINGS)
    limited = LatencyBenchmark(channel, "host", HostDevice(budgets=(Budget(milliseconds=5),)), SETTINGS)
    assert limited.exec_properties == plain.exec_properties
    assert LatencyBenchmark(channel, "host", HostDevice(threads=2), SETTINGS).exec_properties != (
        plain.exec_properties
    )


def test_construct_without_candidates_fails() -> None:
    with pytest.raises(ValueError, match="at least one candidate"):
        LatencyBenchmark([], "host", HostDevice(), SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"sessions": 2}, {"rounds": 2}, {"min_runs": 2}, {"devices": {}}, {"devices": {"Phone!": {}}}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        LatencySettings.model_validate(wrong)
