from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.latency_benchmark.backends import host_state
from components.latency_benchmark.backends.host_state import ThrottleCount, choose_cores


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_state, "allowed_cores", lambda: [0, 1, 4, 5])


@pytest.mark.parametrize(
    ("wanted", "threads", "expected"),
    [
        ("any", 2, None),
        ("last", 1, [5]),
        ("last", 2, [4, 5]),
        ((4, 0), 2, [0, 4]),
    ],
)
def test_cores(wanted: Any, threads: int, expected: list[int] | None) -> None:
    assert choose_cores(wanted, threads) == expected


@pytest.mark.parametrize("wanted", [(2,), (0, 2)])
def test_a_core_that_may_not_be_used(wanted: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"cores \[.*2\]: \[2\]; this process may use \[0, 1, 4, 5\]"):
        choose_cores(wanted, 1)


def test_no_core_is_no_choice() -> None:
    with pytest.raises(ValueError, match="none is named"):
        choose_cores((), 1)


def test_too_few_cores_are_told(caplog: pytest.LogCaptureFixture) -> None:
    assert choose_cores("last", 8) == [0, 1, 4, 5]
    assert choose_cores((1,), 2) == [1]
    assert "8 threads share the cores [0, 1, 4, 5]" in caplog.text
    assert "2 threads share the cores [1]" in caplog.text


@pytest.fixture
def counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two cores with two counters each, as Linux lays them out."""
    monkeypatch.setattr(host_state, "CPUS", tmp_path)
    paths = [
        tmp_path / f"cpu{core}" / "thermal_throttle" / f"{kind}_throttle_count"
        for core in (0, 1)
        for kind in ("core", "package")
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("3\n")
    return paths


def test_a_counter_that_rises_is_throttling(counters: list[Path]) -> None:
    count = ThrottleCount()
    assert count.rose() is False
    for counter in counters:
        counter.write_text("4\n")
        assert count.rose() is True
        assert count.rose() is False, "it has not risen since"


def test_no_counter_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_state, "CPUS", tmp_path)
    assert ThrottleCount().rose() is None


def test_a_counter_that_cannot_be_read(counters: list[Path]) -> None:
    count = ThrottleCount()
    counters[0].write_text("many")
    assert count.rose() is None
    counters[0].write_text("9")
    assert count.rose() is None, "nothing to compare with"
    assert count.rose() is False


def test_temperatures_by_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = {
        "coretemp": [
            SimpleNamespace(label="Package id 0", current=61.0),
            SimpleNamespace(label="", current=59),
        ],
        "acpitz": [SimpleNamespace(label="", current=40.5)],
    }
    monkeypatch.setattr(host_state.psutil, "sensors_temperatures", lambda: readings, raising=False)
    assert host_state.temperatures_c() == {
        "coretemp Package id 0": 61.0,
        "coretemp 1": 59.0,
        "acpitz 0": 40.5,
    }


def test_a_system_without_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(host_state.psutil, "sensors_temperatures", raising=False)
    assert host_state.temperatures_c() == {}
