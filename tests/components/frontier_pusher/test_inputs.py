"""What the pusher does without: reports of what the gate refused, because it could not read them either."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.inputs import JudgedRun, read_inputs
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.settings import UnreadableReport
from schemas.verdicts import Verdict
from tests.components.frontier_gate.judging import LARGE, SMALL, verdict_of
from tests.made_up_runs import Made, make_run, write_run

DEVICES = {"host": 1.0, "pixel": 2.0}


def inputs(tmp_path: Path, verdict: Verdict | None = None) -> dict[str, list[Any]]:
    run = make_run({SMALL: [Made(0.7, 2.0)], LARGE: [Made(0.6, 6.0)]}, devices=DEVICES)
    given = write_run(run, tmp_path / "in")
    (verdict or verdict_of(run)).save(tmp_path / "verdict")
    return {**given, "verdict": [SimpleNamespace(uri=str(tmp_path / "verdict"), id=1, type_name="Verdict")]}


def read(given: dict[str, list[Any]]) -> JudgedRun:
    return read_inputs(FrontierPusher.task(given, {}, {}))


def damage(given: dict[str, list[Any]], key: str, file: str) -> None:
    Path(given[key][0].uri, file).write_text('{"candidate_id"')


@pytest.mark.parametrize(
    ("key", "file"),
    [("variants_001", "variants.json"), ("noss_001", NossReport.FILE), ("student_001", "student.json")],
)
def test_a_candidate_that_is_not_blessed_may_be_unreadable(
    tmp_path: Path, key: str, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = inputs(tmp_path)
    damage(given, key, file)
    run = read(given)
    assert list(run.candidates) == [SMALL.candidate_id]
    assert [one.candidate_id for one in run.descriptions("a run", "key")] == [SMALL.candidate_id]
    assert f"{key}/{file}" in caplog.text


def test_a_blessed_candidate_must_be_readable(tmp_path: Path) -> None:
    given = inputs(tmp_path)
    damage(given, "student_000", "student.json")
    with pytest.raises(ValueError, match=rf"cannot be read: {SMALL.candidate_id}/wave-float32"):
        read(given).descriptions("a run", "key")


def test_a_device_whose_report_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    given = inputs(tmp_path)
    damage(given, "latency_000", LatencyReport.FILE)
    run = read(given)
    assert [one.machine.profile for one in run.latencies] == ["pixel"]
    assert run.reports["pixel"] == Path(given["latency_001"][0].uri, LatencyReport.FILE)


@pytest.mark.parametrize("key", ["verdict", "teacher", "windows", "source_000"])
def test_what_all_models_have_in_common_must_be_readable(tmp_path: Path, key: str) -> None:
    given = inputs(tmp_path)
    for file in Path(given[key][0].uri).glob("*.json"):
        file.write_text("[]")
    with pytest.raises(UnreadableReport, match=f"{key}/"):
        read(given)
