"""How large a pipeline is, on one that is counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.configuration.config_file import ConfigError
from pipeline.kubeflow.containers import Command, make_part
from pipeline.kubeflow.platform import platform_specification
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings
from pipeline.kubeflow.size import Size, check_size, measure
from pipeline.kubeflow.specification import (
    Specification,
    Wiring,
    constant,
    from_task,
    task_specification,
)

KIB = 1024


def size_of(sources: int, text: str = "", argument: str = "a") -> Size:
    """Tasks that make an artifact each of a text, and one that takes them all."""
    kubeflow, specification = KubeflowSettings(), Specification()
    source = make_part(
        kubeflow,
        TaskSettings(),
        Command("source", (argument,)),
        {},
        {"made": "schemas.TfliteVariants"},
        {"text": "STRING"},
    )
    names = [f"v_{number:03d}" for number in range(sources)]
    gate = make_part(
        kubeflow, TaskSettings(), Command("gate"), dict.fromkeys(names, "schemas.TfliteVariants"), {}, {}
    )
    tasks: dict[str, Any] = {
        name.replace("_", "-"): task_specification(
            name.replace("_", "-"),
            specification.add_part("source", source),
            Wiring({}, {"text": constant(text)}),
        )
        for name in names
    }
    tasks["gate"] = task_specification(
        "gate",
        specification.add_part("gate", gate),
        Wiring({name: from_task(name.replace("_", "-"), "made") for name in names}),
    )
    document = specification.document("p", "", {}, tasks, "tfx")
    return measure(document, platform_specification(kubeflow, specification.settings))


def test_the_pod_that_is_given_most_is_found() -> None:
    wide = size_of(60)
    assert (wide.tasks, wide.largest) == (61, "gate")
    # An artifact is about a kilobyte there: the store's session is JSON in JSON in JSON in JSON.
    assert 60 * 900 < wide.pod < 60 * 1500
    told = size_of(1, text="x" * 60_000)
    assert told.largest == "v-000"
    assert 60_000 < told.pod < 70_000
    # A quotation mark is four characters there.
    assert size_of(1, text='"' * 10_000).pod > 40_000
    assert size_of(1, argument="x" * 60_000).pod > 60_000


def test_the_graph_grows_with_what_tasks_are_given_and_not_with_their_commands() -> None:
    few, many = size_of(2), size_of(12)
    # A task is some hundred bytes, and so is the wire from it.
    assert 10 * 200 < many.graph - few.graph < 10 * 800
    assert size_of(2, argument="x" * 5_000).graph == few.graph
    assert size_of(2, text="x" * 5_000).graph >= few.graph + 10_000


def test_what_a_cluster_refuses_is_refused_with_what_to_do() -> None:
    fits = Size(tasks=3, specification=1, graph=128 * KIB, pod=128 * KIB, largest="gate", workflow=1024 * KIB)
    check_size(fits)
    changes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"graph": 128 * KIB + 1}, "the graph of tasks would be larger"),
        ({"pod": 128 * KIB + 1}, "what gate is given would be larger"),
        (
            {"workflow": 1024 * KIB + 1, "pod": 129 * KIB},
            "what gate is given and the workflow would be larger",
        ),
    )
    for change, what in changes:
        with pytest.raises(ConfigError, match=rf"^{what} .*divide the candidates among"):
            check_size(replace(fits, **change))
