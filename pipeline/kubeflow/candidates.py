"""The candidates of a compiled pipeline: one task each in the root graph, three steps within it.

Candidates that differ in nothing but values share one graph: a grid of 144 is hardly larger than one of 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.kubeflow.containers import Part
from pipeline.kubeflow.names import task_name
from pipeline.kubeflow.specification import (
    GraphOutput,
    Specification,
    Wiring,
    constant,
    from_graph,
    from_task,
    graph_component,
    parameter_from_graph,
    task_specification,
)
from pipeline.kubeflow.tasks import Source, Task

CANDIDATE = "candidate"


@dataclass(frozen=True)
class Step:
    """A node of one candidate, with the component that executes it."""

    task: Task
    part: Part
    cache: bool


@dataclass(frozen=True)
class Candidate:
    """The nodes of one candidate, in their order.

    Attributes:
      candidate_id: As in the configuration.
      steps: Trainer, converter, evaluator.
    """

    candidate_id: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        """Refuses steps that call different things the same: the candidate's graph has one input a name.

        Raises:
          ValueError: With the step and the name.
        """
        own, outside = {step.task.node_id for step in self.steps}, self.outside
        for step in self.steps:
            for name, source in step.task.inputs.items():
                if source.node_id not in own and outside[name] != source:
                    raise ValueError(f"{step.task.node_id}: another step takes another {name!r}")

    @property
    def outputs(self) -> dict[str, tuple[str, str]]:
        """Step and type of each output, by its name: no two steps' outputs have the same."""
        return {
            key: (step.task.component, kind) for step in self.steps for key, kind in step.task.outputs.items()
        }

    @property
    def outside(self) -> dict[str, Source]:
        """What the steps take from other nodes, by the steps' own names for it."""
        own = {step.task.node_id for step in self.steps}
        return {
            name: source
            for step in self.steps
            for name, source in step.task.inputs.items()
            if source.node_id not in own
        }

    @property
    def outside_types(self) -> dict[str, str]:
        """Types of what :attr:`outside` names."""
        types = {name: kind for step in self.steps for name, kind in step.task.input_types.items()}
        return {name: types[name] for name in self.outside}


def candidate_node(candidate_id: str) -> str:
    """The node id that stands for a candidate as a whole."""
    return f"Candidate.{candidate_id}"


def add_candidates(specification: Specification, candidates: Sequence[Candidate]) -> dict[str, str]:
    """Adds the graphs; returns the component of each candidate, by its id."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(_shape(candidate), []).append(candidate)
    components: dict[str, str] = {}
    for group in groups.values():
        name = specification.add_graph(CANDIDATE, _graph(specification, group))
        components |= {candidate.candidate_id: name for candidate in group}
    return components


def values_of(candidate: Candidate, component: Mapping[str, Any]) -> dict[str, Any]:
    """Where a candidate's graph gets those parameters that are its own.

    Args:
      candidate: Which.
      component: Its graph.
    """
    wanted = component["inputDefinitions"].get("parameters", {})
    return {
        _lifted(step.task.component, name): constant(value)
        for step in candidate.steps
        for name, value in step.task.parameters.items()
        if _lifted(step.task.component, name) in wanted
    }


def _shape(candidate: Candidate) -> str:
    """Equal for candidates that differ in values only."""
    own = {step.task.node_id: step.task.component for step in candidate.steps}
    return repr(
        [
            (
                step.task.component,
                step.part,
                step.cache,
                sorted(step.task.digests.items()),
                sorted(step.task.parameters),
                sorted(
                    (name, own.get(source.node_id, ""), source.key)
                    for name, source in step.task.inputs.items()
                ),
            )
            for step in candidate.steps
        ]
    )


def _graph(specification: Specification, group: Sequence[Candidate]) -> dict[str, Any]:
    """The graph that a group of candidates shares: what differs among them comes in by parameters."""
    first = group[0]
    own = {step.task.node_id: step.task.component for step in first.steps}
    tasks, artifacts, parameters = {}, {}, {}
    for position, step in enumerate(first.steps):
        task = step.task
        inputs = {}
        for name, source in task.inputs.items():
            if source.node_id in own:
                inputs[name] = from_task(task_name(own[source.node_id]), source.key)
            else:
                inputs[name] = from_graph(name)
                artifacts[name] = task.input_types[name]
        given: dict[str, Any] = {}
        for name, value in task.parameters.items():
            if all(one.steps[position].task.parameters[name] == value for one in group):
                given[name] = constant(value)
            else:
                lifted = _lifted(task.component, name)
                given[name] = parameter_from_graph(lifted)
                parameters[lifted] = step.part.component["inputDefinitions"]["parameters"][name]
        for name, definition in step.part.component["inputDefinitions"]["parameters"].items():
            if name not in given:
                # What the run gives, and what its first task found out.
                given[name] = parameter_from_graph(name)
                parameters[name] = definition
        tasks[task_name(task.component)] = task_specification(
            task_name(task.component),
            specification.add_part(task_name(task.component), step.part),
            Wiring(inputs, given),
            step.part.settings,
            step.cache,
        )
    outputs = {
        key: GraphOutput(task_name(component), key, kind) for key, (component, kind) in first.outputs.items()
    }
    return graph_component(tasks, artifacts, parameters, outputs)


def _lifted(component: str, parameter: str) -> str:
    """Name of a graph's parameter that is one step's."""
    return f"{component}_{parameter}"
