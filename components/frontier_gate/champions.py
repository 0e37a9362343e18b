"""The registered champion that goals are held against: absent is not the same as not comparable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.frontier_gate.axes import INPUT_KINDS
from components.frontier_gate.incumbents import Incumbent
from components.frontier_gate.settings import CHAMPION
from components.tracking.registered import RegisteredVersion
from schemas.tensors import VariantInput
from schemas.verdicts import FrontierPoint


@dataclass(frozen=True)
class Champion:
    """A champion that is registered, whether or not its figures compare.

    Attributes:
      name: As in 'tinytrill-host v3 (champion)'.
      point: Its figures; None: there are none to compare with, and no goal against it is met.
      why: Why there are none; empty if there are.
      own: Whether it is a file of this run, and the figures are this run's.
    """

    name: str
    point: FrontierPoint | None
    why: str = ""
    own: bool = False


def find_champions(
    registered: Sequence[RegisteredVersion], incumbents: Sequence[Incumbent], points: Sequence[FrontierPoint]
) -> dict[VariantInput, Champion]:
    """The champion of each input.

    A champion whose figures are not known may be one of either input. Where the champion is a file of this
    run, this run's figures of it count, whatever its standing says.

    Args:
      registered: All registered versions of the device.
      incumbents: Those with figures, with why they do not compare.
      points: This run's on the device.
    """
    reasons = {incumbent.name: incumbent.reason for incumbent in incumbents}
    own = {point.sha256: point for point in reversed(points)}
    found: dict[VariantInput, Champion] = {}
    for version in registered:
        if CHAMPION not in version.aliases:
            continue
        if version.standing is None:
            champion = Champion(
                version.name, None, f"the figures of {version.name} are not known: {version.fault}"
            )
            inputs = INPUT_KINDS
        else:
            champion = _known(
                version.name, version.standing.point, own, reasons.get(version.name, "it was not judged")
            )
            inputs = ((champion.point or version.standing.point).input,)
        for kind in inputs:
            found[kind] = _both(found[kind], champion) if kind in found else champion
    return found


def _known(name: str, point: FrontierPoint, own: dict[str, FrontierPoint], reason: str) -> Champion:
    if point.sha256 in own:
        return Champion(name, own[point.sha256], own=True)
    if reason:
        return Champion(name, None, f"the figures of {name} do not compare: {reason}")
    return Champion(name, point)


def _both(one: Champion, other: Champion) -> Champion:
    names = f"{one.name} and {other.name}"
    return Champion(names, None, f"{names} are both champion")
