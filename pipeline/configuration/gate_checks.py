"""Whether the gate's demands can be met at all: asked before a run, not after hours of training."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from components.common.frontier.goals import speaks_of_time
from components.common.frontier.settings import CHAMPION, OF_BOARD, TEACHER, TIMED, GateSettings
from components.latency_benchmark.settings import LatencySettings
from components.noss_evaluator.settings import NossEvaluatorSettings
from schemas.devices import HostDevice


def check_gate(
    gate: GateSettings,
    latency: LatencySettings,
    evaluation: NossEvaluatorSettings,
    tasks: Collection[str] | None,
    points: Collection[str],
) -> None:
    """Refuses demands on what is not there, and those that could never be met.

    Args:
      gate: The demands.
      latency: The devices.
      evaluation: Which models stand beside the students, and which slices are made.
      tasks: Names of the tasks; None if they are known only when the sound is looked for.
      points: All points that the run makes, as ``<candidate id>/<variant>``.

    Raises:
      ValueError: Listing each fault with its place and what is accepted, one a line.
    """
    faults = [
        *_unknown_devices(gate, latency),
        *(() if tasks is None else unknown_tasks(gate, tasks)),
        *_unknown_models(gate, evaluation, points),
        *_slices(gate, evaluation),
        *_times_of_a_host(gate, latency),
        *_figures_of_another_device(gate, latency),
    ]
    if faults:
        raise ValueError("\n  ".join(faults))


def _unknown_devices(gate: GateSettings, latency: LatencySettings) -> Iterator[str]:
    known = ", ".join(latency.devices)
    for index, goal in enumerate(gate.goals):
        for name in goal.devices:
            if name not in latency.devices:
                yield f"gate.goals.{index}.devices: {name!r} is none of latency.devices: {known}"


def unknown_tasks(gate: GateSettings, tasks: Collection[str], what: str = "the tasks") -> Iterator[str]:
    """Each demand on a task that is none of these, with its place; ``what`` they are, in words."""
    asked = {f"gate.required_tasks.{index}": name for index, name in enumerate(gate.required_tasks)}
    asked |= {f"gate.goals.{index}.task": goal.task for index, goal in enumerate(gate.goals)}
    asked |= {f"gate.axes.{index}.task": axis.task for index, axis in enumerate(gate.axes)}
    for place, name in asked.items():
        if name and name not in tasks:
            yield f"{place}: {name!r} is none of {what}: {', '.join(tasks)}"


def _unknown_models(
    gate: GateSettings, evaluation: NossEvaluatorSettings, points: Collection[str]
) -> Iterator[str]:
    beside = [*evaluation.baselines, *(reference.name for reference in evaluation.references)]
    for index, goal in enumerate(gate.goals):
        if goal.kind == "threshold" or goal.against in (TEACHER, CHAMPION, *points):
            continue
        if goal.against not in beside:
            yield (
                f"gate.goals.{index}.against: nothing is called {goal.against!r}; accepted: {TEACHER}, "
                f"{CHAMPION}, {', '.join((*beside, 'or <candidate id>/<variant>'))}"
            )
        elif goal.metric != "quality":
            yield (
                f"gate.goals.{index}: {goal.metric} against {goal.against!r} cannot be judged, since it has "
                "no latency or size; accepted: metric 'quality', the champion or a variant"
            )


def _slices(gate: GateSettings, evaluation: NossEvaluatorSettings) -> Iterator[str]:
    for index, goal in enumerate(gate.goals):
        if goal.slice and evaluation.tfma.results != "all":
            yield (
                f"gate.goals.{index}.slice: TFMA must cut every model's clips; set "
                f"evaluation.tfma.results to 'all' (it is {evaluation.tfma.results!r})"
            )


def _figures_of_another_device(gate: GateSettings, latency: LatencySettings) -> Iterator[str]:
    """A goal on what a device does not tell is met by no file of it, so its gate would always be closed."""
    for index, goal in enumerate(gate.goals):
        if goal.metric not in (*TIMED, *OF_BOARD):
            continue
        measures_time = goal.metric in TIMED
        judged = [name for name in latency.devices if not goal.devices or name in goal.devices]
        silent = [name for name in judged if measures_time != latency.devices[name].MEASURES_TIME]
        if silent:
            why = "measures no time" if measures_time else "is no board"
            yield (
                f"gate.goals.{index}: {goal.metric} cannot be told of {', '.join(silent)}, which {why}; name "
                "other devices in its 'devices'"
            )


def _times_of_a_host(gate: GateSettings, latency: LatencySettings) -> Iterator[str]:
    """A host's figures may not keep a budget, so the gate of such a device would always be closed."""
    if gate.host_may_bless:
        return
    hosts = [name for name, device in latency.devices.items() if isinstance(device, HostDevice)]
    for name in hosts:
        if latency.devices[name].budgets:
            yield (
                f"latency.devices.{name}.budgets: a host's figures cannot keep a device's budget; time on a "
                "device (backend adb), or set gate.host_may_bless to true"
            )
    for index, goal in enumerate(gate.goals):
        judged = [name for name in hosts if not goal.devices or name in goal.devices]
        if speaks_of_time(goal) and judged:
            yield (
                f"gate.goals.{index}: {goal.metric} on the host ({', '.join(judged)}) decides nothing; name "
                "other devices in its 'devices', limit latency_ratio, or set gate.host_may_bless to true"
            )
