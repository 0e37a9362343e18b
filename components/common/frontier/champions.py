"""The registered champion that goals are held against: absent is not the same as not comparable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.common.frontier.axes import INPUT_KINDS
from components.common.frontier.incumbents import Incumbent
from components.common.frontier.settings import CHAMPION
from components.common.tracking.registered import RegisteredVersion
from schemas.tensors import VariantInput
from schemas.verdicts import FrontierPoint


@dataclass(frozen=True)
class Champion:
    """A champion that is registered, whether or not its figures compare.

    Attributes:
      name: As in 'tinytrill-host v3 (champion)'.
      registered: Its figures in the registry; None: they are unknown, or do not compare.
      why: Why there are none to compare with; empty if there are.
      own: This run's point of the same file; None: the file is not of this run.
    """

    name: str
    registered: FrontierPoint | None
    why: str = ""
    own: FrontierPoint | None = None

    def figures_for(self, point: FrontierPoint) -> FrontierPoint | None:
        """What a point is held against; None: nothing compares, and no goal against the champion is met.

        Where the champion is a file of this run, this run's figures of it count, whatever the registry says.
        Only that file itself is held against its registered figures: against its own it would always keep up.
        """
        if self.own is not None and self.own.sha256 != point.sha256:
            return self.own
        return self.registered


def find_champions(
    registered: Sequence[RegisteredVersion], incumbents: Sequence[Incumbent], points: Sequence[FrontierPoint]
) -> dict[VariantInput, Champion]:
    """The champion of each input.

    A champion whose figures are unknown may be one of any input.

    Args:
      registered: All registered versions of the device.
      incumbents: Those with figures, with why they do not compare.
      points: This run's on the device.
    """
    known = {incumbent.name: incumbent for incumbent in incumbents}
    found: dict[VariantInput, Champion] = {}
    for version in registered:
        if CHAMPION not in version.aliases:
            continue
        inputs, champion = INPUT_KINDS, _unknown(version)
        if incumbent := known.get(version.name):
            inputs, champion = (incumbent.point.input,), _known(incumbent, points)
        for kind in inputs:
            found[kind] = _both(found[kind], champion) if kind in found else champion
    return found


def _unknown(version: RegisteredVersion) -> Champion:
    return Champion(version.name, None, f"the figures of {version.name} are unknown: {version.fault}")


def _known(incumbent: Incumbent, points: Sequence[FrontierPoint]) -> Champion:
    name, point = incumbent.name, incumbent.point
    own = next((one for one in points if (one.sha256, one.input) == (point.sha256, point.input)), None)
    if incumbent.incomparable:
        why = f"the figures of {name} do not compare: {incumbent.incomparable}"
        return Champion(name, None, why, own)
    return Champion(name, point, own=own)


def _both(one: Champion, other: Champion) -> Champion:
    names = f"{one.name} and {other.name}"
    return Champion(names, None, f"{names} are both champion")
