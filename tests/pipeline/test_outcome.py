"""How a run ends: what is published, what the terminal says, and with which exit code."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import pipeline_runner
from components.common.frontier.closed import GateClosed
from pipeline.local import runner as local_runner
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import NodeRun
from pipeline.local.runner import RunFailed, RunResult, RunTimes, publish_report
from pipeline.terminal.summary import print_summary
from schemas.push_reports import PushReport
from schemas.verdicts import RegisteredPoint, Verdict
from tests.components.frontier_gate import judging
from tests.made_up_runs import Made, make_run
from tests.pushed_runs import make_verdict
from tests.students import mobilenet

SMALL = f"{mobilenet('small').candidate_id}/wave-float32"
TINY = f"{mobilenet('tiny').candidate_id}/wave-float32"


def verdict_of(closed: dict[str, list[str]]) -> Verdict:
    run = make_run(
        {mobilenet("small"): [Made(0.75, 5.0)], mobilenet("tiny"): [Made(0.6, 6.0)]},
        devices={"host": 1.0, "phone": 3.0},
    )
    return make_verdict(run, {"host": [SMALL], "phone": [SMALL]}, closed)


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    return RunLayout(tmp_path / "run")


@pytest.fixture
def finished(layout: RunLayout, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what the newest run left behind; each is a run of its own."""

    def make(verdict: Verdict, pusher: str, run: int = 1) -> None:
        gate, pushed = (layout.artifacts / name / str(run) for name in ("gate", "pushed"))
        verdict.save(gate)
        nodes = {"FrontierGate": NodeRun("FrontierGate", "COMPLETE", {"verdict": str(gate)})}
        if pusher == "COMPLETE":
            PushReport(tracking_uri="sqlite:///s", parent_run_id="p", models=[]).save(pushed)
            (pushed / Verdict.LINKS).write_text(f"links of run {run}")
            nodes["FrontierPusher"] = NodeRun("FrontierPusher", pusher, {"pushed": str(pushed)})
        elif pusher:
            nodes["FrontierPusher"] = NodeRun("FrontierPusher", pusher)
        monkeypatch.setattr(local_runner, "newest_run", lambda layout: nodes)

    return make


def test_the_report_gets_the_pushers_links(layout: RunLayout, finished: Callable[..., None]) -> None:
    finished(verdict_of({}), "COMPLETE")
    assert publish_report(layout) == verdict_of({})
    assert (layout.report / Verdict.LINKS).read_text() == "links of run 1"
    finished(verdict_of({}), "COMPLETE", run=2)
    publish_report(layout)
    assert (layout.report / Verdict.LINKS).read_text() == "links of run 2"


def test_the_report_gets_the_page_of_the_corpus(
    layout: RunLayout, finished: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    finished(verdict_of({}), "COMPLETE")
    nodes = local_runner.newest_run(layout)
    nodes["AudioIngest"] = NodeRun("AudioIngest", "CACHED", {"report": str(tmp_path)})
    publish_report(layout)  # of a run that has no such page
    assert not (layout.report / "corpus.html").exists()
    (tmp_path / "corpus.html").write_text("the corpus")
    publish_report(layout)
    assert (layout.report / "corpus.html").read_text() == "the corpus"


def test_pages_of_the_report_lead_to_each_other(
    layout: RunLayout, finished: Callable[..., None], tmp_path: Path
) -> None:
    finished(verdict_of({}), "COMPLETE")
    nodes = local_runner.newest_run(layout)
    gate = Path(nodes["FrontierGate"].outputs["verdict"])
    (gate / Verdict.PAGE).write_text("<body>\nfrontier")
    (tmp_path / "corpus.html").write_text("<body>\ncorpus")
    nodes["AudioIngest"] = NodeRun("AudioIngest", "CACHED", {"report": str(tmp_path)})
    publish_report(layout)
    assert (
        '<a href="corpus.html" style="color:inherit">Corpus</a>' in (layout.report / Verdict.PAGE).read_text()
    )
    assert (
        '<a href="index.html" style="color:inherit">Frontier</a>'
        in (layout.report / "corpus.html").read_text()
    )
    # What the components made stays as it was.
    assert (gate / Verdict.PAGE).read_text() == "<body>\nfrontier"


def test_links_stay_with_the_verdict_they_belong_to(layout: RunLayout, finished: Callable[..., None]) -> None:
    finished(verdict_of({}), "COMPLETE")
    publish_report(layout)
    finished(verdict_of({}), "FAILED", run=2)
    publish_report(layout)
    assert (layout.report / Verdict.LINKS).read_text() == "links of run 1"
    finished(verdict_of({"phone": ["gone"]}), "", run=3)
    publish_report(layout)
    assert not (layout.report / Verdict.LINKS).exists()


def test_a_closed_gate_is_published_with_what_was_pushed(
    layout: RunLayout, finished: Callable[..., None], tmp_path: Path
) -> None:
    verdict = verdict_of({"phone": ["gone"]})
    finished(verdict, "FAILED")
    kept = tmp_path / "kept"
    PushReport(tracking_uri="sqlite:///s", parent_run_id="p", models=[]).save(kept)
    (kept / Verdict.LINKS).write_text("links")
    times = RunTimes(executed=["FrontierGate"], cached=[], seconds={})
    result = local_runner._publish(layout, times, GateClosed(verdict, [], kept))
    assert result.verdict == verdict and result.pushed.parent_run_id == "p"
    assert result.closed.splitlines()[1] == "  phone: gone"
    assert (layout.report / Verdict.LINKS).read_text() == "links"
    assert RunTimes.read(layout.report, RunTimes.FILE) == times


def test_a_folder_without_a_verdict_is_refused(layout: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        local_runner, "newest_run", lambda layout: {"FrontierGate": NodeRun("FrontierGate", "FAILED")}
    )
    with pytest.raises(RunFailed, match="holds no finished run"):
        publish_report(layout)


def test_each_device_has_its_frontier(layout: RunLayout) -> None:
    verdict = verdict_of({"phone": ["no point meets all goals"]})
    (host, phone) = verdict.devices
    beaten = RegisteredPoint(
        registered_model="tinytrill",
        version="3",
        aliases=["champion"],
        run_name="before",
        competes=True,
        beaten_by=[SMALL],
        **host.points[0].model_dump(include=set(RegisteredPoint.model_fields) - {"reason"}),
    )
    host = host.model_copy(update={"registered": [beaten]})
    out = io.StringIO()
    print_summary(
        Console(file=out, width=160),
        layout,
        verdict.model_copy(update={"devices": [host, phone]}),
        None,
    )
    answer, first, second = out.getvalue().split("test-run: the frontier on ")
    assert answer.splitlines()[-1] == "Ship nothing on phone: no point meets all goals."
    assert first.startswith("host, Test CPU (synthetic speech, host latency)")
    # Best first, what files are held against among them.
    assert [line.split()[0] for line in first.splitlines()[2:4]] == ["teacher", SMALL]
    assert "host p50 (ms)" in first and "5.000" in first and "yes" in first
    assert "registered tinytrill v3 (champion) is beaten by " + SMALL in first
    assert second.startswith("phone, Test Phone (synthetic speech, device latency)")
    assert "15.000" in second and "no: the gate is closed" in second and "yes" not in second
    assert "the gate is closed for phone: no point meets all goals" in second
    assert TINY not in out.getvalue()
    assert f"report:       {layout.report}/index.html" in out.getvalue()


@pytest.mark.parametrize(
    ("closed", "kept", "code"),
    [
        ("", "", 0),
        ("", "/outbox/1", 4),
        ("the gate is closed:\n  phone: gone", "", 3),
        ("the gate is closed:\n  phone: gone", "/outbox/1", 3),
    ],
)
def test_each_outcome_has_an_exit_code_of_its_own(
    layout: RunLayout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    closed: str,
    kept: str,
    code: int,
) -> None:
    result = RunResult(
        layout,
        RunTimes(executed=[], cached=[], seconds={}),
        verdict_of({}),
        PushReport(
            tracking_uri="sqlite:///s",
            parent_run_id="" if kept else "p",
            models=[],
            unsent="down" if kept else "",
            kept=kept,
        ),
        closed,
    )
    monkeypatch.setattr(local_runner, "run_locally", lambda *given: result)
    assert pipeline_runner.main(["demo", "--output", str(layout.root)]) == code
    said = capsys.readouterr()
    assert "index.html" in said.out
    assert said.err.strip() == closed
    last = said.out.splitlines()[-1]
    assert last.startswith("not registered: all is kept in /outbox/1; send it with") == bool(kept)


def test_a_gate_that_closes_in_the_pipeline_is_no_failure(
    layout: RunLayout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pipeline.configuration.config_file import load_config
    from pipeline.configuration.resolved import ResolvedRun
    from pipeline.local.dag_runner import DagRunner

    closed = GateClosed(verdict_of({"phone": ["gone"]}), [], tmp_path)

    def raises(error: Exception) -> None:
        def run(runner: DagRunner, pipeline: object) -> None:
            raise error

        monkeypatch.setattr(DagRunner, "run", run)

    run = ResolvedRun.of(load_config("demo"), layout)
    raises(closed)
    assert local_runner._run_pipeline(run, Console(file=io.StringIO()), False)[1] is closed
    raises(ValueError("no sound"))
    with pytest.raises(RunFailed, match="the pipeline: no sound"):
        local_runner._run_pipeline(run, Console(file=io.StringIO()), False)


def test_blessed_files_below_a_baseline_are_said_before_all_else(layout: RunLayout) -> None:
    verdict = verdict_of({})
    quality = verdict.blessed[0][1].quality
    verdict = verdict.model_copy(
        update={"teacher": verdict.teacher.model_copy(update={"quality": quality + 0.2})}
    )
    assert not verdict.baselines_above(verdict.blessed[0][1]) and not verdict.below_baseline

    def said(verdict: Verdict) -> str:
        out = io.StringIO()
        print_summary(Console(file=out, width=400), layout, verdict, None)
        return out.getvalue()

    assert said(verdict).startswith("1 file may ship on host: the verdict")
    floor = verdict.teacher.model_copy(
        update={"model": "logmel", "kind": "baseline", "quality": quality + 0.1}
    )
    another_model = floor.model_copy(update={"model": "YAMNet", "kind": "reference", "quality": 1.0})
    below = verdict.model_copy(update={"baselines": [another_model, floor]})
    files = len({point.point_id for _, point in below.blessed})
    first = said(below).splitlines()[0]
    assert first.startswith(f"{files} of {files} blessed files ")
    assert f"{floor.quality:.3f} (logmel)" in first and "YAMNet" not in first
    assert "look at the teacher first" not in first
    poor = below.model_copy(update={"teacher": below.teacher.model_copy(update={"quality": quality})})
    assert f"Their teacher lies below it too ({quality:.3f})" in said(poor).splitlines()[0]
    equal = below.model_copy(update={"baselines": [floor.model_copy(update={"quality": quality})]})
    assert not equal.below_baseline


def test_a_board_has_a_table_without_milliseconds(layout: RunLayout) -> None:
    run = make_run({judging.SMALL: [Made(0.75, 5.0, "core-int8")]}, devices={"board": 1.0, "pixel": 1.0})
    out = io.StringIO()
    print_summary(Console(file=out, width=200), layout, judging.verdict_of(run), None)
    answer, board, pixel = out.getvalue().split("test: the frontier on ")
    assert "on board: the best quality; score 0.750 (teacher 0.800), 200 KiB arena, 5 M" in answer
    assert board.startswith("board, Test Board (synthetic speech, no time measured)")
    headings, teacher, file = board.splitlines()[1:4]
    assert " ".join(headings.split()).startswith("best first NOSS mean M MACs arena (KiB) size (MiB)")
    assert teacher.split() == ["teacher", "0.800"]
    assert file.split()[1:] == ["0.750", "5.000", "200.000", "0.95", "93.8%", "yes"]
    assert "device p50 (ms)" in pixel and "M MACs" not in pixel
