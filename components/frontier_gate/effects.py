"""What each hyper-parameter does: main effects with intervals.

FRILL's blog post ends with words on which of its hyper-parameters mattered; this says it in figures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from components.common.frontier.axes import INPUT_KINDS
from components.common.frontier.scales import NORMAL_95
from components.frontier_gate.factors import NOT_THERE, Design, Term, Values, design_of
from schemas.tensors import VariantInput
from schemas.verdicts import Effect, EffectMetric, FrontierPoint

METRICS: tuple[EffectMetric, ...] = ("quality", "latency", "bytes")
DRAWS = 1000
LEVEL = 0.95

logger = logging.getLogger("tinytrill.frontier_gate")


class Estimates(NamedTuple):
    """Of all columns and metrics, ``(columns, metrics)``; an interval that cannot be had is NaN."""

    value: Values
    low: Values
    high: Values


def main_effects(
    points: Sequence[FrontierPoint],
    specs: Mapping[str, Mapping[str, Any]],
    draws: Mapping[str, Mapping[str, Values]] | None = None,
) -> list[Effect]:
    """The effect of each value of each hyper-parameter that varies, all others held fixed.

    Least squares of an additive model, for each kind of input: the score, the logarithm of the latency
    (over the reference model's; where none is measured, of the multiply-accumulates) and of the bytes, each
    as a sum over the hyper-parameters and the precision. Numbers are treated as categories. A value is
    compared with the one that most students have (ties: the first in order); see
    :func:`~components.frontier_gate.factors.design_of` for what is compared among one architecture's
    students only, and for hyper-parameters that cannot be told apart: of those the first is given, and names
    the others in ``confounded``; its effect is that of all of them.

    The intervals are of a bootstrap of students: to each student's fitted figures the deviations of a
    student drawn at random are added, those of all its files together, for the files of one student are
    alike. So every resample has all values, and a value that two students have can still be judged by how
    far students in general lie from the model. Deviations are widened for the parameters fitted, and the
    percentile interval by Student's t over the normal quantile (after Hesterberg, "What Teachers Should
    Know about the Bootstrap", 2015): without both, intervals of few students are too narrow. The test clips
    are a sample too: what the bootstrap of clips makes of an effect on quality is added, in variance.

    Students are seldom trained equally long, and longer training is better: the doubling of the training
    steps behind the weights is fitted along with the hyper-parameters.

    Left out, since no interval can be had: a value that one student alone has, and all hyper-parameters
    of students if there are no more students than parameters to fit.

    Args:
      points: Of one device.
      specs: By candidate id what ``StudentSpec.levels()`` says.
      draws: By point id the bootstrap draws of its quality, '' for the mean of all tasks.

    Raises:
      ValueError: If a candidate has no parameters.
    """
    found: list[Effect] = []
    for kind in INPUT_KINDS:
        of_kind = [point for point in points if point.input == kind]
        if of_kind:
            design = design_of(of_kind, specs)
            estimates = _with_clips(_estimate(of_kind, design), of_kind, design, draws or {})
            found += _effects(of_kind, kind, design, estimates)
    return found


def why_no_effects(
    points: Sequence[FrontierPoint],
    specs: Mapping[str, Mapping[str, Any]],
) -> str:
    """Why no effect of a hyper-parameter has an interval; empty if one may have."""
    counts = []
    for kind in INPUT_KINDS:
        of_kind = [point for point in points if point.input == kind]
        if of_kind:
            means = _means(of_kind, design_of(of_kind, specs))[0]
            counts.append((len(means), int(np.linalg.matrix_rank(means))))
    if not counts or any(students > rank for students, rank in counts):
        return ""
    students, rank = max(counts)
    return (
        f"no freedom left for students: there are {students}, and {rank} parameters to fit (the values of "
        "the hyper-parameters, the training steps and a constant)"
    )


def _with_clips(
    estimates: Estimates,
    points: Sequence[FrontierPoint],
    design: Design,
    draws: Mapping[str, Mapping[str, Values]],
) -> Estimates:
    """Intervals of quality, widened by what other test clips would have changed."""
    drawn = [draws.get(point.point_id, {}).get("") for point in points]
    known = [one for one in drawn if one is not None]
    if len(known) < len(points) or len({len(one) for one in known}) != 1:
        return estimates
    clips = NORMAL_95 * np.std(np.linalg.pinv(design.matrix) @ np.stack(known), axis=1, ddof=1)
    place = METRICS.index("quality")
    value, low, high = (values[:, place] for values in estimates)
    for ends, sign in ((estimates.low, -1), (estimates.high, 1)):
        ends[:, place] = value + sign * np.hypot((low if sign < 0 else high) - value, clips)
    return estimates


def _effects(
    points: Sequence[FrontierPoint], kind: VariantInput, design: Design, estimates: Estimates
) -> list[Effect]:
    found = []
    cost: EffectMetric = "mega_macs" if any(point.latency_ratio is None for point in points) else "latency"
    for place, metric in enumerate(METRICS):
        for column, term in enumerate(design.terms, start=1):
            has = [point for point, one in zip(points, design.matrix[:, column], strict=True) if one]
            students = len({point.candidate_id for point in has})
            figures = [float(values[column, place]) for values in estimates]
            reason = _no_interval(term, students, figures)
            if reason:
                if place == 0:
                    logger.debug("%s: no effect of %s = %s: %s", kind, term.factor, term.level, reason)
                continue
            value, low, high = figures if metric == "quality" else np.exp(figures)
            found.append(
                Effect(
                    metric=cost if metric == "latency" else metric,
                    input=kind,
                    factor=term.factor,
                    level=term.level or NOT_THERE,
                    against=str(term.against),
                    effect=value,
                    low=low,
                    high=high,
                    students=students,
                    points=len(has),
                    confounded=list(term.confounded),
                )
            )
    return found


def _no_interval(term: Term, students: int, figures: Sequence[float]) -> str:
    if students < 2:
        return "one student alone has it"
    if term.against is None:
        return "it is compared with several values at once"
    return "" if np.isfinite(figures).all() else "no more students than parameters to fit"


def _estimate(points: Sequence[FrontierPoint], design: Design) -> Estimates:
    """Least squares, and the bootstrap of students."""
    from scipy.special import ndtri, stdtrit

    figures = np.array([[p.quality, np.log(p.cost), np.log(p.bytes)] for p in points])
    inverse: Values = np.linalg.pinv(design.matrix).astype(np.float64)
    value = inverse @ figures
    means, membership, student = _means(points, design)
    students = len(means)
    spare = students - int(np.linalg.matrix_rank(means))
    of_student = (np.abs(design.matrix - means[student]) < 1e-9).all(axis=0)
    freedom = np.where(of_student, spare, students - 1)
    if not freedom.max():
        return Estimates(value, np.full_like(value, np.nan), np.full_like(value, np.nan))

    left = figures - design.matrix @ value
    typical = membership @ left
    left += typical[student] * (np.sqrt(students / max(spare, 1)) - 1)
    left += (left - (membership @ left)[student]) * (np.sqrt(students / (students - 1)) - 1)
    drawn = _draw(points, student, inverse, left)
    ends = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    widening = stdtrit(np.maximum(freedom, 1), (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2)
    ends *= np.where(freedom > 0, widening, np.nan)[:, None]
    return Estimates(value, value + ends[0], value + ends[1])


def _means(points: Sequence[FrontierPoint], design: Design) -> tuple[Values, Values, npt.NDArray[np.intp]]:
    """Rows of the design averaged by student, the matrix that averages, and each point's student."""
    students = {name: place for place, name in enumerate(dict.fromkeys(p.candidate_id for p in points))}
    student = np.array([students[point.candidate_id] for point in points])
    membership = np.equal.outer(np.arange(len(students)), student).astype(float)
    membership /= membership.sum(axis=1, keepdims=True)
    return membership @ design.matrix, membership, student


def _draw(
    points: Sequence[FrontierPoint], student: npt.NDArray[np.intp], inverse: Values, left: Values
) -> Values:
    """What other students' deviations ``left`` would have changed, ``(DRAWS, columns, metrics)``.

    A student's deviations come from one that has files of all its variants, at times itself.
    """
    variants = {name: place for place, name in enumerate(dict.fromkeys(p.variant for p in points))}
    variant = np.array([variants[point.variant] for point in points])
    count = student.max() + 1
    there = np.zeros((count, len(variants)), bool)
    there[student, variant] = True
    deviations = np.zeros((count, len(variants), left.shape[1]))
    deviations[student, variant] = left
    pull = np.zeros((count, len(variants), len(inverse)))
    pull[student, variant] = inverse.T

    random = np.random.default_rng(0)
    change = np.zeros((DRAWS, len(inverse), left.shape[1]))
    for place in range(count):
        donors = np.flatnonzero((there >= there[place]).all(axis=1))
        taken = deviations[random.choice(donors, DRAWS)]
        change += np.einsum("vc,dvm->dcm", pull[place], taken, optimize=True)
    return change
