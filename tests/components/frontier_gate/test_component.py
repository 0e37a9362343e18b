"""The gate in the pipeline: construction, and the files it writes."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tfx import types

import schemas
from components.frontier_gate import executor
from components.frontier_gate.component import FrontierGate
from components.frontier_gate.settings import GateSettings, Goal
from components.tracking.registered import RegisteredVersion, RegistryError
from schemas.noss_reports import NossComparison
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
        settings=GateSettings(),
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
    assert GateSettings.from_parameter(gate.exec_properties["settings"]) == GateSettings()
    assert gate.exec_properties["registry_digest"] == "abc"


def test_construct_needs_one_of_each() -> None:
    with pytest.raises(ValueError, match="one NOSS report a candidate: 2 candidates, 1 reports"):
        make(noss=1)
    with pytest.raises(ValueError, match="2 candidates, 1 students"):
        make(students=1)
    with pytest.raises(ValueError, match="the latency report of at least one device"):
        make(devices=0)


def gate(run: Run, tmp_path: Path, **settings: Any) -> Path:
    out = tmp_path / "verdict"
    executor.Executor().Do(
        write_run(run, tmp_path / "in"),
        {"verdict": [SimpleNamespace(uri=str(out))]},
        {"settings": GateSettings(**settings).to_parameter(), "run_name": "a run", "config_json": "{}"},
    )
    return out


def test_verdict_picture_and_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tinytrill.frontier_gate")
    out = gate(demo_run(devices={"host": 1.0, "pixel": 3.0}), tmp_path)
    verdict = Verdict.load(out)
    assert [(device.device, len(device.points)) for device in verdict.devices] == [
        ("host", 32),
        ("pixel", 32),
    ]
    # Neighbours in quality: the draws of both were found beside the reports.
    assert verdict.devices[0].axes[0].spread.startswith("half the paired 95 % interval, median of 30 pairs")
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


def test_registered_models_compete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = registered_from(make_run({LARGE: [Made(0.7, 9.0)]}), "3", ("champion",))
    asked: list[tuple[str, str]] = []

    def registry(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
        asked.append((tracking_uri, registered_model))
        return [champion]

    monkeypatch.setattr(executor, "registered_versions", registry)
    run = make_run({SMALL: [Made(0.7, 2.0)]})
    out = gate(run, tmp_path, tracking_uri="sqlite:///x.db", registered_model="tinytrill")
    assert asked == [("sqlite:///x.db", "tinytrill")]
    (device,) = Verdict.load(out).devices
    assert [one.beaten_by for one in device.registered] == [[device.points[0].point_id]]


def test_without_the_registry_nothing_is_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(tracking_uri: str, registered_model: str) -> list[RegisteredVersion]:
        raise RegistryError(f"the MLflow registry {tracking_uri} cannot be read: {registered_model}")

    monkeypatch.setattr(executor, "registered_versions", silent)
    with pytest.raises(RegistryError, match="registry http://models cannot be read"):
        gate(make_run({SMALL: [Made(0.7, 2.0)]}), tmp_path, tracking_uri="http://models")
    assert not (tmp_path / "verdict").exists()
