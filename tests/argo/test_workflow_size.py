"""Compiled pipelines by Argo's own validation, and their sizes against the limits of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.argo.engine import Engine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("argo")]

# Linux copies no longer argument, its end included (MAX_ARG_STRLEN), and Argo writes no longer template into
# a variable.
ARGUMENT_BYTES = 131_072
# Argo writes no larger workflow, its packed nodes included.
WORKFLOW_BYTES = 1024 * 1024


# A search times the networks of the grid first where all devices have budgets.
SEARCHED = (
    "search.budget=0.1",
    "latency.devices={phone: {backend: host, budgets: [{milliseconds: 8}]}}",
    "gate.host_may_bless=true",
)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("demo", ()), ("real_audio", ()), ("frill144", ()), ("frill144", SEARCHED)],
    ids=["demo", "real_audio", "frill144", "frill144 searched"],
)
def test_argo_takes_the_workflow(
    name: str, settings: tuple[str, ...], engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    checked = engine.check(argo_workflow(name, *settings))
    assert checked["fault"] == ""
    assert checked["workflow"] < WORKFLOW_BYTES
    # Each of them is an argument of a driver's.
    longest = max(checked["arguments"], key=lambda one: checked["arguments"][one])
    assert checked["arguments"][longest] + 1 <= ARGUMENT_BYTES, f"{longest}: {checked['arguments'][longest]}"


def test_argo_refuses_what_is_none(engine: Engine, argo_workflow: Callable[..., dict[str, Any]]) -> None:
    made = argo_workflow("demo")
    (root,) = (one for one in made["spec"]["templates"] if one["name"] == "root")
    root["dag"]["tasks"][0]["depends"] = "nobody.Succeeded"
    assert "nobody" in engine.check(made)["fault"]
