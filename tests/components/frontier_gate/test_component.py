"""The gate in the pipeline: construction, and the files it writes."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tfx import types

import schemas
from components.common.frontier.settings import GateDemands, Goal
from components.common.tracking.faults import StoreRefused, StoreUnreachable
from components.common.tracking.registered import RegisteredVersion
from components.frontier_gate import executor
from components.frontier_gate.component import FrontierGate
from schemas.comparison_reports import NossComparison
from schemas.verdicts import Verdict
from tests.components.frontier_gate.judging import LARGE, SMALL, registered_from
from tests.made_up_runs import Made, Run, demo_run, make_run, write_run


def channels(kind: type[types.Artifact], count: int) -> list[types.Channel]:
    return [types.Channel(type=kind) for _ in range(count)]


def make(candidates: int = 2, noss: int = 2, students: int = 0, devices: int = 2) -> FrontierGate:
    return FrontierGate(
        variants=channels(schemas.TfliteVariants, candidates),
        noss=channels(schemas.NossReport, noss),
        teacher=types.Channel(type=schemas.NossReport),
        baselines=channels(schemas.NossReport, 1),
        students=channels(schemas.StudentModel, students),
        latency=channels(schemas.LatencyReport, devices),
        comparison=types.Channel(type=schemas.NossComparison),
        settings=GateDemands(),
        run_name="test",
        registry_digest="abc",
    )


def test_construct() -> None:
    gate = make(students=2)
    assert gate.outputs["verdict"].type is schemas.FrontierVerdict
    assert sorted(gate.inputs) == [
        "baseline_000",
        "comparison",
        "latency_000",
        "latency_001",
        "noss_000",
        "noss_001",
        "student_000",
        "student_001",
        "teacher",
        "variants_000",
        "variants_001",
    ]
    assert GateDemands.from_parameter(gate.exec_properties["settings"]) == GateDemands()
    assert gate.exec_properties["registry_digest"] == "abc"


def test_construct_needs_one_of_each() -> None:
    with pytest.raises(ValueError, match="one NOSS report a candidate: 2 candidates, 1 reports"):
        make(noss=1)
    with pytest.raises(ValueError, match="2 candidates, 1 students"):
        make(students=1)
    with pytest.raises(ValueError, match="the latency report of at least one device"):
        make(devices=0)


def gate(run: Run, tmp_path: Path, registry: dict[str, Any] | None = None, **settings: Any) -> Path:
    out = tmp_path / "verdict"
    nowhere = {"tracking_uri": "", "registered_model": "", "without_registry": 0}
    executor.Executor().Do(
        write_run(run, tmp_path / "in"),
        {"verdict": [SimpleNamespace(uri=str(out))]},
        {
            "settings": GateDemands(**settings).to_parameter(),
            "run_name": "a run",
            "config_json": "{}",
            **(registry or nowhere),
        },
    )
    return out


def registry(uri: str, without: bool = False) -> dict[str, Any]:
    return {"tracking_uri": uri, "registered_model": "tinytrill", "without_registry": int(without)}


def test_verdict_picture_and_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tinytrill.frontier_gate")
    out = gate(demo_run(devices={"host": 1.0, "pixel": 3.0}), tmp_path)
    verdict = Verdict.load(out)
    assert [(device.device, len(device.points)) for device in verdict.devices] == [
        ("host", 32),
        ("pixel", 32),
    ]
    # The draws were found beside the reports: all pairs of 16 points are compared.
    assert verdict.devices[0].axes[0].critical > 2.5
    assert (out / Verdict.PICTURE).read_bytes().startswith(b"\x89PNG")
    assert verdict.devices[1].summary in (out / Verdict.PAGE).read_text(encoding="utf-8")
    assert (out / Verdict.BENCHMARK / NossComparison.FILE).is_file()
    last = caplog.records[-1]
    assert (last.levelname, last.message) == ("INFO", f"verdict: {verdict.summary}")


def test_a_closed_gate_writes_everything_and_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run({SMALL: [Made(0.7, 2.0)]}, devices={"pixel": 1.0, "watch": 1.0})
    gone: dict[str, Any] = {
        "reference": None,
        "measurements": [],
        "failure": "the cable is out",
        "conditions": [],
    }
    run.latencies[0] = run.latencies[0].model_copy(update=gone)
    out = gate(run, tmp_path, goals=(Goal(metric="quality", limit=0.9, devices=("watch",)),))
    verdict = Verdict.load(out)
    assert [device.closed != [] for device in verdict.devices] == [True, True]
    assert (out / Verdict.PICTURE).is_file() and (out / Verdict.PAGE).is_file()
    assert [record.levelname for record in caplog.records if record.name == "tinytrill.frontier_gate"] == [
        "WARNING"
    ]


def test_the_same_reports_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = gate(demo_run(), tmp_path / "a"), gate(demo_run(), tmp_path / "b")
    for name in (Verdict.FILE, Verdict.PICTURE, Verdict.PAGE):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_registered_models_compete_on_their_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = registered_from(make_run({LARGE: [Made(0.68, 9.0)]}), "3", ("champion",))
    asked: list[tuple[str, str]] = []

    def registered(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
        asked.append((tracking_uri, registered_model))
        return [champion] if registered_model == "tinytrill-host" else []

    monkeypatch.setattr(executor, "registered_versions", registered)
    run = make_run({SMALL: [Made(0.7, 2.0)]}, devices={"pixel": 3.0, "host": 1.0})
    out = gate(run, tmp_path, registry("sqlite:///x.db"))
    assert asked == [("sqlite:///x.db", "tinytrill-pixel"), ("sqlite:///x.db", "tinytrill-host")]
    pixel, host = Verdict.load(out).devices
    assert pixel.registered == []
    assert [one.beaten_by for one in host.registered] == [[host.points[0].point_id]]


def silent(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
    raise StoreUnreachable(f"the MLflow server {tracking_uri} does not answer")


def test_without_the_registry_nothing_is_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "registered_versions", silent)
    run = make_run({SMALL: [Made(0.7, 2.0)]})
    with pytest.raises(StoreUnreachable, match="http://models does not answer"):
        gate(run, tmp_path, registry("http://models"))
    assert not (tmp_path / "verdict").exists()


def test_if_so_configured_it_is_decided_without_the_registry_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(executor, "registered_versions", silent)
    run = make_run({SMALL: [Made(0.7, 2.0)]}, devices={"host": 1.0, "pixel": 2.0})
    out = gate(run, tmp_path, registry("http://models", without=True))
    notice = (
        "Judged without what is registered as tinytrill-host, tinytrill-pixel: "
        "the MLflow server http://models does not answer"
    )
    assert Verdict.load(out).notices == [notice]
    assert notice in (out / Verdict.PAGE).read_text(encoding="utf-8").split('<p class="headline')[0]
    assert notice in [record.message for record in caplog.records if record.levelname == "WARNING"]


def test_a_registry_that_does_not_answer_meets_no_goal_against_its_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "registered_versions", silent)
    goal = Goal(metric="bytes", kind="max_degradation", against="champion", limit=1)
    out = gate(
        make_run({SMALL: [Made(0.7, 2.0)]}), tmp_path, registry("http://models", without=True), goals=(goal,)
    )
    (device,) = Verdict.load(out).devices
    (judged,) = device.points[0].goals
    assert (judged.met, judged.note) == (
        False,
        "the figures of tinytrill-host (champion) are unknown: the registry does not answer",
    )


def test_a_registry_that_refuses_is_never_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
        raise StoreRefused(f"the MLflow server {tracking_uri} refuses")

    monkeypatch.setattr(executor, "registered_versions", refuses)
    with pytest.raises(StoreRefused):
        gate(make_run({SMALL: [Made(0.7, 2.0)]}), tmp_path, registry("http://models", without=True))
