"""Reports that are damaged on disk: each costs what it tells of, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.common.frontier.settings import GateDemands, Goal
from components.frontier_gate import executor
from schemas.comparison_reports import NossComparison
from schemas.devices import Budget
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.settings import UnreadableReport
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import Verdict
from tests.components.frontier_gate.judging import LARGE, SMALL
from tests.made_up_runs import Made, make_run, write_run

GOOD, BAD = SMALL.candidate_id, LARGE.candidate_id


def cut(path: Path) -> None:
    """As after a full disk."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])


def other_types(path: Path) -> None:
    path.write_text('{"candidate_id": 7, "machine": [], "results": {}, "variants": "none", "models": 1}')


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00" * 40)


def a_list(path: Path) -> None:
    path.write_text("[]")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def deep(path: Path) -> None:
    path.write_text("[" * 50_000)


def missing(path: Path) -> None:
    path.unlink()


DAMAGES = [cut, other_types, no_text, a_list, empty, deep, missing]


def inputs(tmp_path: Path, **run: Any) -> dict[str, list[Any]]:
    made = {SMALL: [Made(0.7, 2.0)], LARGE: [Made(0.75, 6.0)]}
    return write_run(make_run(made, **run), tmp_path / "in")


def gate(given: dict[str, list[Any]], tmp_path: Path, **settings: Any) -> Verdict:
    out = tmp_path / "verdict"
    executor.Executor().Do(
        given,
        {"verdict": [SimpleNamespace(uri=str(out))]},
        {"settings": GateDemands(**settings).to_parameter(), "run_name": "a run", "config_json": "{}"},
    )
    assert (out / Verdict.PAGE).is_file() and (out / Verdict.PICTURE).is_file()
    return Verdict.load(out)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("variants_001", TfliteReport.FILE),
        ("noss_001", NossReport.FILE),
        ("student_001", StudentInfo.FILE),
    ],
)
def test_a_candidate_of_which_a_report_cannot_be_read_is_refused(
    tmp_path: Path, key: str, file: str, damage: Any
) -> None:
    given = inputs(tmp_path)
    damage(Path(given[key][0].uri) / file)
    (device,) = gate(given, tmp_path).devices
    assert [point.candidate_id for point in device.blessed] == [GOOD]
    (refused,) = device.refused
    assert refused.point_id.startswith(BAD)
    assert f"{key}/{file}" in refused.reason


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("budgets", [{}, {"pixel": (Budget(milliseconds=50),)}])
def test_a_device_whose_report_cannot_be_read_is_closed(
    tmp_path: Path, damage: Any, budgets: dict[str, Any]
) -> None:
    given = inputs(tmp_path, devices={"host": 1.0, "pixel": 2.0})
    damage(Path(given["latency_001"][0].uri) / LatencyReport.FILE)
    host, pixel = gate(given, tmp_path, budgets=budgets).devices
    assert len(host.blessed) == 2
    assert pixel.points == [] and pixel.blessed == []
    assert pixel.device == ("pixel" if budgets or damage is cut else "device 2")
    assert "latency_001/latency_report.json" in pixel.closed[0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_baseline_that_cannot_be_read_is_a_notice(tmp_path: Path, damage: Any) -> None:
    given = inputs(tmp_path)
    damage(Path(given["baseline_000"][0].uri) / NossReport.FILE)
    verdict = gate(given, tmp_path)
    assert verdict.baselines == [] and verdict.devices[0].blessed
    (notice,) = verdict.notices
    assert "Judged without a baseline or reference model" in notice
    assert f"baseline_000/{NossReport.FILE}" in notice


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("key", "file"), [("teacher", NossReport.FILE), ("comparison", NossComparison.FILE)])
def test_what_everything_is_held_against_must_be_readable(
    tmp_path: Path, key: str, file: str, damage: Any
) -> None:
    given = inputs(tmp_path)
    damage(Path(given[key][0].uri) / file)
    with pytest.raises(UnreadableReport, match=f"{key}/{file} (cannot be read|is not a valid )"):
        gate(given, tmp_path)


@pytest.mark.parametrize("damage", [cut, no_text, empty])
def test_draws_that_cannot_be_read_cost_their_file(tmp_path: Path, damage: Any) -> None:
    given = inputs(tmp_path)
    damage(Path(given["noss_001"][0].uri) / NossReport.SAMPLES / "wave-float32.npz")
    (device,) = gate(given, tmp_path).devices
    assert [point.candidate_id for point in device.blessed] == [GOOD]
    assert [one.point_id for one in device.refused] == [f"{BAD}/wave-float32"]
    assert "bootstrap draws cannot be read" in device.refused[0].reason


def test_no_candidate_that_can_be_read(tmp_path: Path) -> None:
    given = inputs(tmp_path)
    for key in ("variants_000", "variants_001"):
        empty(Path(given[key][0].uri) / TfliteReport.FILE)
    (device,) = gate(given, tmp_path).devices
    assert device.closed and [one.point_id for one in device.refused] == [GOOD, BAD]


def test_a_goal_against_a_candidate_that_cannot_be_read_is_not_met(tmp_path: Path) -> None:
    given = inputs(tmp_path)
    empty(Path(given["variants_001"][0].uri) / TfliteReport.FILE)
    against = f"{BAD}/wave-float32"
    goal = Goal(metric="quality", kind="max_degradation", against=against, limit=0.5)
    (device,) = gate(given, tmp_path, goals=(goal,)).devices
    (judged,) = device.points[0].goals
    assert not judged.met and "variants_001" in judged.note


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("metric", ["quality", "bytes"])
def test_a_goal_against_a_baseline_that_cannot_be_read_is_not_met(
    tmp_path: Path, damage: Any, metric: Any
) -> None:
    given = inputs(tmp_path)
    damage(Path(given["baseline_000"][0].uri) / NossReport.FILE)
    goal = Goal(metric=metric, kind="min_improvement", against="logmel", limit=0.0)
    (device,) = gate(given, tmp_path, goals=(goal,)).devices
    assert device.blessed == [] and len(device.points) == 2
    for point in device.points:
        (judged,) = point.goals
        assert not judged.met and f"baseline_000/{NossReport.FILE}" in judged.note


def test_a_goal_against_nothing_is_an_error_where_all_can_be_read(tmp_path: Path) -> None:
    goal = Goal(metric="quality", kind="min_improvement", against="nobody", limit=0.0)
    with pytest.raises(ValueError, match="goal against 'nobody': there is no such model"):
        gate(inputs(tmp_path), tmp_path, goals=(goal,))
