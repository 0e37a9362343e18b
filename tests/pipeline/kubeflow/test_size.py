"""How large a pipeline is, on one that is counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.configuration.config_file import ConfigError
from pipeline.kubeflow.candidates import add_candidates, values_of
from pipeline.kubeflow.containers import Command, make_part
from pipeline.kubeflow.platform import platform_specification
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings
from pipeline.kubeflow.size import Size, check_size, measure
from pipeline.kubeflow.specification import (
    Specification,
    Wiring,
    constant,
    from_task,
    parameter_from_graph,
    task_specification,
)
from tests.pipeline.kubeflow.made_up_branches import candidate

KIB = 1024


def size_of(candidates: int, text: str = "", fan_in: int = 0) -> Size:
    """One task that makes windows, candidates of two steps each, and one that takes ``fan_in`` artifacts."""
    kubeflow, specification = KubeflowSettings(), Specification()
    made = [candidate(f"c{number}") for number in range(candidates)]
    components = add_candidates(specification, made)
    windows = make_part(
        kubeflow,
        TaskSettings(),
        Command("windows"),
        {},
        {"windows": "schemas.DistillationSet"},
        {"text": "STRING"},
    )
    gate = make_part(
        kubeflow,
        TaskSettings(),
        Command("gate"),
        {f"v_{number:03d}": "schemas.TfliteVariants" for number in range(fan_in)},
        {},
        {},
    )
    tasks: dict[str, Any] = {
        "windows": task_specification(
            "windows", specification.add_part("windows", windows), Wiring({}, {"text": constant(text)})
        ),
        "gate": task_specification(
            "gate",
            specification.add_part("gate", gate),
            Wiring({f"v_{number:03d}": from_task(f"c{number}", "variants") for number in range(fan_in)}),
        ),
    }
    for one in made:
        name = one.candidate_id
        graph = specification.component(components[name])
        known = values_of(one, graph)
        given = {
            key: parameter_from_graph("image") for key in graph["inputDefinitions"]["parameters"]
        } | known
        tasks[name] = task_specification(
            name, components[name], Wiring({"windows": from_task("windows", "windows")}, given)
        )
    document = specification.document("p", "", {"image": {"parameterType": "STRING"}}, tasks, "tfx")
    return measure(document, platform_specification(kubeflow, specification.settings))


def test_containers_and_state_are_counted_by_task_not_by_graph() -> None:
    one, five = size_of(1), size_of(5)
    assert (one.tasks, five.tasks) == (2 + 2, 2 + 5 * 2)
    # 400 bytes for each container and for each graph that is entered.
    assert five.state == (12 + 5) * 400
    # A further candidate of the same graph is two entries of the root's, some kilobytes.
    further = (five.workflow - one.workflow) / 4
    assert 500 < further < 4000


def test_the_longest_command_is_found() -> None:
    # 160 artifacts of 800 bytes are what Linux takes in an argument.
    wide = size_of(60, fan_in=60)
    assert wide.longest == "gate"
    assert 60 * 800 <= wide.command < 60 * 800 + 100
    told = size_of(1, text="x" * 100_000)
    assert told.longest == "windows"
    assert 100_000 + 800 < told.command < 101_000
    # Quotation marks are escaped once more there.
    assert size_of(1, text='"' * 50_000).command > 100_000


def test_what_a_cluster_refuses_is_refused_with_what_to_do() -> None:
    fits = Size(
        tasks=3, specification=1, workflow=1000 * KIB, state=24 * KIB, command=128 * KIB, longest="gate"
    )
    check_size(fits)
    with pytest.raises(
        ConfigError, match=r"too large for one workflow: 3 containers, .*Argo takes 1024 KiB.*"
    ):
        check_size(replace(fits, state=25 * KIB))
    with pytest.raises(ConfigError, match=r"divide its candidates among several configurations"):
        check_size(replace(fits, workflow=1001 * KIB))
    with pytest.raises(ConfigError, match=r"^gate is given too much: .*; lower kubeflow.bundle_candidates"):
        check_size(replace(fits, command=128 * KIB + 1))
