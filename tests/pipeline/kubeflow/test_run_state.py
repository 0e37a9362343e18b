"""What is told of a run, out of the nodes that the server lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.kubeflow.client import PipelinesServer, Submission
from pipeline.kubeflow.connection import Connection
from pipeline.kubeflow.package import read_package
from pipeline.kubeflow.run_state import RunState
from pipeline.kubeflow.run_text import duration, overall_lines, status_lines
from tests.pipeline.kubeflow.kfp_server import Frame, KfpServer

Told = Callable[..., RunState]


@pytest.fixture
def told(server: KfpServer, small: Path) -> Told:
    """The state of a run whose nodes are given."""

    def tell(frame: Frame, end: str = "RUNNING", **changed: Any) -> RunState:
        client = PipelinesServer(Connection(server.host, server.host))
        run_id = client.submit(Submission(read_package(small), "a run", {"count": 1})).run_id
        server.play(frame, end=end)
        server.runs[run_id] |= changed
        return client.run(run_id)

    return tell


def test_tasks_that_have_not_begun_are_pending_in_the_order_of_the_graph(told: Told) -> None:
    run = told({"root-driver": "RUNNING"})

    assert [(task.name, task.state) for task in run.tasks] == [
        ("prepare", "PENDING"),
        ("train", "PENDING"),
        ("train-2", "PENDING"),
        ("judge", "PENDING"),
    ]
    assert run.started_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert (run.finished_at, run.duration_s, run.finished, run.succeeded) == (None, None, False, False)


def test_machinery_is_no_task_and_counts_to_the_tasks_time(told: Told) -> None:
    # The n-th node begins after n minutes and takes 30 s.
    run = told(
        {
            "root-driver": "SUCCEEDED",
            "prepare-driver": "SUCCEEDED",
            "executor": "SUCCEEDED",
            "prepare": "SUCCEEDED",
            "train-2-driver": "RUNNING",
            "train-2": "PENDING",
            "train-driver": "RUNNING",
        }
    )

    assert [(task.name, task.state, task.duration_s) for task in run.tasks] == [
        # From 12:01:00, when its driver began, to 12:03:30.
        ("prepare", "SUCCEEDED", 150.0),
        ("train", "RUNNING", None),
        ("train-2", "PENDING", None),
        ("judge", "PENDING", None),
    ]


def test_times_that_the_server_does_not_know_count_for_nothing(told: Told) -> None:
    # It writes the first day of its calendar.
    (prepare, *_) = told({"prepare-driver": "PENDING", "prepare": "SUCCEEDED"}).tasks
    assert (prepare.state, prepare.duration_s) == ("SUCCEEDED", 30.0)


def test_a_failed_driver_fails_its_task_and_what_comes_after_is_skipped(told: Told) -> None:
    run = told(
        {"prepare-driver": ("FAILED", "rpc error\n\nno such image\n"), "prepare": "SKIPPED"}, end="FAILED"
    )

    assert [(task.state, task.error) for task in run.tasks] == [
        ("FAILED", "no such image"),
        ("SKIPPED", ""),
        ("SKIPPED", ""),
        ("SKIPPED", ""),
    ]
    assert (run.finished, run.succeeded, run.duration_s) == (True, False, 600.0)


def test_without_a_specification_what_has_a_driver_is_a_task(told: Told) -> None:
    frame = {"root-driver": "SUCCEEDED", "root": "RUNNING", "one-driver": "SUCCEEDED", "one": "RUNNING"}
    run = told(frame, pipeline_spec=None)
    assert [(task.name, task.state) for task in run.tasks] == [("one", "RUNNING")]


def test_reasons_are_found_where_the_server_keeps_them(told: Told) -> None:
    run = told({}, end="FAILED", error={"code": 2, "message": "workflow failed"})
    assert "  workflow failed" in overall_lines(run)
    history = [{"state": "FAILED", "error": {"message": "pod was evicted"}}]
    assert told({}, end="FAILED", state_history=history).error == "pod was evicted"


def test_text_of_a_failed_run_without_a_reason_says_where_it_is(told: Told) -> None:
    run = told({"prepare": "SUCCEEDED", "train": "FAILED"}, end="FAILED")

    assert overall_lines(run) == [
        f"run {run.run_id} failed in 10 min 0 s; 4 tasks: 1 failed, 2 skipped, 1 succeeded",
        "  the server does not say why: the logs of the failed tasks do, on the run's page",
        f"  {run.page}",
    ]
    assert status_lines(run)[:3] == [
        "a run, since 2026-03-01 12:00:00 UTC",
        "  prepare succeeded (30 s)",
        "  train failed (30 s)",
    ]


def test_json_has_states_times_and_durations(told: Told) -> None:
    shown = json.loads(told({"prepare": ("FAILED", "x")}, end="FAILED").model_dump_json())

    assert (shown["state"], shown["duration_s"]) == ("FAILED", 600.0)
    assert shown["tasks"][0] == {
        "name": "prepare",
        "state": "FAILED",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:30Z",
        "error": "x",
        "duration_s": 30.0,
    }


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (184, "3 min 4 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
