"""Figures that do not follow from the raw samples beside their report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.frontier_gate.samples import held_against_samples
from components.latency_benchmark import figures
from components.latency_benchmark.backends.base import Burst
from components.latency_benchmark.samples import SampleRecord, write_samples
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from tests.components.frontier_gate.judging import SMALL
from tests.components.frontier_gate.test_reports import gate
from tests.made_up_runs import Made, Run, make_run, write_run


def burst(samples_us: np.ndarray[Any, Any], raw: bool = True) -> Burst:
    return Burst(
        count=len(samples_us),
        mean_us=float(samples_us.mean()),
        median_us=float(np.median(samples_us)),
        min_us=float(samples_us.min()),
        max_us=float(samples_us.max()),
        p95_us=None,
        samples_us=tuple(samples_us.tolist()) if raw else (),
    )


def sampled(
    folder: Path, measured: LatencyMeasurement, raw: bool = True
) -> tuple[LatencyMeasurement, list[SampleRecord]]:
    """A measurement with the figures of samples drawn around its own, and these: sessions 1 to 3 and an
    invalid fourth.
    """
    random = np.random.default_rng(7)
    records = [
        SampleRecord(
            measured.key, measured.sha256, 1, session, round_,
            burst((3e3 if session == 4 else 1e3) * measured.typical_ms * random.lognormal(0, 0.01, 50), raw),
        )
        for session in (1, 2, 3, 4)
        for round_ in (1, 2)
    ]  # fmt: skip
    timings = {(one.session, one.round): one.burst for one in records if one.session < 4}
    summary = figures.summary(timings)
    changes = {
        name: getattr(summary, name) for name in ("n", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")
    }
    return measured.model_copy(update={**changes, "session_numbers": [1, 2, 3]}), records


@pytest.fixture
def report() -> LatencyReport:
    return make_run({SMALL: [Made(0.7, 2.0)]}).latencies[0]


def checked(report: LatencyReport, folder: Path, **changes: Any) -> LatencyMeasurement:
    measured, records = sampled(folder, report.measurements[0], raw=changes.pop("raw", True))
    write_samples(folder, records)
    made = report.model_copy(update={"measurements": [measured.model_copy(update=changes)]})
    return held_against_samples(made, folder).measurements[0]


def test_figures_that_follow_are_left_as_they_are(report: LatencyReport, tmp_path: Path) -> None:
    assert checked(report, tmp_path).valid
    # As a tool tells them that keeps no samples: number and mean only can be asked for.
    assert checked(report, tmp_path, raw=False, p95_ms=9.0).valid


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": 299}, "its raw samples are of 300 timed invocations, not of 299"),
        ({"p50_ms": 1.9}, r"come to p50_ms [\d.]+, not 1.9"),
        ({"p95_ms": 2.01}, r"come to p95_ms [\d.]+, not 2.01"),
        ({"p90_ms": 2.0, "p99_ms": 2.1}, r"come to p90_ms [\d.]+, not 2; p99_ms [\d.]+, not 2.1"),
        ({"mean_ms": 1.99}, r"come to mean_ms [\d.]+, not 1.99"),
        ({"session_numbers": [1, 2, 4]}, "come to mean_ms"),
        ({"session_numbers": [1, 2]}, "are of 200 timed invocations, not of 300"),
        ({"sha256": "e" * 64}, "are of 0 timed invocations"),
        ({"raw": False, "mean_ms": 1.9}, "come to mean_ms"),
    ],
)
def test_figures_that_do_not_follow_are_invalid(
    report: LatencyReport, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    found = checked(report, tmp_path, **changes)
    assert not found.valid
    assert len(found.reasons) == 1
    assert re.search(reason, found.reasons[0]), found.reasons


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_samples_that_cannot_be_read(report: LatencyReport, tmp_path: Path, content: bytes) -> None:
    (tmp_path / LatencyReport.SAMPLES).write_bytes(content)
    found = held_against_samples(report, tmp_path)
    assert found.reference and not found.reference.valid
    assert "samples.npz holds no samples" in found.measurements[0].reasons[0]


def test_without_samples_nothing_is_asked(report: LatencyReport, tmp_path: Path) -> None:
    assert held_against_samples(report, tmp_path) is report


def test_the_gate_refuses_what_does_not_follow(tmp_path: Path) -> None:
    run: Run = make_run({SMALL: [Made(0.7, 2.0), Made(0.72, 3.0, "wave-dynamic")]})
    (latency,) = run.latencies
    assert latency.reference
    given = write_run(run, tmp_path / "in")
    folder = Path(given["latency_000"][0].uri)
    timed = [latency.reference, *latency.measurements]
    told = [sampled(folder, one) for one in timed]
    write_samples(folder, [record for _, records in told for record in records])
    # Of the second student's file the samples were drawn, but another figure is told.
    slower = told[2][0].model_copy(update={"p50_ms": 2.5})
    reference, first = told[0][0], told[1][0]
    latency.model_copy(update={"reference": reference, "measurements": [first, slower]}).save(folder)
    (device,) = gate(given, tmp_path).devices
    refused = {one.point_id: one.reason for one in device.refused}
    assert "raw samples" not in refused.get(first.key, "")
    assert refused[slower.key].startswith("latency is invalid: its raw samples come to p50_ms")
