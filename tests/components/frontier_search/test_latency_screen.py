"""What a search rules out by the time that networks take, and what it cannot know."""

from __future__ import annotations

import pytest

from components.frontier_search.latency_screen import ruled_out
from components.frontier_search.settings import DeviceBudgets
from schemas.devices import Budget
from schemas.latency_reports import LatencyReport, Machine
from schemas.student_reports import Screen, ScreenedStudent
from tests.made_up_runs import Made, make_measurement

SLOW = Budget(percentile="p50", milliseconds=8)


def screen(first: str, macs: float = 4.0) -> Screen:
    """A network's first student, one with a cut bottleneck and one with a larger head."""
    return Screen(
        siblings=[
            ScreenedStudent(candidate_id=name, explained=0.4, mega_macs=share * macs)
            for name, share in ((first, 1.0), (f"{first}-svd", 0.95), (f"{first}-flat", 1.5))
        ],
        epochs=1.0,
        fit_epochs=0.0,
    )


def report(device: str, **milliseconds: dict[str, float]) -> LatencyReport:
    """Of files by candidate and variant; their p50's interval is 5 % to each side."""
    measurements = []
    for candidate, variants in milliseconds.items():
        for variant, ms in variants.items():
            made = make_measurement(candidate, Made(0.5, ms, variant), "f" * 64)
            interval = {"p50": (0.95 * ms, 1.05 * ms)}
            measurements.append(made.model_copy(update={"intervals_ms": interval}))
    machine = Machine(
        profile=device,
        backend="adb",
        name=device,
        os="Android 14",
        runtime="TFLite 2.16",
        threads=1,
        is_device=True,
    )
    return LatencyReport(machine=machine, sessions=3, rounds=10, reference=None, measurements=measurements)


def missing(
    budgets: dict[str, list[Budget]], *reports: LatencyReport, variants: tuple[str, ...] = ("core-float32",)
) -> dict[str, str]:
    """What is ruled out of a slow network."""
    return ruled_out({"slow": screen("slow")}, DeviceBudgets(by_device=budgets, variants=variants), reports)


SCREENS = {"fast": screen("fast", 2), "slow": screen("slow")}


def test_what_misses_by_more_than_its_interval_is_ruled_out_with_the_reason() -> None:
    timed = report("pixel", fast={"core-float32": 5.0}, slow={"core-float32": 12.0})
    budgets = DeviceBudgets(by_device={"pixel": (SLOW,)}, variants=("core-float32",))
    found = ruled_out(SCREENS, budgets, [timed])
    # A twentieth less to compute may save a quarter of 11.4 ms; a larger head is taken to be as fast.
    assert set(found) == {"slow", "slow-svd", "slow-flat"}
    assert "at least 11.4 ms (p50, core-float32" in found["slow"] and "8 ms are allowed" in found["slow"]
    assert "at least 8.55 ms" in found["slow-svd"] and "at least 11.4 ms" in found["slow-flat"]


def test_what_may_keep_to_a_budget_is_not_ruled_out() -> None:
    # 8.3 ms may be 7.9; and three quarters of 9.975 are less than 8.
    assert not missing({"pixel": [SLOW]}, report("pixel", slow={"core-float32": 8.3}))
    assert set(missing({"pixel": [SLOW]}, report("pixel", slow={"core-float32": 10.5}))) == {
        "slow",
        "slow-flat",
    }
    # One file that is fast enough is enough, and a budget for other files does not judge it.
    both = ("core-float32", "core-int8")
    timed = report("pixel", slow={"core-float32": 12.0, "core-int8": 6.0})
    assert not missing({"pixel": [SLOW]}, timed, variants=both)
    timed = report("pixel", slow={"core-float32": 12.0, "wave-float32": 13.0})
    only = SLOW.model_copy(update={"input": "wave"})
    assert not missing({"pixel": [only]}, timed, variants=("core-float32", "wave-float32"))
    assert missing({"pixel": [only]}, timed, variants=("wave-float32",))


def test_a_real_time_factor_is_a_limit_of_time_too() -> None:
    budget = Budget(percentile="p50", real_time_factor=0.01)  # 9.6 ms of 0.96 s
    found = missing({"pixel": [budget]}, report("pixel", slow={"core-float32": 12.0}))
    assert set(found) == {"slow", "slow-flat"} and "9.6 ms are allowed" in found["slow"]


def test_every_device_has_to_be_missed() -> None:
    slow, fast = report("watch", slow={"core-float32": 20.0}), report("pixel", slow={"core-float32": 5.0})
    assert not missing({"watch": [SLOW], "pixel": [SLOW]}, slow, fast)
    assert not missing({"watch": [SLOW], "host": []}, slow)
    both = missing({"watch": [SLOW], "pixel": [SLOW]}, slow, report("pixel", slow={"core-float32": 9.0}))
    assert "pixel" in both["slow"]  # the nearer one


@pytest.mark.parametrize("unknown", ["absent", "another file", "invalid", "other percentile"])
def test_what_is_not_known_rules_nothing_out(unknown: str) -> None:
    timed = report("pixel", slow={"core-float32": 20.0})
    assert missing({"pixel": [SLOW]}, timed)
    (file,) = timed.measurements
    other = {
        "absent": [],
        "another file": [file.model_copy(update={"variant": "core-int8"})],
        "invalid": [file.model_copy(update={"valid": False})],
        "other percentile": [file.model_copy(update={"intervals_ms": {}})],
    }[unknown]
    lacking = timed.model_copy(update={"measurements": other})
    assert not missing({"pixel": [SLOW]}, lacking)
    assert not missing({"pixel": [SLOW]})
    # A refused or lost file might have been fast enough.
    assert not missing({"pixel": [SLOW]}, timed, variants=("core-float32", "core-int8"))


def test_a_boards_arithmetic_is_counted_and_needs_no_report() -> None:
    found = missing({"board": [Budget(mega_macs=3.2)]})
    assert set(found) == {"slow", "slow-svd", "slow-flat"}
    assert found["slow"] == "computes 4 MMAC a window, and board allows 3.2"
    assert set(missing({"board": [Budget(mega_macs=4)]})) == {"slow-flat"}
    # A limit of one kind of file leaves the others.
    assert not missing({"board": [Budget(mega_macs=3.2, input="core")]})
