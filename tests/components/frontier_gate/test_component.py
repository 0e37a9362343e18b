"""The gate in the pipeline: construction, and the files it writes."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from tfx import types

import schemas
from components.frontier_gate.component import FrontierGate
from components.frontier_gate.executor import Executor
from components.frontier_gate.settings import GateSettings, Goal
from schemas.noss_reports import NossComparison
from schemas.verdicts import Verdict
from tests.made_up_runs import Made, Run, demo_run, make_run, write_run
from tests.students import mobilenet


def channels(kind: type[types.Artifact], count: int) -> list[types.Channel]:
    return [types.Channel(type=kind) for _ in range(count)]


def make(candidates: int = 2, noss: int = 2, students: int = 0) -> FrontierGate:
    return FrontierGate(
        variants=channels(schemas.TfliteVariants, candidates),
        noss=channels(schemas.NossReport, noss),
        teacher=types.Channel(type=schemas.NossReport),
        baselines=channels(schemas.NossReport, 1),
        students=channels(schemas.StudentModel, students),
        latency=types.Channel(type=schemas.LatencyReport),
        comparison=types.Channel(type=schemas.NossComparison),
        settings=GateSettings(),
        run_name="test",
    )


def test_construct() -> None:
    gate = make(students=2)
    assert gate.outputs["verdict"].type is schemas.FrontierVerdict
    assert sorted(gate.inputs) == [
        "baseline_000",
        "comparison",
        "latency",
        "noss_000",
        "noss_001",
        "student_000",
        "student_001",
        "teacher",
        "variants_000",
        "variants_001",
    ]
    assert GateSettings.from_parameter(gate.exec_properties["settings"]) == GateSettings()


def test_construct_needs_one_of_each() -> None:
    with pytest.raises(ValueError, match="one NOSS report a candidate: 2 candidates, 1 reports"):
        make(noss=1)
    with pytest.raises(ValueError, match="2 candidates, 1 students"):
        make(students=1)


def gate(run: Run, tmp_path: Path, goals: tuple[Goal, ...] = (), name: str = "a <b>run</b>") -> Path:
    out = tmp_path / "verdict"
    Executor().Do(
        write_run(run, tmp_path / "in"),
        {"verdict": [SimpleNamespace(uri=str(out))]},
        {
            "settings": GateSettings(goals=goals).to_parameter(),
            "run_name": name,
            "config_json": '{"seed": 7}',
        },
    )
    return out


class Outline(html.parser.HTMLParser):
    """What a test asks of the page: addresses, text, and whether tags close."""

    VOID = frozenset({"meta", "link", "img", "line", "circle", "polyline", "br", "i"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.marks = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        self.marks += dict(attrs).get("class", "") in ("mark", "mark frontier", "mark blessed")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def test_page_and_picture(tmp_path: Path) -> None:
    run = demo_run()
    out = gate(run, tmp_path, (Goal(metric="latency_ms", limit=2.0),))
    verdict = Verdict.load(str(out))
    assert (out / Verdict.PICTURE).read_bytes().startswith(b"\x89PNG")
    page = (out / Verdict.PAGE).read_text(encoding="utf-8")
    outline = Outline(page)
    assert outline.open == []
    benchmark = f"{Verdict.BENCHMARK}/table.html"
    assert all(address.startswith("data:") or address == benchmark for address in outline.addresses)
    assert (out / Verdict.BENCHMARK / NossComparison.FILE).is_file()
    assert "no folder VoxForge" in outline.text
    assert "other/core-int8 (other clips of speaker)" in outline.text
    assert "threshold missed a/wave-float32: language: 0.6 is below 0.7" in " ".join(outline.text.split())
    assert not re.search(r"@import|url\(|https?://", page)
    assert outline.marks == len(verdict.points) == 32
    assert "<b>run</b>" not in page and "a <b>run</b>" in outline.text
    for wanted in (
        verdict.summary,
        "host latency (not a device)",
        "synthetic sound",
        "latency_ms at most 2 ms",
        "Training",
        "Test CPU",
        '"seed": 7',
        "logistic regression",
        "conv_2 12.5; conv_1 19.5; gap 30.0",
    ):
        assert wanted in outline.text
    for point in verdict.points:
        assert point.candidate_id in outline.text
    # tiny-w0.5 is below the baseline's mean of 0.6.
    assert "below logmel" in page


def test_page_of_a_device_and_recorded_sound(tmp_path: Path) -> None:
    text = Outline(
        (gate(demo_run(synthetic=False, device=True, baseline=None), tmp_path) / Verdict.PAGE).read_text()
    ).text
    assert "device latency, p50" in text
    assert (
        "not a device" not in text
        and "synthetic" not in text
        and "baseline" not in text.split("How it was")[0]
    )


def test_the_same_reports_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = gate(demo_run(), tmp_path / "a"), gate(demo_run(), tmp_path / "b")
    for name in (Verdict.FILE, Verdict.PICTURE, Verdict.PAGE):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize(("quality", "marks"), [(0.75, 0), (0.55, 4)])
def test_what_is_below_a_baseline_is_marked(tmp_path: Path, quality: float, marks: int) -> None:
    out = gate(make_run({mobilenet("tiny"): [Made(quality, 1.0)]}, baseline=0.6), tmp_path)
    text = Outline((out / Verdict.PAGE).read_text(encoding="utf-8")).text
    # Three tasks and the mean; once more where the mark is explained.
    assert text.count("▼") == marks + 1
