"""Groups of candidates, for large grids: what many made is handed on as few artifacts.

Kubeflow's driver writes a task's inputs into the command of its pod, and Linux takes 128 KiB an argument:
some 160 artifacts. The gate and its neighbours take three from each candidate. So a large grid is divided:
a group is a task of the root graph, its candidates are tasks within it, and its last task bundles what they
made. Groups differ in parameters only, so a workflow holds their graph once; the price is that candidates are
called by their places within it, and the group's parameters say who they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.common.tfx.input_keys import input_key
from pipeline.kubeflow.candidates import CANDIDATE, Candidate, values_of
from pipeline.kubeflow.containers import Command, Part, make_part
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings
from pipeline.kubeflow.specification import (
    GraphOutput,
    Wiring,
    constant,
    from_graph,
    from_task,
    graph_component,
    parameter_from_graph,
    task_specification,
)
from pipeline.kubeflow.tasks import Source

BUNDLE_NODE = "CandidateBundle"
BUNDLE_MODULE = "infra.kubeflow.bundle"
BUNDLE = "bundle"
BUNDLE_TYPE = "schemas.CandidateBundle"
FIRST = "first"


@dataclass(frozen=True)
class Group:
    """Candidates that are bundled together.

    Attributes:
      node_id: Of the task that stands for them.
      first: Number of the first among all candidates.
      candidate_ids: In their order.
    """

    node_id: str
    first: int
    candidate_ids: Sequence[str]


def divide(candidate_ids: Sequence[str], size: int) -> list[Group]:
    """Groups of ``size`` candidates; none, if at most twice as many are to be judged: they go without."""
    if len(candidate_ids) <= 2 * size:
        return []
    return [
        Group(
            f"Candidates.{start + 1:03d}-to-{min(start + size, len(candidate_ids)):03d}",
            start,
            candidate_ids[start : start + size],
        )
        for start in range(0, len(candidate_ids), size)
    ]


def place_name(place: int) -> str:
    """The name of a candidate's task within its group, by its place from 0."""
    return f"{CANDIDATE}-{place + 1:02d}"


def bundle_part(kubeflow: KubeflowSettings, candidate: Candidate, count: int, image: str) -> Part:
    """The task that bundles what ``count`` candidates made; the same for all groups of that many.

    Args:
      kubeflow: Settings of its pod.
      candidate: Any: what it hands on.
      count: Candidates of the group.
      image: Name of the input that names the container image.
    """
    return make_part(
        kubeflow,
        kubeflow.of(BUNDLE_NODE),
        Command(BUNDLE_MODULE, ("--task", "{{$}}", "--candidates", str(count))),
        inputs={
            input_key(key, place): kind
            for place in range(count)
            for key, (_, kind) in candidate.outputs.items()
        },
        outputs={BUNDLE: BUNDLE_TYPE},
        parameters={FIRST: "NUMBER_INTEGER", image: "STRING"},
    )


@dataclass(frozen=True)
class BundleTask:
    """The task of a group that bundles.

    Attributes:
      name: Of the task.
      component: Name of its component.
      image: Name of its input that names the container image.
      settings: What its pod gets.
      cache: Whether it may be answered from the cache.
    """

    name: str
    component: str
    image: str
    settings: TaskSettings
    cache: bool


@dataclass(frozen=True)
class GroupGraph:
    """A group as a graph.

    Attributes:
      component: ComponentSpec.
      sources: What its input artifacts are taken from, by name.
      values: Those of its input parameters that are known now.
    """

    component: Mapping[str, Any]
    sources: Mapping[str, Source]
    values: Mapping[str, Any]


def group_graph(
    group: Group,
    candidates: Sequence[Candidate],
    components: Mapping[str, str],
    graphs: Mapping[str, Mapping[str, Any]],
    bundle: BundleTask,
    lanes: int,
    exported: Callable[[str], Mapping[str, str]],
) -> GroupGraph:
    """Puts a group together.

    Args:
      group: Which.
      candidates: Its members.
      components: Component of each candidate, by id.
      graphs: Those components, by name.
      bundle: The task that bundles.
      lanes: Most candidates at the same time.
      exported: Outputs of a member that other groups take, output key by name; given its id.
    """
    own = {step.task.node_id: place for place, one in enumerate(candidates) for step in one.steps}
    tasks: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    types: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for place, candidate in enumerate(candidates):
        graph = graphs[components[candidate.candidate_id]]
        wired = {}
        for key, source in candidate.outside.items():
            if source.node_id in own:
                wired[key] = from_task(place_name(own[source.node_id]), source.key)
                continue
            name = _input_name(key, source, sources)
            sources[name], types[name] = source, candidate.outside_types[key]
            wired[key] = from_graph(name)
        label = place_name(place).replace("-", "_")
        # Nothing reads it but people.
        parameters[label], values[label] = {"parameterType": "STRING"}, constant(candidate.candidate_id)
        known = values_of(candidate, graph)
        given = {}
        for key, definition in graph["inputDefinitions"]["parameters"].items():
            name = f"{label}_{key}" if key in known else key
            parameters[name], given[key] = definition, parameter_from_graph(name)
            if key in known:
                values[name] = known[key]
        tasks[place_name(place)] = task_specification(
            place_name(place),
            components[candidate.candidate_id],
            Wiring(wired, given, frozenset({place_name(place - lanes)} if place >= lanes else ())),
        )
    collected = {
        input_key(key, place): from_task(place_name(place), key)
        for place, candidate in enumerate(candidates)
        for key in candidate.outputs
    }
    tasks[bundle.name] = task_specification(
        bundle.name,
        bundle.component,
        Wiring(
            collected, {FIRST: parameter_from_graph(FIRST), bundle.image: parameter_from_graph(bundle.image)}
        ),
        bundle.settings,
        bundle.cache,
    )
    parameters[FIRST], values[FIRST] = {"parameterType": "NUMBER_INTEGER"}, constant(group.first)
    outputs = {BUNDLE: GraphOutput(bundle.name, BUNDLE, BUNDLE_TYPE)}
    for place, candidate in enumerate(candidates):
        for name, key in exported(candidate.candidate_id).items():
            outputs[name] = GraphOutput(place_name(place), key, candidate.outputs[key][1])
    return GroupGraph(graph_component(tasks, types, parameters, outputs), sources, values)


def _input_name(wanted: str, source: Source, taken: Mapping[str, Source]) -> str:
    """A name for a source that no other source has."""
    names = (wanted, *(f"{wanted}_{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if taken.get(name, source) == source)
