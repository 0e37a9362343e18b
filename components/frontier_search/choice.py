"""The rule: which candidates promise the best frontier for a budget."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

# Below the worst expectation, as a share of the range: where the area under a frontier begins.
_FLOOR = 0.1
# Share of the targets' variance by which short trainings may underrate one form of a network beside another.
# Of 48 cells on real sound, flattened maps explained up to 0.02 more than pooled ones once their networks
# were trained out, where short trainings promised 0.004 less.
_UNDERRATED = 0.03


@dataclass(frozen=True)
class Option:
    """A candidate before it is trained.

    Attributes:
      candidate_id: Its name.
      network: Candidate id of its network's first student, which others start from.
      mega_macs: Multiply-accumulates of a window, in millions: what stands for latency.
      expected: What stands for quality, larger is better; None: its network's short training failed.
      cost: Of training it, in the budget's unit; of a first student in full, of another from that.
      fitted: Whether it comes of its trained network by a fit alone, for next to nothing.
    """

    candidate_id: str
    network: str
    mega_macs: float
    expected: float | None
    cost: float
    fitted: bool = False

    @property
    def is_first(self) -> bool:
        """Whether others of its network start from it."""
        return self.candidate_id == self.network


class TooSmallBudget(ValueError):
    """A budget that does not even reach both ends of the frontier."""


def choose(options: Sequence[Option], budget: float) -> list[Option]:
    """The candidates whose expected frontier is the largest, as far as that can be had greedily.

    First both ends: the network with the fewest multiply-accumulates, and the one that promises most. Then,
    one after the other, what adds most to the hypervolume (over the expectation and the logarithm of the
    multiply-accumulates) for what it costs; a student comes with its network's first one, which it starts
    from, and a network with all that is fitted to it, unless another form of it promises clearly more for
    less. What is left over is spent on candidates that add nothing by these two figures and may by others
    (quantised twins, sizes of files), the cheapest first.

    Args:
      options: All candidates.
      budget: What their trainings may cost together.

    Raises:
      TooSmallBudget: If not both ends can be had, naming what they cost.
      ValueError: If there is nothing to choose from.
    """
    known = [one for one in options if one.expected is not None]
    firsts = {one.network: one for one in known if one.is_first}
    known = [one for one in known if one.network in firsts]
    together = {name: _together(first, known) for name, first in firsts.items()}
    if not known:
        raise ValueError("no network's short training ended well: there is nothing to choose from")
    networks = _ends(together)
    ends = [firsts[name] for name in networks]
    cost = sum(one.cost for one in ends)
    if cost > budget:
        raise TooSmallBudget(
            f"{' and '.join(networks)}, both ends of the frontier, cost {cost:.2g} "
            f"together, but only {max(budget, 0):.2g} is left"
        )
    area = _Area(known)
    chosen = {one.candidate_id: one for one in ends}
    fitted = [one for name in networks for one in together[name] if one.fitted]
    _add_affordable(chosen, fitted, budget)
    while step := _best_step(known, together, chosen, area, budget - _cost(chosen)):
        chosen |= {one.candidate_id: one for one in step}
    _add_affordable(chosen, known, budget)
    return list(chosen.values())


def audited(options: Sequence[Option], chosen: Collection[str], budget: float, seed: int) -> Option | None:
    """A candidate that was not chosen, drawn among those that can be paid for; None if none can.

    Args:
      options: All candidates.
      chosen: Candidate ids of those that are trained anyway.
      budget: What is left for it.
      seed: Of the draw.
    """
    open_to_draw = [
        one
        for one in options
        if one.expected is not None
        and one.candidate_id not in chosen
        and one.cost <= budget
        and (one.is_first or one.network in chosen)
    ]
    return random.Random(seed).choice(open_to_draw) if open_to_draw else None


def hypervolume(points: Iterable[tuple[float, float]], floor: float, ceiling: float) -> float:
    """The area between a frontier and a reference point.

    Args:
      points: Quality, larger is better, and the logarithm of latency, smaller is better.
      floor: Quality of the reference point.
      ceiling: Its logarithm of latency.
    """
    area, reached = 0.0, floor
    inside = [(latency, quality) for quality, latency in points if latency < ceiling]
    for latency, quality in sorted(inside, key=lambda point: (point[0], -point[1])):
        if quality > reached:
            area += (quality - reached) * (ceiling - latency)
            reached = quality
    return area


class _Area:
    """The hypervolume that candidates promise, from a reference point that all of them beat."""

    def __init__(self, options: Sequence[Option]) -> None:
        promised = [one.expected or 0.0 for one in options]
        self._floor = min(promised) - _FLOOR * max(max(promised) - min(promised), 1e-9)
        macs = [math.log(one.mega_macs) for one in options]
        self._ceiling = max(macs) + _FLOOR * max(max(macs) - min(macs), 1e-9)

    def of(self, options: Iterable[Option]) -> float:
        points = ((one.expected or 0.0, math.log(one.mega_macs)) for one in options)
        return hypervolume(points, self._floor, self._ceiling)


def _together(first: Option, known: Sequence[Option]) -> list[Option]:
    """A network's first student and those that are fitted to it, but for what another one clearly beats."""
    siblings = [one for one in known if one.network == first.network and (one.fitted or one is first)]
    return [
        one
        for one in siblings
        if one is first
        or not any(
            other.mega_macs <= one.mega_macs and (other.expected or 0.0) > (one.expected or 0.0) + _UNDERRATED
            for other in siblings
        )
    ]


def _ends(together: Mapping[str, Sequence[Option]]) -> list[str]:
    """The network with the fewest multiply-accumulates, and the one that promises most."""
    cheapest = min(together, key=lambda name: together[name][0].mega_macs)
    best = max(together, key=lambda name: max(one.expected or 0.0 for one in together[name]))
    return list(dict.fromkeys((cheapest, best)))


def _best_step(
    known: Sequence[Option],
    together: Mapping[str, Sequence[Option]],
    chosen: dict[str, Option],
    area: _Area,
    left: float,
) -> list[Option]:
    """What adds most for its cost: a candidate and, if need be, its network; empty: nothing."""
    before = area.of(chosen.values())
    best: list[Option] = []
    worth = 0.0
    for one in known:
        if one.candidate_id in chosen:
            continue
        network = together[one.network]
        step = [each for each in dict.fromkeys((*network, one)) if each.candidate_id not in chosen]
        cost = sum(each.cost for each in step)
        gain = area.of([*chosen.values(), *step]) - before
        if cost <= left and gain > 1e-12 and gain / cost > worth:
            best, worth = step, gain / cost
    return best


def _add_affordable(chosen: dict[str, Option], wanted: Sequence[Option], budget: float) -> None:
    """Adds students of chosen networks as long as the budget reaches, the cheapest first."""
    for one in sorted(wanted, key=lambda each: each.cost):
        affordable = one.cost <= budget - _cost(chosen)
        if one.candidate_id not in chosen and one.network in chosen and affordable:
            chosen[one.candidate_id] = one


def _cost(chosen: dict[str, Option]) -> float:
    return sum(one.cost for one in chosen.values())
