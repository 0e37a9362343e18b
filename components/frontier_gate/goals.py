"""Goals and budgets: what a point must keep to, whatever the others do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from components.frontier_gate.incumbents import Incumbent
from components.frontier_gate.settings import CHAMPION, TEACHER, GateSettings, Goal, GoalMetric
from schemas.devices import Budget, Percentile, VariantInput
from schemas.noss_reports import NossComparison, NossModelResult, SliceFigure
from schemas.reports import TfliteReport
from schemas.verdicts import FrontierPoint, GoalResult

# Goals that speak of time itself, not of a ratio to another model.
OF_TIME: tuple[GoalMetric, ...] = ("latency", "real_time_factor", "init_ms")

_NAMES: dict[GoalMetric, str] = {
    "quality": "quality",
    "latency": "latency",
    "latency_ratio": "latency ratio",
    "real_time_factor": "real-time factor",
    "init_ms": "init",
    "bytes": "file size",
    "peak_mib": "peak memory",
}
_UNITS: dict[GoalMetric, str] = {
    "quality": "",
    "latency": " ms",
    "latency_ratio": " x the reference network",
    "real_time_factor": "",
    "init_ms": " ms",
    "bytes": " bytes",
    "peak_mib": " MiB",
}
# Sums like 0.8 - 0.06 are not exact; a figure that close to its limit meets it.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Figure:
    """A figure, or why there is none."""

    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Yardsticks:
    """What goals are held against on one device.

    Attributes:
      teacher: Its result.
      baselines: Results of baselines and reference models, by name.
      points: This run's points on the device, by id.
      refused: Why the run's other variants are no points, by id; of a failed candidate by its id.
      champions: The registered champion of each input, where there is one.
      slices: By model, task, feature and value.
    """

    teacher: NossModelResult
    baselines: Mapping[str, NossModelResult]
    points: Mapping[str, FrontierPoint]
    refused: Mapping[str, str]
    champions: Mapping[VariantInput, Incumbent]
    slices: Mapping[tuple[str, str, str, str], SliceFigure] = field(default_factory=dict)

    def other(self, goal: Goal, point: FrontierPoint) -> tuple[str, _Figure]:
        """Name and figure of what a point is compared with."""
        if goal.against == CHAMPION:
            champion = self.champions.get(point.input)
            if champion is None:
                return CHAMPION, _Figure(None, "no champion is registered for this device and input")
            name = champion.reported().name
            if goal.slice:
                return name, _Figure(None, f"slices of {name} are not kept in the registry")
            return name, _of_point(goal, champion.point)
        if goal.against == TEACHER:
            return "the teacher", self._of_model(goal, self.teacher)
        if goal.against in self.baselines:
            return goal.against, self._of_model(goal, self.baselines[goal.against])
        if goal.against in self.points:
            other = self.points[goal.against]
            return goal.against, self._of_slice(goal, goal.against) if goal.slice else _of_point(goal, other)
        candidate = goal.against.rpartition("/")[0]
        reason = self.refused.get(goal.against) or self.refused.get(candidate) or "it is not there"
        return goal.against, _Figure(None, f"{goal.against} was refused: {reason}")

    def own(self, goal: Goal, point: FrontierPoint) -> _Figure:
        """The figure of a point of this run, or of a registered one."""
        if goal.slice:
            return self._of_slice(goal, point.point_id)
        return _of_point(goal, point)

    def _of_model(self, goal: Goal, model: NossModelResult) -> _Figure:
        if goal.slice:
            return self._of_slice(goal, model.name)
        if not goal.task:
            return _Figure(model.mean)
        score = next((task.score for task in model.tasks if task.task == goal.task), None)
        return _Figure(score, f"{model.name} has no score on {goal.task!r}")

    def _of_slice(self, goal: Goal, model: str) -> _Figure:
        assert goal.slice is not None
        wanted = (goal.task, goal.slice.feature, goal.slice.value)
        found = self.slices.get((model, *wanted))
        if found is not None:
            return _Figure(found.accuracy)
        if model == self.teacher.name:
            # The teacher has no file and no evaluation of its own; its figure stands in the others'.
            beside = (self.slices.get((point, *wanted)) for point in self.points)
            told = next((one.teacher for one in beside if one is not None and one.teacher is not None), None)
            if told is not None:
                return _Figure(told)
        return _Figure(
            None,
            f"TFMA lists no such slice of {model}: it needs 'evaluation.tfma.results: all' and enough clips",
        )


def slices_of(comparison: NossComparison) -> dict[tuple[str, str, str, str], SliceFigure]:
    """All slices, by model, task, feature and value."""
    return {
        (model.model, figure.task, figure.feature or "", figure.value): figure
        for model in comparison.slices
        for figure in model.tfma.slices
    }


def check_names(
    settings: GateSettings,
    devices: Collection[str],
    teacher: NossModelResult,
    baselines: Collection[str],
    converted: Sequence[TfliteReport],
    unavailable: Collection[str],
) -> None:
    """Makes sure that goals and axes name what there is.

    Raises:
      ValueError: Naming the device, task or model that is not there, and those that are.
    """
    tasks = [task.task for task in teacher.tasks]
    variants = [
        f"{report.candidate_id}/{variant.name}" for report in converted for variant in report.variants
    ]
    candidates = {report.candidate_id for report in converted}
    for device in (*settings.budgets, *(device for goal in settings.goals for device in goal.devices)):
        if device not in devices:
            raise ValueError(f"no device {device!r} was measured; there are {', '.join(devices)}")
    for axis in settings.axes:
        if axis.task and axis.task not in tasks:
            raise ValueError(
                f"axis of task {axis.task!r}: it was not evaluated; there are {', '.join(tasks)}"
            )
    for goal in settings.goals:
        if goal.task and goal.task not in tasks and goal.task not in unavailable:
            raise ValueError(
                f"goal on task {goal.task!r}: it was not evaluated; there are {', '.join(tasks)}"
            )
        if goal.kind == "threshold" or goal.against in (TEACHER, CHAMPION):
            continue
        if goal.against in baselines:
            if goal.metric != "quality":
                raise ValueError(
                    f"{goal.metric} cannot be compared with {goal.against!r}: it is not timed or weighed; "
                    "accepted: metric 'quality', 'champion', or a point of the run"
                )
        elif goal.against not in variants and goal.against.rpartition("/")[0] not in candidates:
            raise ValueError(
                f"goal against {goal.against!r}: there is no such model; there are "
                f"{', '.join((TEACHER, CHAMPION, *baselines, *variants))}"
            )


def applicable(goals: Sequence[Goal], device: str) -> list[Goal]:
    """The goals that judge points on a device."""
    return [goal for goal in goals if not goal.devices or device in goal.devices]


def of_time(goals: Sequence[Goal], budgets: Sequence[Budget]) -> list[str]:
    """The demands that only figures of a device can meet: limits in seconds, and budgets; in words."""
    limits = [
        f"{_limited(goal)} {_demand(goal)}" for goal in goals if goal.metric in OF_TIME and not goal.relative
    ]
    return [*limits, *(words for budget in budgets for words, _, _ in _limits(budget))]


def check_goals(
    point: FrontierPoint, goals: Sequence[Goal], budgets: Sequence[Budget], yardsticks: Yardsticks
) -> list[GoalResult]:
    """Holds one point against the goals and budgets for its input."""
    judged = [_check(point, goal, yardsticks) for goal in goals if goal.input in (None, point.input)]
    kept = [
        result
        for budget in budgets
        if budget.input in (None, point.input)
        for result in _check_budget(point, budget)
    ]
    return judged + kept


def _check(point: FrontierPoint, goal: Goal, yardsticks: Yardsticks) -> GoalResult:
    own = yardsticks.own(goal, point)
    scope = f" ({goal.input} only)" if goal.input else ""
    word = "at least" if goal.metric == "quality" else "at most"
    unit = _UNITS[goal.metric]
    if goal.kind == "threshold":
        limit: float | None = goal.limit
        words, note, excused = f"{_limited(goal)} {_demand(goal)}{scope}", "", False
    else:
        name, other = yardsticks.other(goal, point)
        limit = None if other.value is None else _limit(goal, other.value)
        words = f"{_limited(goal)} {_demand(goal)} that of {name}{scope}"
        note = "" if other.value is not None else other.why
        if other.value is not None and limit is not None:
            words += f": {word} {_number(limit)}{unit}, it has {_number(other.value)}"
        champion_missing = goal.against == CHAMPION and point.input not in yardsticks.champions
        excused = champion_missing and goal.without_champion == "pass"
    if own.value is None:
        return GoalResult(goal=words, value=None, limit=limit, met=False, note=own.why)
    met = excused or (limit is not None and _keeps(own.value, limit, goal.metric == "quality"))
    return GoalResult(goal=words, value=own.value, limit=limit, met=met, note=note)


def _check_budget(point: FrontierPoint, budget: Budget) -> list[GoalResult]:
    results = []
    for words, of_sound, limit in _limits(budget):
        told = _milliseconds(point, budget.percentile)
        value, why = told.value, told.why
        if of_sound and value is not None:
            sound = point.real_time_factor
            value = None if sound is None else sound * value / point.latency_ms
            why = "the measurement does not tell how much sound an invocation hears"
        met = value is not None and _keeps(value, limit, larger=False)
        note = why if value is None else ""
        results.append(GoalResult(goal=words, value=value, limit=limit, met=met, note=note))
    return results


def _limits(budget: Budget) -> list[tuple[str, bool, float]]:
    """What a budget limits: in words, whether per second of sound, and how far."""
    scope = f" ({budget.input} only)" if budget.input else ""
    found = []
    if budget.milliseconds is not None:
        words = f"budget: {budget.percentile} latency at most {budget.milliseconds:.12g} ms{scope}"
        found.append((words, False, budget.milliseconds))
    if budget.real_time_factor is not None:
        words = f"budget: {budget.percentile} real-time factor at most {budget.real_time_factor:.12g}{scope}"
        found.append((words, True, budget.real_time_factor))
    return found


def _of_point(goal: Goal, point: FrontierPoint) -> _Figure:
    """A figure that the point itself has."""
    if goal.metric == "latency":
        return _milliseconds(point, goal.percentile)
    if goal.metric == "quality" and goal.task:
        return _Figure(point.tasks.get(goal.task), f"no score on {goal.task!r}: its sound was not there")
    value: float | None = getattr(point, goal.metric)
    return _Figure(value, f"the device does not tell {_NAMES[goal.metric]}")


def _milliseconds(point: FrontierPoint, percentile: Percentile) -> _Figure:
    told: dict[Percentile, float | None] = {
        "p50": point.p50_ms,
        "p90": point.p90_ms,
        "p95": point.p95_ms,
        "p99": point.p99_ms,
        "mean": point.mean_ms,
    }
    there = ", ".join(name for name, value in told.items() if value is not None)
    return _Figure(told[percentile], f"the device does not tell {percentile}; it tells {there or 'nothing'}")


def _limit(goal: Goal, other: float) -> float:
    """The limit that a relation to another's figure comes to."""
    room = abs(other) * goal.limit if goal.relative else goal.limit
    better = goal.kind == "min_improvement"
    return other + room if better == (goal.metric == "quality") else other - room


def _keeps(value: float, limit: float, larger: bool) -> bool:
    slack = _ROUNDING * max(abs(limit), _ROUNDING)
    return value >= limit - slack if larger else value <= limit + slack


def _limited(goal: Goal) -> str:
    """What a goal limits, in words."""
    if goal.slice:
        return f"accuracy on {goal.task}, {goal.slice.feature} {goal.slice.value}"
    if goal.task:
        return f"{goal.task} score"
    return f"{goal.percentile} latency" if goal.metric == "latency" else _NAMES[goal.metric]


def _demand(goal: Goal) -> str:
    """How far the limit is, in words."""
    amount = f"{100 * goal.limit:.12g} %" if goal.relative else f"{goal.limit:,.12g}{_UNITS[goal.metric]}"
    if goal.kind == "threshold":
        return f"{'at least' if goal.metric == 'quality' else 'at most'} {amount}"
    return (
        f"at least {amount} better than" if goal.kind == "min_improvement" else f"at most {amount} worse than"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
