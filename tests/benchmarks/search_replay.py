"""Searches replayed on a table of trained cells: how much of the frontier each rule finds for its cost.

    python -m tests.benchmarks.search_replay TABLE --budget 0.1

``TABLE`` is what :mod:`tests.benchmarks.search_table` wrote. Rules choose by what a search would know (short
trainings, multiply-accumulates); what they chose is judged by the full trainings' test scores. Costs are
shares of training every cell in full. The same grid trained with another seed is judged alike: a rule that is
as good cannot be told from luck.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.frontier_search.choice import Option, TooSmallBudget, choose, hypervolume


@dataclass(frozen=True)
class Cell:
    """A trained candidate.

    Attributes:
      option: What a search knows of it; costs are shares of the grid.
      quality: Its score on the tests, trained from scratch.
      warm: The same, trained from its network's first student; that one's own if it is the first.
      latency: The logarithm of its milliseconds.
      full: Cost of training it from scratch.
    """

    option: Option
    quality: float
    warm: float
    latency: float
    full: float


Rule = Callable[[Sequence[Cell], float, random.Random], list[str]]


def searched(cells: Sequence[Cell], budget: float, _: random.Random) -> list[str]:
    """The product's rule, after its short trainings."""
    try:
        return [one.candidate_id for one in choose([cell.option for cell in cells], budget - short(cells))]
    except TooSmallBudget:
        return []


def at_random(cells: Sequence[Cell], budget: float, draw: random.Random) -> list[str]:
    """Cells in random order, from scratch, as long as they can be paid for."""
    return _in_order(draw.sample(list(cells), len(cells)), budget)


def cheapest(cells: Sequence[Cell], budget: float, _: random.Random) -> list[str]:
    """Fewest multiply-accumulates first, from scratch."""
    return _in_order(sorted(cells, key=lambda cell: cell.option.mega_macs), budget)


def best_after_short(cells: Sequence[Cell], budget: float, _: random.Random) -> list[str]:
    """What promises most first, whatever it costs, after short trainings of every network."""
    order = sorted(cells, key=lambda cell: -(cell.option.expected or 0.0))
    return _in_order(order, budget - short(cells))


def nondominated_after_short(cells: Sequence[Cell], budget: float, _: random.Random) -> list[str]:
    """Pareto ranks by expectation and multiply-accumulates, rank by rank (successive halving's order)."""
    left, order = list(cells), []
    while left:
        front = [one for one in left if not any(_beats(other, one) for other in left)]
        order += sorted(front, key=lambda cell: cell.option.mega_macs)
        left = [one for one in left if one not in front]
    return _in_order(order, budget - short(cells))


RULES: dict[str, Rule] = {
    "search": searched,
    "random": at_random,
    "fewest MACs": cheapest,
    "best after short training": best_after_short,
    "Pareto ranks after short training": nondominated_after_short,
}


@dataclass(frozen=True)
class Judged:
    """What a set of cells is worth beside the whole grid.

    Attributes:
      hypervolume: Share of the grid's.
      loss: Worst loss of quality at any latency that the grid's frontier has.
      recall: Share of the grid's frontier that is in the set.
    """

    hypervolume: float
    loss: float
    recall: float


def judge(cells: Sequence[Cell], chosen: Sequence[str], warm: bool) -> Judged:
    """Holds chosen cells against all of the grid, trained from scratch.

    Args:
      cells: The grid.
      chosen: What a rule trains.
      warm: Whether the rule trains students from their networks.
    """
    floor = min(cell.quality for cell in cells)
    floor -= 0.1 * (max(cell.quality for cell in cells) - floor)
    ceiling = max(cell.latency for cell in cells) + 0.1
    frontier = [one for one in cells if not any(_better(other, one) for other in cells)]
    had = [cell for cell in cells if cell.option.candidate_id in set(chosen)]
    if warm:
        had = [replace(cell, quality=cell.warm) for cell in had]
    found = {cell.option.candidate_id for cell in had}

    def area(of: Sequence[Cell]) -> float:
        return hypervolume(((cell.quality, cell.latency) for cell in of), floor, ceiling)

    def best(of: Sequence[Cell], latency: float) -> float:
        return max((cell.quality for cell in of if cell.latency <= latency), default=floor)

    return Judged(
        hypervolume=area(had) / area(cells),
        loss=max(cell.quality - best(had, cell.latency) for cell in frontier),
        recall=sum(cell.option.candidate_id in found for cell in frontier) / len(frontier),
    )


def short(cells: Sequence[Cell]) -> float:
    """Cost of the short trainings: a tenth of each network's full one, and the screens."""
    return 0.12 * sum(cell.full for cell in cells if cell.option.is_first)


def read_cells(table: Path, warm: float) -> dict[str, list[Cell]]:
    """The table's cells by seed.

    Args:
      table: CSV of :mod:`tests.benchmarks.search_table`.
      warm: Length of a training from a trained network, as a share of a full one.

    Raises:
      ValueError: If cells of the full schedule have no row of a short training to be expected from.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = {
        (row["seed"], row["candidate"]): float(row["expected"]) for row in rows if row["schedule"] == "short"
    }
    warmed = {
        (row["seed"], row["candidate"]): float(row["test"]) for row in rows if row["schedule"] == "warm"
    }
    found: dict[str, list[Cell]] = {}
    full = [row for row in rows if row["schedule"] == "full"]
    for seed in dict.fromkeys(row["seed"] for row in full):
        own = [row for row in full if row["seed"] == seed]
        grid = sum(float(row["mmacs"]) for row in own)
        firsts = {row["trunk"]: row["candidate"] for row in own if _is_first(row)}
        cells = []
        for row in own:
            promised = expected.get((seed, row["candidate"]))
            if promised is None:
                raise ValueError(f"{table}: seed {seed} has no short row of {row['candidate']}")
            share, first = float(row["mmacs"]) / grid, firsts[row["trunk"]]
            cost = share * (1.0 if row["candidate"] == first else warm)
            option = Option(row["candidate"], first, float(row["mmacs"]), promised, cost)
            score = float(row["test"])
            own_score = score if row["candidate"] == first else warmed.get((seed, row["candidate"]), score)
            cells.append(Cell(option, score, own_score, math.log(float(row["p50_ms"])), share))
        found[seed] = cells
    return found


def replay(cells: Sequence[Cell], rule: Rule, budget: float, replays: int) -> list[Judged]:
    """A rule's outcomes over random orders of the cells."""
    outcomes = []
    for seed in range(replays):
        draw = random.Random(seed)
        shuffled = draw.sample(list(cells), len(cells))
        outcomes.append(judge(cells, rule(shuffled, budget, draw), warm=rule is searched))
    return outcomes


def main() -> None:
    """Prints a table of rules."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--budget", type=float, default=0.1)
    parser.add_argument("--warm", type=float, default=0.4, help="length of warm trainings, of full ones")
    parser.add_argument("--replays", type=int, default=200)
    options = parser.parse_args()
    print("| rule | seed | hypervolume, median | 10th percentile | worst loss, median | recall |")
    print("|---|---|---|---|---|---|")
    for seed, cells in read_cells(options.table, options.warm).items():
        for name, rule in RULES.items():
            outcomes = replay(cells, rule, options.budget, options.replays)
            print(f"| {name} | {seed} | {' | '.join(_figures(outcomes))} |")


def _figures(outcomes: Sequence[Judged]) -> list[str]:
    areas = sorted(one.hypervolume for one in outcomes)
    return [
        f"{statistics.median(areas):.3f}",
        f"{areas[len(areas) // 10]:.3f}",
        f"{statistics.median(one.loss for one in outcomes):.4f}",
        f"{statistics.fmean(one.recall for one in outcomes):.2f}",
    ]


def _in_order(cells: Sequence[Cell], budget: float) -> list[str]:
    chosen, spent = [], 0.0
    for cell in cells:
        if spent + cell.full <= budget:
            chosen.append(cell.option.candidate_id)
            spent += cell.full
    return chosen


def _beats(one: Cell, other: Cell) -> bool:
    mine, its = one.option, other.option
    as_good = (mine.expected or 0) >= (its.expected or 0) and mine.mega_macs <= its.mega_macs
    return as_good and (mine.expected, mine.mega_macs) != (its.expected, its.mega_macs)


def _better(one: Cell, other: Cell) -> bool:
    as_good = one.quality >= other.quality and one.latency <= other.latency
    return as_good and (one.quality, one.latency) != (other.quality, other.latency)


def _is_first(row: Mapping[str, str]) -> bool:
    return row["pooling"] == "gap" and row["rank"] == "0" and row["qat"] == "none"


if __name__ == "__main__":
    main()
