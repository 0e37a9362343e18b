"""The demo's road from sound to a registered frontier, and again from the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from pipeline.local.runner import RunTimes
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.push_reports import FrontierIndex
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import Verdict
from tests.components.latency_benchmark.backends.phone import SERIAL, Phone
from tests.e2e.conftest import Demo
from tests.e2e.runs import CANDIDATES, DEMO, SMALL, Finished, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def folder(demo: Demo) -> Path:
    return demo.folder


@pytest.fixture(scope="module")
def first(demo: Demo) -> Finished:
    return demo.done


@pytest.fixture(scope="module")
def second(folder: Path, first: Finished) -> Finished:
    assert first.code == 0, first.err
    return run("demo", "--output", str(folder), overrides=DEMO, cwd=folder.parent)


def _versions(folder: Path) -> dict[str, str]:
    """Registered versions and the point each of them is."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return {
        f"{version.name}/{version.version}": version.tags["tinytrill.point"]
        for version in client.search_model_versions()
    }


def test_each_node_runs_exactly_once(folder: Path, first: Finished) -> None:
    assert first.code == 0, first.err
    times = RunTimes.read(folder / "report", RunTimes.FILE)
    nodes = newest_run(RunLayout(folder))
    assert sorted(times.executed) == sorted(nodes)
    assert times.cached == []
    assert {node.state for node in nodes.values()} == {"COMPLETE"}
    for candidate in CANDIDATES:
        assert {
            f"{part}.{candidate}" for part in ("StudentTrainer", "TfliteConverter", "NossEvaluator")
        } <= set(nodes)


def test_the_terminal_shows_progress_and_no_noise(first: Finished) -> None:
    assert "(candidate 3 of 3) ..." in first.err
    assert "epoch 1/4 (float)" in first.err
    for noise in ("oneDNN", "absl", "INFO:", "WARNING", "cuda"):
        assert noise not in first.err
    assert "report:" in first.out
    assert "synthetic speech" in first.out


def test_only_the_blessed_are_pushed_and_as_measured(folder: Path, first: Finished) -> None:
    verdict = Verdict.load(str(folder / "report"))
    assert verdict.synthetic
    assert verdict.blessed
    index = FrontierIndex.load(str(folder / "pushed"))
    blessed = {point.point_id for _, point in verdict.blessed}
    assert {model.point_id for model in index.models} == blessed
    assert {tuple(model.devices) for model in index.models} == {("host",)}
    for model in index.models:
        content = (folder / "pushed" / model.folder / "model.tflite").read_bytes()
        assert hashlib.sha256(content).hexdigest() == model.sha256
    assert sorted(_versions(folder).values()) == sorted(blessed)


def test_what_was_measured_is_what_was_converted(folder: Path, first: Finished) -> None:
    nodes = newest_run(RunLayout(folder))
    latency = LatencyReport.load(nodes["LatencyBenchmark.host"].outputs["report"])
    for candidate in CANDIDATES:
        converted = TfliteReport.load(nodes[f"TfliteConverter.{candidate}"].outputs["variants"])
        noss = NossReport.load(nodes[f"NossEvaluator.{candidate}"].outputs["report"])
        assert converted.accepted
        for variant in converted.accepted:
            measured = latency.measurement(candidate, variant.name)
            result = noss.result(variant.name)
            assert measured is not None and result is not None
            assert measured.sha256 == variant.sha256 == result.sha256
    student = StudentInfo.load(nodes[f"StudentTrainer.{CANDIDATES[0]}"].outputs["model"])
    assert [epoch.phase for epoch in student.epochs] == ["float", "annealed", "factored", "qat"]


def test_nothing_is_written_elsewhere(folder: Path, first: Finished) -> None:
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_second_run_comes_from_the_cache(folder: Path, first: Finished, second: Finished) -> None:
    assert second.code == 0, second.err
    times = RunTimes.read(folder / "report", RunTimes.FILE)
    assert times.executed == []
    assert {node.state for node in newest_run(RunLayout(folder)).values()} == {"CACHED"}
    verdict = Verdict.load(str(folder / "report"))
    assert sorted(_versions(folder).values()) == sorted(point.point_id for _, point in verdict.blessed)


def test_a_finished_run_can_be_shown_again(folder: Path, second: Finished) -> None:
    shown = run("report", "--output", str(folder))
    assert shown.code == 0, shown.err
    assert Verdict.load(str(folder / "report")).blessed[0][1].candidate_id[:12] in shown.out


def test_the_page_links_to_what_was_pushed(folder: Path, second: Finished) -> None:
    text = (folder / "report" / Verdict.LINKS).read_text()
    links = json.loads(text.partition(" = ")[2].removesuffix(";\n"))
    for model in FrontierIndex.load(str(folder / "pushed")).models:
        link = links["points"][model.point_id]
        assert (folder / "report" / link["folder"] / "model.tflite").is_file()
        (registration,) = model.registrations
        assert [version["name"] for version in link["versions"]] == [
            f"tinytrill-host v{registration.version}"
        ]
        assert links["runs"][model.candidate_id]["id"] == model.run_id


def test_the_run_tells_its_code_and_its_lineage(folder: Path, first: Finished) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("tinytrill")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`tinytrill.role` = 'pipeline'")
    assert parent.info.status == "FINISHED"
    assert len(parent.data.tags["tinytrill.lock_sha256"]) == 64
    assert {entry.dataset.name for entry in parent.inputs.dataset_inputs} >= {"corpus"}
    stored = {entry.path for entry in client.list_artifacts(parent.info.run_id, "lineage")}
    assert stored == {"lineage/lineage.json", "lineage/lineage.html"}
    assert (folder / "report" / "lineage.html").is_file()


def test_the_page_is_self_contained(folder: Path, first: Finished) -> None:
    page = (folder / "report" / Verdict.PAGE).read_text()
    for outside in ('src="http', "src='http", '<link rel="stylesheet" href="http', "@import"):
        assert outside not in page
    assert json.loads((folder / "report" / Verdict.FILE).read_text())["run_name"] == "demo"


def test_a_demand_that_nothing_meets_closes_the_gate(folder: Path, second: Finished) -> None:
    unmet = ("gate.goals=[{metric: bytes, limit: 1}]",)
    closed = run("demo", "--output", str(folder), overrides=(*DEMO, *unmet), cwd=folder.parent)
    assert closed.code == 3, closed.err
    assert "the gate is closed:\n  host: " in closed.err and "pushed anyway: nothing" in closed.err
    verdict = Verdict.load(str(folder / "report"))
    assert verdict.closed and not verdict.blessed
    assert f"{folder}/report/{Verdict.PAGE}" in closed.out
    assert set(RunTimes.read(folder / "report", RunTimes.FILE).executed) == {"FrontierGate"}
    assert newest_run(RunLayout(folder))["FrontierPusher"].state == "FAILED"
    # What was pushed before stays; the run that failed is still shown.
    assert FrontierIndex.load(str(folder / "pushed")).models
    shown = run("report", "--output", str(folder))
    assert shown.code == 0 and "the gate is closed for host" in shown.out
    again = run("demo", "--output", str(folder), overrides=(*DEMO, *unmet), cwd=folder.parent)
    assert again.code == 3, again.err
    assert RunTimes.read(folder / "report", RunTimes.FILE).executed == []


def test_a_phone_gets_a_frontier_of_its_own(folder: Path, second: Finished, tmp_path: Path) -> None:
    phone = Phone(tmp_path)
    budget = "budgets: [{percentile: p95, milliseconds: 2}]"
    devices = (
        f"latency.devices={{host: {{backend: host}}, phone: {{backend: adb, serial: {SERIAL}, "
        f"adb: {phone.adb}, benchmark_model: {phone.tool}, {budget}}}}}"
    )
    done = run("demo", "--output", str(folder), overrides=(*DEMO, devices), cwd=folder.parent)
    assert done.code == 0, done.err
    # Nothing is trained, evaluated or timed on the host again.
    executed = set(RunTimes.read(folder / "report", RunTimes.FILE).executed)
    assert executed == {"LatencyBenchmark.phone", "FrontierGate", "FrontierPusher"}
    host, judged = Verdict.load(str(folder / "report")).devices
    assert (host.device, judged.device) == ("host", "phone")
    assert (host.machine.is_device, judged.machine.is_device) == (False, True)
    assert not any(goal.goal.startswith("budget") for point in host.points for goal in point.goals)
    assert judged.blessed and judged.closed == []
    for point in judged.points:
        # Pooled over the rounds' summaries, whose quantiles are interpolated: within 1 % of the samples' own.
        assert point.p95_ms == pytest.approx(0.991, rel=0.01) and point.goals_met
        assert [goal.goal for goal in point.goals] == ["budget: p95 latency at most 2 ms"]
    pushed = {model.point_id: model.devices for model in FrontierIndex.load(str(folder / "pushed")).models}
    both = {point.point_id for point in host.blessed} & {point.point_id for point in judged.blessed}
    assert pushed.keys() == {point.point_id for device in (host, judged) for point in device.blessed}
    assert all(pushed[point] == ["host", "phone"] for point in both)
    assert {name.partition("/")[0] for name in _versions(folder)} == {"tinytrill-host", "tinytrill-phone"}
    assert phone.files() == []


def test_registered_models_compete_with_the_next_run(folder: Path, second: Finished, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{folder}/mlflow.db"
    before = {name: point for name, point in _versions(folder).items() if name.startswith("tinytrill-host/")}
    champion = sorted(before)[0].partition("/")[2]
    MlflowClient(store).set_registered_model_alias("tinytrill-host", "champion", champion)
    copied = tmp_path / "next"  # so that only the new student is made
    shutil.copytree(folder, copied)
    others = (*SMALL, "students={explicit: [{architecture: {name: mobilenet_v3, size: tiny, width: 0.25}, "
              "embedding_width: 16}]}", f"push.tracking_uri={store}")  # fmt: skip
    done = run("demo", "--output", str(copied), overrides=others, cwd=tmp_path)
    # Whether the new student beats the registered ones is up to the machine.
    assert done.code in (0, 3), done.err
    registered = Verdict.load(str(copied / "report")).devices[0].registered
    assert {f"tinytrill-host/{model.version}": model.point_id for model in registered} == before
    assert {model.version for model in registered if "champion" in model.aliases} == {champion}
    # The same sound, rules, machine and reference model, in another folder: all figures compare.
    assert all(model.competes for model in registered)
