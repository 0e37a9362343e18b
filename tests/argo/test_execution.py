"""Compiled pipelines in Argo's own controller: the order of tasks, retries, and what happens to pods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.argo.engine import Ending, Engine
from tests.argo.order import downstream, waits_for
from tests.argo.test_workflow_size import ARGUMENT_BYTES, WORKFLOW_BYTES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("argo")]

# Two candidates. Each task is tried three times, after 2 s and then 4 s.
SMALL = (
    "students={sizes: [tiny], widths: [0.5], svd_ranks: [32, 0]}",
    "search=null",
    "kubeflow.defaults.retries=2",
    "kubeflow.defaults.retry_seconds=2",
    "kubeflow.defaults.retry_factor=2",
)
FAILED = Ending(code=1)


def test_the_demo_runs_in_its_order(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]], compiled: Callable[..., Any]
) -> None:
    run = engine.run(argo_workflow("demo"))
    assert run.phase == "Succeeded"
    waits = waits_for(compiled("demo").specification)
    ended = {one["task"]: one["wave"] for one in run.attempts()}
    assert set(ended) == set(waits)
    assert len(run.attempts()) == len(waits)
    for task, before in waits.items():
        # In a wave end those that ran at the same time.
        assert all(ended[one] < ended[task] for one in before), task
    for one in (*run.attempts(), *run.attempts(driver=True)):
        assert one["argument"] <= ARGUMENT_BYTES, one
        assert one["template"] <= ARGUMENT_BYTES, one
    assert run.largest["packed"] < WORKFLOW_BYTES


def test_what_the_cache_answers_is_not_executed(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]], compiled: Callable[..., Any]
) -> None:
    run = engine.run(argo_workflow("demo", *SMALL), cached=["noss-ingest", "audio-ingest"])
    assert run.phase == "Succeeded"
    waits = waits_for(compiled("demo", *SMALL).specification)
    assert set(run.order()) == set(waits) - {"noss-ingest", "audio-ingest"}


def test_what_fails_is_tried_again_after_a_wait_that_grows(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    run = engine.run(argo_workflow("demo", *SMALL), {"noss-ingest": [FAILED, FAILED]})
    assert run.phase == "Succeeded"
    first, second, third = (one["begun"] for one in run.attempts("noss-ingest"))
    # Argo's times are whole seconds.
    assert second - first > 2 - 1
    assert third - second > 4 - 1


def test_what_fails_each_time_ends_the_run(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]], compiled: Callable[..., Any]
) -> None:
    run = engine.run(argo_workflow("demo", *SMALL), {"noss-ingest": [FAILED] * 3})
    assert run.phase == "Failed"
    assert len(run.attempts("noss-ingest")) == 3
    waits = waits_for(compiled("demo", *SMALL).specification)
    assert not downstream(waits, "noss-ingest") & set(run.order())


def test_a_pod_that_is_deleted_is_an_error(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    # Kubeflow's compiler says no retry policy, and Argo's own is to retry what failed, not what is an error.
    run = engine.run(argo_workflow("demo", *SMALL), {"noss-ingest": [Ending("deleted")]})
    assert len(run.attempts("noss-ingest")) == 1
    assert run.phase == "Error"


def test_a_pod_that_is_evicted_is_tried_again(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    run = engine.run(argo_workflow("demo", *SMALL), {"noss-ingest": [Ending("evicted")]})
    assert len(run.attempts("noss-ingest")) == 2
    assert run.phase == "Succeeded"


def test_argo_tries_again_whatever_the_exit_code_says(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    # One of two that run at the same time refuses what it is given (2), the other finds a gate closed (3).
    endings = {"noss-ingest": [Ending(code=2)] * 3, "audio-ingest": [Ending(code=3)] * 3}
    run = engine.run(argo_workflow("demo", *SMALL), endings)
    assert run.phase == "Failed"
    for task in endings:
        assert len(run.attempts(task)) == 3, task


def test_what_does_not_wait_for_a_failed_candidate_runs(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]], compiled: Callable[..., Any]
) -> None:
    waits = waits_for(compiled("demo", *SMALL).specification)
    candidates = [one for one in waits if one.startswith("candidate-")]
    first = min(candidates, key=lambda one: len(waits[one]))
    # More often than anything is tried.
    run = engine.run(argo_workflow("demo", *SMALL), {first: [FAILED] * 10})
    assert run.phase == "Failed"
    assert set(run.order()) == set(waits) - downstream(waits, first)
