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


@pytest.mark.parametrize("name", ["demo", "real_audio", "frill144"])
def test_argo_takes_the_workflow(
    name: str, engine: Engine, argo_workflow: Callable[..., dict[str, Any]]
) -> None:
    checked = engine.check(argo_workflow(name))
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
