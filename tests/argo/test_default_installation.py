"""The largest grid, and retries, in what Kubeflow Pipelines installs by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.argo.engine import Engine
from tests.argo.order import waits_for
from tests.argo.test_execution import FAILED, SMALL
from tests.argo.test_workflow_size import ARGUMENT_BYTES, WORKFLOW_BYTES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("argo")]


@pytest.mark.parametrize("timeout_s", [None, 7200])
def test_a_retry_has_all_its_time(
    timeout_s: int | None, engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    # Argo counts the longest time of all attempts from the first one's start, and ends a later one there.
    settings = SMALL if timeout_s is None else (*SMALL, f"kubeflow.defaults.timeout_seconds={timeout_s}")
    run = engine.run(argo_workflow("demo", *settings), {"noss-ingest": [FAILED, FAILED]})
    deadlines = [one["deadline"] for one in run.attempts("noss-ingest")]
    if timeout_s is None:
        # A student may train for days.
        assert all(one == 0 or one > 7 * 24 * 3600 for one in deadlines), deadlines
    else:
        assert deadlines == [timeout_s] * 3


def test_the_largest_grid_fits_a_default_installation(
    engine: Engine, argo_workflow: Callable[..., dict[str, Any]], compiled: Callable[..., Any]
) -> None:
    run = engine.run(argo_workflow("frill144"), limit_seconds=600)
    assert run.phase == "Succeeded", run.told["message"]
    assert set(run.order()) == set(waits_for(compiled("frill144").specification))
    for one in (*run.attempts(), *run.attempts(driver=True)):
        assert max(one["argument"], one["template"]) <= ARGUMENT_BYTES, one
    assert run.largest["packed"] < WORKFLOW_BYTES
