"""NossComparison in the pipeline: construction, and the files it writes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tfx import types
from tfx.types import standard_artifacts

import schemas
from components.noss_comparison.compare import compare
from components.noss_comparison.component import NossComparison
from components.noss_comparison.executor import Executor
from components.noss_comparison.settings import NossComparisonSettings
from schemas import comparison_reports, noss_reports
from schemas.settings import UnreadableReport
from tests.components.noss_comparison.made_up import make_model, make_task_set, write_report


def make(candidates: int = 2, references: int = 1, teacher: bool = True) -> NossComparison:
    return NossComparison(
        noss=[types.Channel(type=schemas.NossReport) for _ in range(candidates)],
        teacher=types.Channel(type=schemas.NossReport) if teacher else None,
        references=[types.Channel(type=schemas.NossReport) for _ in range(references)],
        examples=types.Channel(type=standard_artifacts.Examples),
        settings=NossComparisonSettings(candidates=12),
        code_digest="abc",
    )


def test_construct() -> None:
    node = make(references=2)
    assert node.outputs["comparison"].type is schemas.NossComparison
    assert sorted(node.inputs) == [
        "examples", "noss_000", "noss_001", "reference_000", "reference_001", "teacher",
    ]  # fmt: skip
    assert NossComparisonSettings.from_parameter(node.exec_properties["settings"]).candidates == 12
    assert node.exec_properties["code_digest"] == "abc"
    assert "reference_000" not in make(references=0).inputs
    assert "teacher" not in make(teacher=False).inputs


def test_construct_needs_a_candidate() -> None:
    with pytest.raises(ValueError, match="at least one candidate, got 0"):
        make(candidates=0)


def test_executor_writes_all_forms_and_the_same_bytes_again(tmp_path: Path) -> None:
    task_set = make_task_set(("mood", "language"))
    task_set.save(tmp_path / "examples")
    inputs = {"examples": [SimpleNamespace(uri=str(tmp_path / "examples"))]}
    for key, name, kind in (
        ("noss_000", "small", "student"),
        ("noss_001", "large", "student"),
        ("teacher", "teacher", "teacher"),
        ("reference_000", "logmel", "baseline"),
    ):
        write_report(tmp_path / key, [make_model(task_set, name, 0.6, kind=kind)])  # type: ignore[arg-type]
        inputs[key] = [SimpleNamespace(uri=str(tmp_path / key))]
    written = []
    for turn in ("first", "second"):
        folder = tmp_path / turn
        folder.mkdir()
        outputs = {"comparison": [SimpleNamespace(uri=str(folder))]}
        Executor().Do(inputs, outputs, {"settings": NossComparisonSettings().to_parameter()})
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert sorted(written[0]) == ["comparison.json", "heat_map.png", "table.csv", "table.html", "table.md"]
    assert written[0] == written[1]
    comparison = comparison_reports.NossComparison.load(tmp_path / "first")
    assert [model.name for model in comparison.models][:2] == ["logmel", "teacher"]
    assert len(comparison.models) == 4 and len(comparison.against_teacher) == 3


@pytest.mark.parametrize("key", ["noss_001", "reference_000", "teacher"])
def test_a_report_that_cannot_be_read_costs_its_models_only(tmp_path: Path, key: str) -> None:
    task_set = make_task_set(("mood", "language"))
    task_set.save(tmp_path / "examples")
    inputs = {"examples": [SimpleNamespace(uri=str(tmp_path / "examples"))]}
    kinds = {"noss_000": "student", "noss_001": "student", "teacher": "teacher", "reference_000": "baseline"}
    for role, kind in kinds.items():
        write_report(tmp_path / role, [make_model(task_set, role, 0.6, kind=kind)])  # type: ignore[arg-type]
        inputs[role] = [SimpleNamespace(uri=str(tmp_path / role))]
    (tmp_path / key / noss_reports.NossReport.FILE).write_text('{"protocol": "cut sh')
    outputs = {"comparison": [SimpleNamespace(uri=str(tmp_path / "out"))]}
    settings = {"settings": NossComparisonSettings().to_parameter()}
    if key == "teacher":
        with pytest.raises(UnreadableReport, match=r"teacher/.* is not a valid noss report"):
            Executor().Do(inputs, outputs, settings)
        return
    Executor().Do(inputs, outputs, settings)
    comparison = comparison_reports.NossComparison.load(tmp_path / "out")
    assert {model.name for model in comparison.models} == {role for role in kinds if role != key}
    (left_out,) = comparison.not_comparable
    assert left_out.model == ("candidate 2" if key == "noss_001" else "reference 1")
    assert f"{key}/{noss_reports.NossReport.FILE}" in left_out.reason


def test_a_tfma_summary_that_cannot_be_read_costs_the_slices_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task_set = make_task_set(("mood", "language"))
    report, folder = write_report(tmp_path, [make_model(task_set, "m", 0.6, kind="student")])
    name = report.results[0].variant or "m"
    summary = folder / noss_reports.NossReport.TFMA / name / noss_reports.TfmaSummary.FILE
    summary.parent.mkdir(parents=True)
    summary.write_text("{")
    assert compare([(report, folder)], task_set).slices == []
    assert "has no slices" in caplog.text
