"""What a search rules out by the time that networks take, and what it cannot know."""

from __future__ import annotations

import pytest

from components.frontier_search.latency_screen import ruled_out
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
            for name, share in ((first, 1.0), (f"{first}-svd", 0.75), (f"{first}-flat", 1.5))
        ],
        epochs=1.0,
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


SCREENS = {"fast": screen("fast", 2), "slow": screen("slow")}


def test_what_misses_by_more_than_its_interval_is_ruled_out_with_the_reason() -> None:
    timed = report("pixel", fast={"core-float32": 5.0}, slow={"core-float32": 12.0})
    found = ruled_out(SCREENS, {"pixel": [SLOW]}, [timed])
    # Three quarters of 11.4 ms still miss 8 ms; the larger head is taken to be as fast as the first student.
    assert set(found) == {"slow", "slow-svd", "slow-flat"}
    assert "at least 11.4 ms (p50, core-float32" in found["slow"] and "8 ms are allowed" in found["slow"]
    assert "at least 8.55 ms" in found["slow-svd"] and "at least 11.4 ms" in found["slow-flat"]


def test_what_may_keep_to_a_budget_is_not_ruled_out() -> None:
    # 8.3 ms may be 7.9; and three quarters of 9.975 are less than 8.
    timed = report("pixel", fast={"core-float32": 8.3}, slow={"core-float32": 10.5})
    assert set(ruled_out(SCREENS, {"pixel": [SLOW]}, [timed])) == {"slow", "slow-flat"}
    # One file that is fast enough is enough, and a budget for other files does not judge it.
    timed = report("pixel", slow={"core-float32": 12.0, "core-int8": 6.0})
    assert not ruled_out({"slow": screen("slow")}, {"pixel": [SLOW]}, [timed])
    timed = report("pixel", slow={"core-float32": 12.0, "wave-float32": 13.0})
    only = SLOW.model_copy(update={"input": "wave"})
    assert not ruled_out({"slow": screen("slow")}, {"pixel": [only]}, [timed])


def test_a_real_time_factor_is_a_limit_of_time_too() -> None:
    timed = report("pixel", slow={"core-float32": 12.0})
    budget = Budget(percentile="p50", real_time_factor=0.01)  # 9.6 ms of 0.96 s
    found = ruled_out({"slow": screen("slow")}, {"pixel": [budget]}, [timed])
    assert set(found) == {"slow", "slow-flat"} and "9.6 ms are allowed" in found["slow"]


def test_every_device_has_to_be_missed() -> None:
    slow, fast = report("watch", slow={"core-float32": 20.0}), report("pixel", slow={"core-float32": 5.0})
    one = {"slow": screen("slow")}
    assert not ruled_out(one, {"watch": [SLOW], "pixel": [SLOW]}, [slow, fast])
    assert not ruled_out(one, {"watch": [SLOW], "host": []}, [slow])
    both = ruled_out(
        one, {"watch": [SLOW], "pixel": [SLOW]}, [slow, report("pixel", slow={"core-int8": 9.0})]
    )
    assert "pixel" in both["slow"]  # the nearer one


@pytest.mark.parametrize("unknown", ["absent", "failed", "lost variant", "invalid", "other percentile"])
def test_what_is_not_known_rules_nothing_out(unknown: str) -> None:
    timed = report("pixel", slow={"core-float32": 20.0})
    update = {
        "absent": {},
        "failed": {"failure": "no such device"},
        "lost variant": {"failures": {"slow/core-int8": "does not load"}},
        "invalid": {"measurements": [one.model_copy(update={"valid": False}) for one in timed.measurements]},
        "other percentile": {
            "measurements": [one.model_copy(update={"intervals_ms": {}}) for one in timed.measurements]
        },
    }[unknown]
    reports = [] if unknown == "absent" else [timed.model_copy(update=update)]
    one, budgets = {"slow": screen("slow")}, {"pixel": [SLOW]}
    assert ruled_out(one, budgets, [timed])
    assert not ruled_out(one, budgets, reports)


def test_a_boards_arithmetic_is_counted_and_needs_no_report() -> None:
    budget = {"board": [Budget(mega_macs=3.2)]}
    found = ruled_out(SCREENS, budget, [])
    assert set(found) == {"slow", "slow-flat"}
    assert found["slow"] == "computes 4 MMAC a window, and board allows 3.2"
    # A limit of one kind of file leaves the others.
    assert not ruled_out(SCREENS, {"board": [Budget(mega_macs=3.2, input="core")]}, [])
