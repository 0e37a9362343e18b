"""What goals are held against: figures of points, models, slices and champions, or why there are none."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.common.frontier.champions import Champion
from components.common.frontier.figures import Figure, of_point
from components.common.frontier.scales import NORMAL_95, Floats
from components.common.frontier.settings import CHAMPION, TEACHER, GateDemands, Goal
from components.common.statistics.bootstrap import wilson_95
from schemas.comparison_reports import NossComparison, PairedDifference
from schemas.noss_reports import NossModelResult, SliceFigure
from schemas.noss_tasks import SMALLER_IS_BETTER
from schemas.tensors import VariantInput
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import FrontierPoint


@dataclass(frozen=True)
class Compared:
    """What the comparison of all models says, by their names.

    Attributes:
      results: Of each model.
      pairs: Of a model and another one on the same clips.
      slices: By model, task, feature and value.
    """

    results: Mapping[str, NossModelResult] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], PairedDifference] = field(default_factory=dict)
    slices: Mapping[tuple[str, str, str, str], SliceFigure] = field(default_factory=dict)

    def apart(self, model: str, against: str, task: str) -> tuple[float, float] | None:
        """How far below and above a paired difference its 95 % interval reaches; None: it is not told."""
        pair = self.pairs.get((model, against))
        if pair is None or (task and task not in pair.tasks):
            return None
        value, low, high = pair.tasks[task] if task else (pair.difference, pair.low, pair.high)
        return max(value - low, 0.0), max(high - value, 0.0)


@dataclass(frozen=True)
class GoalReferences:
    """What goals are held against on one device.

    Attributes:
      teacher: Its result.
      baselines: Results of baselines and reference models, by name.
      points: This run's points on the device, by id.
      refused: Why the run's other variants are no points, by id; of a failed candidate by its id.
      champions: The registered champion of each input, where there is one, comparable or not.
      compared: What the comparison of this run's models says.
      draws: Bootstrap draws of the mean quality, of points and champions, by name.
      unread_baselines: Why reports of baselines or reference models could not be read.
    """

    teacher: NossModelResult
    baselines: Mapping[str, NossModelResult]
    points: Mapping[str, FrontierPoint]
    refused: Mapping[str, str]
    champions: Mapping[VariantInput, Champion]
    compared: Compared = field(default_factory=Compared)
    draws: Mapping[str, Floats] = field(default_factory=dict)
    unread_baselines: Sequence[str] = ()

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
            return goal.against, self.own(goal, other)
        candidate = goal.against.rpartition("/")[0]
        reason = self.refused.get(goal.against) or self.refused.get(candidate)
        if reason is None and self.unread_baselines:
            return goal.against, Figure(
                None, f"no result of {goal.against}: {'; '.join(self.unread_baselines)}"
            )
        return goal.against, Figure(None, f"{goal.against} was refused: {reason or 'it is not there'}")

    def own(self, goal: Goal, point: FrontierPoint) -> Figure:
        """The figure of a point of this run, or of a registered one."""
        if goal.slice:
            return self._of_slice(goal, point.point_id)
        result = self.compared.results.get(point.point_id)
        if result and goal.task in point.tasks:
            return self._of_model(goal, result)
        return of_point(goal, point)

    def itself(self, goal: Goal, point: FrontierPoint) -> bool:
        """Whether a point is compared with the very same measurement."""
        other = self.points.get(goal.against) if goal.kind != "threshold" else None
        return other is not None and (other.point_id, other.sha256) == (point.point_id, point.sha256)

    def below(self, goal: Goal, point: FrontierPoint) -> float | None:
        """How far the true lead of a point over what it is compared with may lie below the measured one.

        It is the lower half of a 95 % interval of the difference on the same clips; None where the two are
        not paired, and their own intervals have to tell.
        """
        if goal.slice or self.itself(goal, point):
            return None
        if goal.against == CHAMPION:
            return self._below_champion(goal, point)
        if goal.against == TEACHER and not goal.task:
            return max(point.teacher_difference - point.teacher_difference_low, 0.0)
        against = self.teacher.name if goal.against == TEACHER else goal.against
        if goal.against in self.points:
            return self._over_teacher(goal, point, against)
        apart = self.compared.apart(point.point_id, against, goal.task)
        return apart[0] if apart else None

    def _below_champion(self, goal: Goal, point: FrontierPoint) -> float | None:
        champion = self.champions.get(point.input)
        figures = champion.figures_for(point) if champion else None
        if champion is None or figures is None:
            return None
        if figures is champion.own:
            return self._over_teacher(goal, point, figures.point_id)
        mine, theirs = self.draws.get(point.point_id), self.draws.get(champion.name)
        if goal.task or mine is None or theirs is None or len(mine) != len(theirs):
            return None
        return NORMAL_95 * float(np.std(mine - theirs, ddof=1))

    def _over_teacher(self, goal: Goal, point: FrontierPoint, against: str) -> float | None:
        """Of two points of the run, by their differences from the teacher, in which the clips cancel."""
        mine, theirs = (
            self.compared.apart(name, self.teacher.name, goal.task) for name in (point.point_id, against)
        )
        return math.hypot(mine[0], theirs[1]) if mine and theirs else None

    def _of_champion(self, goal: Goal, champion: Champion, point: FrontierPoint) -> Figure:
        figures = champion.figures_for(point)
        if figures is None:
            return Figure(None, champion.why)
        if figures is champion.own:
            return self.own(goal, figures)
        if not goal.slice:
            return of_point(goal, figures)
        return Figure(None, f"slices of {champion.name} are not kept in the registry")

    def _of_model(self, goal: Goal, model: NossModelResult) -> Figure:
        if goal.slice:
            return self._of_slice(goal, model.name)
        if not goal.task:
            return Figure(model.mean, low=model.mean_low, high=model.mean_high)
        for task in model.tasks:
            if task.task == goal.task:
                below, above = task.value - task.low, task.high - task.value
                if task.metric in SMALLER_IS_BETTER:
                    below, above = above, below
                return Figure(task.score, low=task.score - below, high=task.score + above)
        return Figure(None, f"{model.name} has no score on {goal.task!r}")

    def _of_slice(self, goal: Goal, model: str) -> Figure:
        assert goal.slice is not None
        wanted = (goal.task, goal.slice.feature, goal.slice.value)
        found = self.compared.slices.get((model, *wanted))
        if found is not None:
            return Figure(found.accuracy, low=found.low, high=found.high)
        if model == self.teacher.name:
            # The teacher has no file and no evaluation of its own; its figure stands in the others'.
            for point in self.points:
                beside = self.compared.slices.get((point, *wanted))
                if beside is not None and beside.teacher is not None:
                    low, high = wilson_95(beside.teacher, beside.n)
                    return Figure(beside.teacher, low=low, high=high)
        return Figure(
            None,
            f"TFMA lists no such slice of {model}: it needs 'evaluation.tfma.results: all' and enough clips",
        )


def compared_of(comparison: NossComparison) -> Compared:
    """The comparison by the names of the models."""
    return Compared(
        {model.name: model for model in comparison.models},
        {
            (pair.model, pair.against): pair
            for pair in (*comparison.against_teacher, *comparison.against_baselines)
        },
        {
            (model.model, figure.task, figure.feature or "", figure.value): figure
            for model in comparison.slices
            for figure in model.tfma.slices
        },
    )


def check_names(
    settings: GateDemands,
    devices: Collection[str],
    teacher: NossModelResult,
    baselines: Collection[str],
    converted: Sequence[TfliteReport],
    unavailable: Collection[str],
    unread: Collection[str] = (),
    any_model: bool = False,
) -> None:
    """Makes sure that goals and axes name what there is.

    Args:
      settings: With the goals and axes.
      devices: That were measured.
      teacher: Its result, with the tasks that were evaluated.
      baselines: Names of baselines and reference models.
      converted: The converter's reports.
      unavailable: Tasks whose sound was not there.
      unread: Files and candidates of which a report could not be read.
      any_model: Whether a goal may be against a name that nothing here has, since a report of baselines could
        not be read; such a goal is not met.

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
                    f"{goal.metric} cannot be compared with {goal.against!r}: it has no latency or size; "
                    "accepted: metric 'quality', 'champion', or a point of the run"
                )
        elif not (
            any_model or goal.against in variants or {goal.against, candidate} & (candidates | {*unread})
        ):
            raise ValueError(
                f"goal against {goal.against!r}: there is no such model; there are "
                f"{', '.join((TEACHER, CHAMPION, *baselines, *variants))}"
            )
