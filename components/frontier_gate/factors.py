"""The hyper-parameters as columns of a linear model, and which of them cannot be told apart."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.verdicts import FrontierPoint

NOT_THERE = "none"
ARCHITECTURE = "architecture."
PRECISION = "precision"
TRAINING = "training steps"
# A hyper-parameter of more values was drawn from a range: values by themselves say nothing of it.
MOST_LEVELS = 50

logger = logging.getLogger("tinytrill.frontier_gate")

Values = npt.NDArray[np.float64]
Level = str | None


@dataclass(frozen=True)
class Term:
    """One value of a hyper-parameter, held against another: one column of the design.

    Attributes:
      factor: Name of the hyper-parameter.
      level: Its value; None: the student has no such parameter.
      against: The value it is compared with; None: no single one.
      confounded: Other hyper-parameters whose effects the column carries too.
    """

    factor: str
    level: Level
    against: Level
    confounded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Design:
    """A matrix of full column rank.

    Attributes:
      matrix: ``(points, 1 + terms)``, the first column all ones.
      terms: What the columns after the first mean.
    """

    matrix: Values
    terms: list[Term]


def design_of(
    points: Sequence[FrontierPoint],
    specs: Mapping[str, Mapping[str, Any]],
) -> Design:
    """The columns of all hyper-parameters that vary, without those that others determine.

    Before them stands, where it varies and is known of all, the logarithm to base 2 of the training steps
    behind the weights: a unit is twice the training.

    A column is left out if columns before it add up to it: two parameters that always change together, an
    architecture that alone has a kind of pooling. What the columns that stay then say is theirs *and* the
    absent one's, so the absent one's hyper-parameter is named in their ``confounded``. If the absent column
    is of the same hyper-parameter, it has become what they are compared with: ``against``.
    A hyper-parameter of more than ``MOST_LEVELS`` values is left out.
    A parameter that only some architectures have is compared among those; the others' column (the value
    None) is left out wherever the architecture's name, which stands first, determines it.
    """
    columns: list[tuple[Term, Values]] = []
    taken = [point.total_steps for point in points]
    if points and min(taken) > 0 and len(set(taken)) > 1:
        columns.append((Term(TRAINING, "twice as many", "as many"), np.log2(np.array(taken, float))))
    for factor, levels in _factors(points, specs):
        if len(set(levels)) > MOST_LEVELS:
            logger.debug("no effect of %s is reported: it has more than %d values", factor, MOST_LEVELS)
            continue
        reference, *others = _by_frequency(levels, [point.candidate_id for point in points])
        for level in others:
            column = np.array([has == level for has in levels], float)
            columns.append((Term(factor, level, reference), column))
    kept, left_out = _independent(len(points), columns)
    matrix = np.stack([np.ones(len(points)), *(column for _, column in kept)], axis=1)
    carried: list[list[tuple[Term, float]]] = [[] for _ in kept]
    for term, column in left_out:
        weights = np.linalg.lstsq(matrix, column, rcond=None)[0][1:]
        for place, weight in enumerate(weights):
            if abs(weight) > 1e-6 and term.level is not None:
                carried[place].append((term, float(weight)))
    return Design(matrix, [_with(term, more) for (term, _), more in zip(kept, carried, strict=True)])


def _factors(
    points: Sequence[FrontierPoint], specs: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, list[Level]]]:
    """Name and level by point of each hyper-parameter, precision last."""
    students = list(dict.fromkeys(point.candidate_id for point in points))
    missing = [student for student in students if student not in specs]
    if missing:
        raise ValueError(f"no parameters of {', '.join(missing)}; there are those of {', '.join(specs)}")
    of_student = {student: _qualified(specs[student], specs) for student in students}
    for name in dict.fromkeys(name for own in of_student.values() for name in own):
        yield name, [of_student[point.candidate_id].get(name) for point in points]
    yield PRECISION, [point.variant.removeprefix(f"{point.input}-") for point in points]


def _qualified(spec: Mapping[str, Any], specs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Levels by name; where architectures differ, ``architecture.width`` becomes ``resnet.width``.

    The widths of two architectures have only the word in common.
    """
    kind = f"{ARCHITECTURE}name"
    several = len({other.get(kind) for other in specs.values()}) > 1
    found = {}
    for name, value in spec.items():
        own = several and name.startswith(ARCHITECTURE) and name != kind
        found[f"{spec[kind]}.{name.removeprefix(ARCHITECTURE)}" if own else name] = _level(value, specs)
    return found


def _level(value: Any, specs: Mapping[str, Mapping[str, Any]]) -> str:
    return "another student" if value in specs else str(value)


def _by_frequency(levels: Sequence[Level], students: Sequence[str]) -> list[Level]:
    """The level that most students have, then the others in order; ties: the first in order.

    The absent level is not a level to be compared with, unless there is but one other.
    """
    count = Counter(level for level, _ in set(zip(levels, students, strict=True)))
    ordered = sorted(count, key=_order)
    first = min(ordered, key=lambda level: (level is None, -count[level]))
    return [first, *(level for level in ordered if level != first)]


def _order(level: Level) -> tuple[int, float, str]:
    """Numbers by size, then words, then the absent level."""
    if level is None:
        return 2, 0.0, ""
    try:
        return 0, float(level), ""
    except ValueError:
        return 1, 0.0, level


def _independent(
    rows: int, columns: Sequence[tuple[Term, Values]]
) -> tuple[list[tuple[Term, Values]], list[tuple[Term, Values]]]:
    """The columns that are not sums of those before them, and the rest (Gram and Schmidt, twice over)."""
    basis = np.full((rows, 1), rows**-0.5)
    kept, left_out = [], []
    for term, column in columns:
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if length > 1e-8 * np.linalg.norm(column):
            basis = np.column_stack([basis, rest / length])
            kept.append((term, column))
        else:
            left_out.append((term, column))
    return kept, left_out


def _with(term: Term, carried: Sequence[tuple[Term, float]]) -> Term:
    """A term that says what its column carries besides its own level."""
    own = [(other, weight) for other, weight in carried if other.factor == term.factor]
    others = dict.fromkeys(other.factor for other, _ in carried if other.factor != term.factor)
    against = term.against
    if own:
        (other, weight), *more = own
        against = other.level if not more and abs(weight + 1) < 1e-6 else None
    return Term(term.factor, term.level, against, tuple(others))
