"""The staircase of a frontier: for the picture and for the page's charts."""

from __future__ import annotations

from collections.abc import Iterable

Spot = tuple[float, float]


def stairs(spots: Iterable[Spot]) -> list[Spot]:
    """The best that is to be had at a cost or below it, as corners from left to right.

    A spot that another one hides in these two figures alone, as within a tie, lies below the stairs.

    Args:
      spots: Cost, of which less is better, and what is better the larger it is.
    """
    corners: list[Spot] = []
    for cost, best in sorted(spots, key=lambda spot: (spot[0], -spot[1])):
        if not corners:
            corners.append((cost, best))
        elif best > corners[-1][1]:
            corners += [(cost, corners[-1][1]), (cost, best)]
    return corners
