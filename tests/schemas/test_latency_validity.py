from __future__ import annotations

import math

import pytest

from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.latency_validity import busy, lost_share, measured_on_a_busy_host
from tests.components.frontier_gate.judging import SMALL, verdict_of
from tests.made_up_runs import Made, make_run


@pytest.mark.parametrize(
    ("p50", "mean", "p95", "share"),
    [
        (1.0, 1.0, 1.0, 0.0),
        (1.0, 0.9, 1.1, 0.005 / 1.005),
        (1.0, 2.0, 1.5, 0.5),
        # A twentieth at 21 ms is a mean of at least 2 ms, whatever the mean that is told.
        (1.0, 1.1, 21.0, 0.5),
        (0.608, 2.547, 12.787, 1 - 0.608 / 2.547),
        (1.0, 4.0, None, 0.75),
        (None, 4.0, 9.0, 0.0),
    ],
)
def test_what_was_lost(p50: float | None, mean: float, p95: float | None, share: float) -> None:
    assert lost_share(p50, mean, p95) == pytest.approx(share)


@pytest.mark.parametrize("figures", [(math.nan, 1.0, 1.0), (1.0, math.nan, 1.0), (1.0, 1.0, math.inf)])
def test_what_is_no_number_shows_no_quiet_host(figures: tuple[float, float, float]) -> None:
    assert busy(*figures, limit=0.3)


def test_it_says_what_it_saw() -> None:
    assert busy(0.6, 2.4, 12.5, 0.3) == (
        "the host was busy: interruptions took 75% of the reference model's time (median 0.6 ms, "
        "mean 2.4 ms, 95th percentile 12.5 ms), at most 30%"
    )
    assert busy(0.6, 0.65, 0.8, 0.3) == ""
    assert busy(0.6, 2.4, 12.5, 1.0) == "", "no limit"


def report(**reference: float) -> LatencyReport:
    """Of two files on a host whose reference model took so long."""
    (latency,) = make_run({SMALL: [Made(0.75, 0.29), Made(0.74, 5.0, name="core-float32")]}).latencies
    assert latency.reference is not None
    return latency.model_copy(update={"reference": latency.reference.model_copy(update=reference)})


def one(latency: LatencyReport, **changed: object) -> LatencyMeasurement:
    return latency.measurements[0].model_copy(update=changed)


def test_the_reference_tells_of_the_host_and_the_model_of_itself() -> None:
    quiet = report()
    assert measured_on_a_busy_host(quiet, one(quiet)) == ""
    # A long tail of its own, beside a quiet reference: that is a slow model.
    assert measured_on_a_busy_host(quiet, one(quiet, p95_ms=12.4, mean_ms=1.3)) == ""
    tail = report(p50_ms=0.61, p95_ms=12.8)
    assert measured_on_a_busy_host(tail, one(tail)).startswith("the host was busy")
    slower = report(mean_ms=25.0)
    assert measured_on_a_busy_host(slower, one(slower)).startswith("the host was busy")
    told = slower.model_copy(update={"max_interruption": 0.7})
    assert measured_on_a_busy_host(told, one(told)) == ""


def test_a_busy_session_counts_for_those_whose_figures_are_of_it() -> None:
    latency = report()
    conditions = [
        condition.model_copy(
            update={"reference_ms": 1.0, "reference_mean_ms": 3.0 if condition.session == 2 else 1.05}
        )
        for condition in latency.conditions
    ]
    latency = latency.model_copy(update={"conditions": conditions})
    assert measured_on_a_busy_host(latency, one(latency, session_numbers=[1, 3])) == ""
    reason = measured_on_a_busy_host(latency, one(latency, session_numbers=[1, 2, 3]))
    assert reason.startswith("session 2: the host was busy")


def test_the_gate_refuses_what_calls_itself_valid() -> None:
    run = make_run({SMALL: [Made(0.75, 5.0)]})
    (before,) = verdict_of(run).devices
    assert [point.blessed for point in before.points] == [True]
    assert run.latencies[0].reference is not None
    busy_reference = run.latencies[0].reference.model_copy(update={"mean_ms": 42.0, "p95_ms": 210.0})
    run.latencies[0] = run.latencies[0].model_copy(update={"reference": busy_reference})
    (device,) = verdict_of(run).devices
    assert (device.points, len(device.refused)) == ([], 1)
    assert "the host was busy" in device.refused[0].reason
    assert device.closed
