"""Killed in one kind of node after the other, the same command goes on, and nothing is there twice.

What a killed component takes up again is tested in its own room.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from components.common.store.arrays import read_arrays
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from pipeline.local.runner import RunTimes
from schemas.noss_reports import NossReport
from schemas.push_reports import FrontierIndex
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from tests.e2e.conftest import Demo
from tests.e2e.runs import COMPRESSED, SMALL, kill_in, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

OVERRIDES = (*SMALL, f"students={{explicit: [{COMPRESSED}]}}")
CANDIDATE = "tiny-w0.25-gap-e32-svd8-qat"
# Finished shards, checkpoints of epochs, and what was changed outside the run's folder; nodes at once.
IN_TURN = (("AudioIngest", 2), (f"StudentTrainer.{CANDIDATE}", 2), ("FrontierPusher", 1))


def _nodes(lines: list[str], how: str) -> list[str]:
    found = (re.match(rf"\[\d+/\d+ \S+\] (\S+) {how}", line) for line in lines)
    return [match[1] for match in found if match]


def _weights(folder: Path) -> list[np.ndarray]:
    uri = newest_run(RunLayout(folder))[f"StudentTrainer.{CANDIDATE}"].outputs["model"]
    return read_arrays(Path(uri) / StudentInfo.WEIGHTS)


def _files(folder: Path) -> dict[str, str]:
    uri = newest_run(RunLayout(folder))[f"TfliteConverter.{CANDIDATE}"].outputs["variants"]
    return {variant.name: variant.sha256 for variant in TfliteReport.load(uri).accepted}


def _scores(folder: Path) -> dict[tuple[str, str], float]:
    """By evaluator's model and task: of the student, of the teacher that was trained, and of baselines."""
    found: dict[tuple[str, str], float] = {}
    for node in (CANDIDATE, "teacher", "baselines"):
        report = NossReport.load(newest_run(RunLayout(folder))[f"NossEvaluator.{node}"].outputs["report"])
        for result in report.results:
            name = f"{result.model}/{result.variant}"
            found |= {(name, score.task): score.value for score in result.tasks}
    return found


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(demo: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    finished: set[str] = set()
    for node, parallel in IN_TURN:
        assert node not in finished, "it would be killed while it is answered from the cache"
        overrides = (*OVERRIDES, f"execution.parallel={parallel}")
        lines = kill_in(node, "demo", "--output", str(folder), overrides=overrides)
        assert any(f"] {node} " in line for line in lines), lines
        assert node not in _nodes(lines, "done")
        assert not finished & set(_nodes(lines, "done")), "a finished component ran again"
        finished |= set(_nodes(lines, "done"))
    last = run("demo", "--output", str(folder), overrides=(*OVERRIDES, "execution.parallel=1"))
    assert last.code == 0, last.err
    times = RunTimes.read(folder / "report", RunTimes.FILE)
    assert not finished & set(times.executed)
    assert "FrontierPusher" in times.executed

    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    pushed = FrontierIndex.load(str(folder / "pushed")).models
    versions = [version.tags["tinytrill.sha256"] for version in client.search_model_versions()]
    assert sorted(versions) == sorted(model.sha256 for model in pushed)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    roles = sorted(run.data.tags["tinytrill.role"] for run in runs)
    # One run for the pipeline, its one candidate, and the registered model's ledger.
    assert roles == ["candidate", "pipeline", "promotions"]
    assert {run.info.status for run in runs if run.data.tags["tinytrill.role"] != "promotions"} == {
        "FINISHED"
    }

    # The same student, of a grid of three whose nodes ran two at a time.
    for killed, expected in zip(_weights(folder), _weights(demo.folder), strict=True):
        np.testing.assert_array_equal(killed, expected)
    assert _files(folder) == _files(demo.folder)
    assert _scores(folder) == _scores(demo.folder)
