"""Which file of a run to ship, in words: the same on the page, in the terminal and on the model's card.

The gate picks the file, where the draws of the same clips are at hand, and keeps it in the verdict; here is
what can be said of it. Nothing is picked here, so that no two readers are told of different files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from components.common.frontier.misses import nearest_first
from schemas.tensors import VariantInput
from schemas.verdicts import (
    Alternative,
    DeviceVerdict,
    FrontierPoint,
    Recommendation,
    ReferenceQuality,
    Verdict,
)

_SAME = 0.05
_LESS = {
    "the fastest": "is faster",
    "the cheapest to run": "is cheaper to run",
    "the smallest": "is smaller",
    "the least costly": "costs less",
}
_KINDS = {"teacher": "the teacher", "baseline": "the baseline", "reference": "the reference"}


@dataclass(frozen=True)
class Answer:
    """What to ship on a device, for one kind of input.

    Attributes:
      device: Its name in the configuration.
      input: What the file takes; None: no file may ship, or none is named.
      point: The file; None: see ``why``.
      ship: As in 'Ship small/wave-int8 on pixel'.
      why: The rest of the sentence.
      more: What else a reader wants to know before shipping it, a sentence each.
    """

    device: str
    input: VariantInput | None
    point: FrontierPoint | None
    ship: str
    why: str
    more: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The answer itself."""
        return f"{self.ship}: {self.why}"


def answers(verdict: Verdict) -> list[Answer]:
    """The answers of a run: device by device; of a device waveform files first."""
    return [answer for device in verdict.devices for answer in _on_device(verdict, device)]


def recommended_on(verdict: Verdict, point_id: str) -> list[str]:
    """The devices on which a file is the one to ship."""
    return [one.device for one in answers(verdict) if one.point and one.point.point_id == point_id]


def best_first(verdict: Verdict, points: Sequence[FrontierPoint]) -> list[FrontierPoint | ReferenceQuality]:
    """Files, and teacher, baselines and references among them: the best quality first."""
    rows: list[FrontierPoint | ReferenceQuality] = [*points, verdict.teacher, *verdict.baselines]
    return sorted(rows, key=lambda one: -one.quality)


def _on_device(verdict: Verdict, device: DeviceVerdict) -> list[Answer]:
    if device.closed or not device.blessed:
        reasons = "; ".join(device.closed) or "no file is blessed"
        return [Answer(device.device, None, None, f"Ship nothing on {device.device}", f"{reasons}.",
                       _closest(device))]  # fmt: skip
    if not device.recommendations:
        files = len(device.blessed)
        measured = {axis.metric for axis in device.axes}
        why = "the verdict recommends none of them."
        if measured and "quality" not in measured:
            why = "quality is not an axis of the comparison (gate.axes), so that none is the best."
        ship = f"{files} file{'s' if files > 1 else ''} may ship on {device.device}"
        return [Answer(device.device, None, None, ship, why)]
    found = [_recommended(verdict, device, one) for one in device.recommendations]
    best = max(point.quality for point in device.blessed)
    if not any(point.goals for point in device.blessed):
        found[-1].more.append(f"Neither budget nor goal was set for {device.device}.")
    above = [one for one in (verdict.teacher, *verdict.baselines) if one.quality > best]
    if above and not any(one.task for one in device.recommendations):
        found[-1].more.append(f"Nothing on {device.device} reached {_listed(above)}.")
    return found


def _recommended(verdict: Verdict, device: DeviceVerdict, one: Recommendation) -> Answer:
    points = {point.point_id: point for point in device.points}
    chosen, best = points[one.point_id], points[one.best]
    ship = f"Ship {one.point_id} on {device.device}"
    if one.input == "core":
        ship = f"If your app computes the log-mels itself, ship {one.point_id} on {device.device}"
    score, best_score = (point.tasks.get(one.task, point.quality) for point in (chosen, best))
    on = f" on {one.task}" if one.task else ""
    within = f"{on} within {_all_of(one.within)}" if one.within else on
    tied = [points[name] for name in one.tied]
    others = len(tied) - 1
    if one.best != one.point_id:
        why = f"{_cheapest(chosen, tied)} of {len(tied)} files{within} whose quality cannot be told apart"
    elif others > 0:
        costs_less = _LESS[_cheapest(chosen, tied)]
        why = f"the best quality{within}; {others} more cannot be told apart from it, and none {costs_less}"
    else:
        why = f"the best quality{within}"
    if not tied:  # a verdict of before ties were kept
        why = f"recommended{within}"
    told = f"score {score:.3f}" + (f", mean of all tasks {chosen.quality:.3f}" if on else "")
    why += f"; {told} (teacher {verdict.teacher.quality:.3f})"
    why += f", {_cost(chosen)}, {_mib(chosen.bytes)} MiB."
    more = []
    if one.best != one.point_id:
        more.append(
            f"{one.best} scores {best_score:.3f}, {best_score - score:+.3f}, at "
            f"{_all_of(_compared(best, chosen))}: on these test clips that may be luck."
        )
    more += [_alternative(other, score) for other in one.alternatives if other.point_id != one.best]
    return Answer(device.device, one.input, chosen, ship, why, more)


def _cheapest(chosen: FrontierPoint, tied: Sequence[FrontierPoint]) -> str:
    """What a file has most of among those of equal quality."""
    if all(chosen.cost <= other.cost for other in tied):
        return "the cheapest to run" if chosen.latency_ms is None else "the fastest"
    return "the smallest" if all(chosen.bytes <= other.bytes for other in tied) else "the least costly"


def _alternative(other: Alternative, score: float) -> str:
    """As in 'tiny/wave-int8 has 49% of the size and 80% of the latency for 0.011 (1.5%) less quality'."""
    lost = -other.quality_difference
    shares = {
        "size": other.bytes_share,
        "latency": other.latency_share,
        "multiply-accumulates": other.mega_macs_share,
        "arena": other.arena_share,
    }
    costs = [f"{share:.0%} of the {cost}" for cost, share in shares.items() if share is not None]
    words = f"{other.point_id} has {_all_of(costs)}"
    if lost <= 0:
        return f"{words}, at {other.quality_difference:+.3f} of quality."
    share = f" ({lost / score:.1%})" if score > 0 else ""
    doubt = "" if other.separated else ", which these test clips cannot tell from none"
    return f"{words} for {lost:.3f}{share} less quality{doubt}."


def _closest(device: DeviceVerdict) -> list[str]:
    """What came closest to the goals, where goals are why nothing may ship."""
    missed = {point.point_id: [goal for goal in point.goals if not goal.met] for point in device.points}
    judged = [point for point in device.points if missed[point.point_id]]
    if not judged or any(point.goals_met for point in device.points):
        return []
    # The first that the gate's own reason names; where no figure tells how far off they are, by their number.
    near = [miss.point for miss in nearest_first(judged)]
    fewest = min(judged, key=lambda point: (len(missed[point.point_id]), -point.quality, point.cost))
    nearest = near[0] if near else fewest
    goals = missed[nearest.point_id]
    told = "; ".join(
        f"{goal.goal} ({goal.outcome}{f', it has {goal.value:.4g}' if goal.value is not None else ''})"
        for goal in goals
    )
    which = f"{len(goals)} of {len(nearest.goals)} goals" if len(nearest.goals) > 1 else "the goal"
    return [f"Closest is {nearest.point_id}, which does not meet {which}: {told}."]


def _listed(above: Sequence[ReferenceQuality]) -> str:
    """As in 'the teacher (0.800) or the baseline logmel (0.573)', best first."""
    ordered = sorted(above, key=lambda one: -one.quality)
    words = [
        f"{_KINDS[one.kind]}{'' if one.kind == 'teacher' else f' {one.model}'} ({one.quality:.3f})"
        for one in ordered
    ]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _cost(point: FrontierPoint) -> str:
    """As in '5.00 ms', or what stands for it on a board that is not timed."""
    return point.cost_words if point.latency_ms is None else f"{_ms(point.latency_ms)} ms"


def _compared(one: FrontierPoint, other: FrontierPoint) -> list[str]:
    """What a file costs, held against another of the same device, which have the same figures."""
    costs = {
        "latency": (one.latency_ratio, other.latency_ratio),
        "multiply-accumulates": (one.mega_macs, other.mega_macs),
        "arena": (one.arena_kib, other.arena_kib),
        "size": (float(one.bytes), float(other.bytes)),
    }
    return [
        f"{_times(mine, theirs)} {cost}"
        for cost, (mine, theirs) in costs.items()
        if mine is not None and theirs is not None
    ]


def _all_of(words: Sequence[str]) -> str:
    """As in 'one, two and three'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _times(one: float, other: float) -> str:
    """As in '1.9 times the', or 'the same' within what an axis calls no difference."""
    return "the same" if abs(one / other - 1) <= _SAME else f"{one / other:.2g} times the"


def _ms(value: float) -> str:
    return f"{value:#.3g}" if value < 100 else f"{value:.0f}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.2f}"
