"""What goals are held against: figures of points, models, slices and champions, or why there are none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from components.common.frontier.champions import Champion
from components.common.frontier.settings import CHAMPION, TEACHER, GateSettings, Goal, GoalMetric
from schemas.comparison_reports import NossComparison
from schemas.devices import Percentile
from schemas.noss_reports import NossModelResult, SliceFigure
from schemas.tensors import VariantInput
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import FrontierPoint

METRIC_NAMES: dict[GoalMetric, str] = {
    "quality": "quality",
    "latency": "latency",
    "latency_ratio": "latency ratio",
    "real_time_factor": "real-time factor",
    "init_ms": "init",
    "bytes": "file size",
    "peak_mib": "peak memory",
}


@dataclass(frozen=True)
class Figure:
    """A figure, or why there is none."""

    value: float | None
    why: str = ""


@dataclass(frozen=True)
class GoalReferences:
    """What goals are held against on one device.

    Attributes:
      teacher: Its result.
      baselines: Results of baselines and reference models, by name.
      points: This run's points on the device, by id.
      refused: Why the run's other variants are no points, by id; of a failed candidate by its id.
      champions: The registered champion of each input, where there is one, comparable or not.
      slices: By model, task, feature and value.
    """

    teacher: NossModelResult
    baselines: Mapping[str, NossModelResult]
    points: Mapping[str, FrontierPoint]
    refused: Mapping[str, str]
    champions: Mapping[VariantInput, Champion]
    slices: Mapping[tuple[str, str, str, str], SliceFigure] = field(default_factory=dict)

    def other(self, goal: Goal, point: FrontierPoint) -> tuple[str, Figure]:
        """Name and figure of what a point is compared with."""
        if goal.against == CHAMPION:
            champion = self.champions.get(point.input)
            if champion is None:
                return CHAMPION, Figure(None, "no champion is registered for this device and input")
            return champion.name, self._of_champion(goal, champion, point)
        if goal.against == TEACHER:
            return "the teacher", self._of_model(goal, self.teacher)
        if goal.against in self.baselines:
            return goal.against, self._of_model(goal, self.baselines[goal.against])
        if goal.against in self.points:
            other = self.points[goal.against]
            return goal.against, self._of_slice(goal, goal.against) if goal.slice else of_point(goal, other)
        candidate = goal.against.rpartition("/")[0]
        reason = self.refused.get(goal.against) or self.refused.get(candidate) or "it is not there"
        return goal.against, Figure(None, f"{goal.against} was refused: {reason}")

    def own(self, goal: Goal, point: FrontierPoint) -> Figure:
        """The figure of a point of this run, or of a registered one."""
        if goal.slice:
            return self._of_slice(goal, point.point_id)
        return of_point(goal, point)

    def _of_champion(self, goal: Goal, champion: Champion, point: FrontierPoint) -> Figure:
        figures = champion.figures_for(point)
        if figures is None:
            return Figure(None, champion.why)
        if not goal.slice:
            return of_point(goal, figures)
        if figures is champion.own:
            return self._of_slice(goal, figures.point_id)
        return Figure(None, f"slices of {champion.name} are not kept in the registry")

    def _of_model(self, goal: Goal, model: NossModelResult) -> Figure:
        if goal.slice:
            return self._of_slice(goal, model.name)
        if not goal.task:
            return Figure(model.mean)
        score = next((task.score for task in model.tasks if task.task == goal.task), None)
        return Figure(score, f"{model.name} has no score on {goal.task!r}")

    def _of_slice(self, goal: Goal, model: str) -> Figure:
        assert goal.slice is not None
        wanted = (goal.task, goal.slice.feature, goal.slice.value)
        found = self.slices.get((model, *wanted))
        if found is not None:
            return Figure(found.accuracy)
        if model == self.teacher.name:
            # The teacher has no file and no evaluation of its own; its figure stands in the others'.
            beside = (self.slices.get((point, *wanted)) for point in self.points)
            told = next((one.teacher for one in beside if one is not None and one.teacher is not None), None)
            if told is not None:
                return Figure(told)
        return Figure(
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
    unread: Collection[str] = (),
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
        candidate = goal.against.rpartition("/")[0]
        if goal.against in baselines:
            if goal.metric != "quality":
                raise ValueError(
                    f"{goal.metric} cannot be compared with {goal.against!r}: it is not timed or weighed; "
                    "accepted: metric 'quality', 'champion', or a point of the run"
                )
        elif goal.against not in variants and not {goal.against, candidate} & (candidates | {*unread}):
            raise ValueError(
                f"goal against {goal.against!r}: there is no such model; there are "
                f"{', '.join((TEACHER, CHAMPION, *baselines, *variants))}"
            )


def of_point(goal: Goal, point: FrontierPoint) -> Figure:
    """A figure that the point itself has."""
    if goal.metric == "latency":
        return milliseconds(point, goal.percentile)
    if goal.metric == "quality" and goal.task:
        return Figure(point.tasks.get(goal.task), f"no score on {goal.task!r}: its sound was not there")
    value: float | None = getattr(point, goal.metric)
    return Figure(value, f"the device does not tell {METRIC_NAMES[goal.metric]}")


def milliseconds(point: FrontierPoint, percentile: Percentile) -> Figure:
    """A latency by its name."""
    told: dict[Percentile, float | None] = {
        "p50": point.p50_ms,
        "p90": point.p90_ms,
        "p95": point.p95_ms,
        "p99": point.p99_ms,
        "mean": point.mean_ms,
    }
    there = ", ".join(name for name, value in told.items() if value is not None)
    return Figure(told[percentile], f"the device does not tell {percentile}; it tells {there or 'nothing'}")
