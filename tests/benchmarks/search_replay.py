"""Searches replayed on a table of trained cells: how much of the frontier each rule finds for its cost.

    python -m tests.benchmarks.search_replay TABLE --budget 0.1 [--quality explained]

``TABLE`` is what :mod:`tests.benchmarks.search_table` wrote. Each replay takes another part of the grid,
drawn by seed. Rules choose by what a search would know: short trainings, multiply-accumulates, and what
they have trained already. A frontier is chosen on validation and judged on test, that of the whole grid too.
Costs are shares of training every cell in full.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import optuna

from components.frontier_search.choice import Option, TooSmallBudget, choose, hypervolume

Quality = Literal["noss", "explained"]

# Of the cells of the table, in each replay; networks' first students are always there.
_PART = 0.75
# A short training, of a full one, with the screen of its network's students.
_SHORT = 0.12
# Optuna may ask for cells that it has; then for others, to this end.
_ASKS = 200


@dataclass(frozen=True)
class Score:
    """What a trained cell is worth.

    Attributes:
      validation: What frontiers are chosen by.
      test: What they are judged by.
    """

    validation: float
    test: float


@dataclass(frozen=True)
class Cell:
    """A trained candidate.

    Attributes:
      option: What a search knows of it; costs are shares of the grid.
      levels: Network, pooling, rank and quantisation.
      full: Trained from scratch.
      warm: Trained from its network's first student; that one's own if it is the first.
      latency: The logarithm of its milliseconds.
      share: Cost of training it from scratch.
    """

    option: Option
    levels: tuple[str, ...]
    full: Score
    warm: Score
    latency: float
    share: float


@dataclass(frozen=True)
class Found:
    """A cell that a rule trained, and how.

    Attributes:
      cell: Which one.
      score: What it came to.
    """

    cell: Cell
    score: Score


Rule = Callable[[Sequence[Cell], float, random.Random], list[Found]]


def searched(cells: Sequence[Cell], budget: float, _: random.Random) -> list[Found]:
    """The product's rule, after its short trainings; nothing if the budget does not reach both ends."""
    by_name = {cell.option.candidate_id: cell for cell in cells}
    try:
        chosen = choose([cell.option for cell in cells], budget - _short(cells))
    except TooSmallBudget:
        return []
    return [Found(by_name[one.candidate_id], by_name[one.candidate_id].warm) for one in chosen]


def at_random(cells: Sequence[Cell], budget: float, draw: random.Random) -> list[Found]:
    """Cells in random order, from scratch, as long as they can be paid for."""
    return _in_order(draw.sample(list(cells), len(cells)), budget)


def cheapest(cells: Sequence[Cell], budget: float, _: random.Random) -> list[Found]:
    """Fewest multiply-accumulates first, from scratch."""
    return _in_order(sorted(cells, key=lambda cell: cell.option.mega_macs), budget)


def networks_first(cells: Sequence[Cell], budget: float, draw: random.Random) -> list[Found]:
    """All networks in full, fewest multiply-accumulates first, and then other students of them at random."""
    firsts = sorted((cell for cell in cells if cell.option.is_first), key=lambda one: one.option.mega_macs)
    found = _in_order(firsts, budget)
    left = budget - sum(one.cell.share for one in found)
    had = {one.cell.option.candidate_id for one in found}
    for cell in draw.sample(list(cells), len(cells)):
        if not cell.option.is_first and cell.option.network in had and cell.option.cost <= left:
            left -= cell.option.cost
            found.append(Found(cell, cell.warm))
    return found


def best_after_short(cells: Sequence[Cell], budget: float, _: random.Random) -> list[Found]:
    """What promises most first, whatever it costs, after short trainings of every network."""
    order = sorted(cells, key=lambda cell: -(cell.option.expected or 0.0))
    return _in_order(order, budget - _short(cells))


def nondominated_after_short(cells: Sequence[Cell], budget: float, _: random.Random) -> list[Found]:
    """Pareto ranks by expectation and multiply-accumulates, rank by rank (successive halving's order)."""
    left, order = list(cells), []
    while left:
        front = [one for one in left if not any(_beats(other, one) for other in left)]
        order += sorted(front, key=lambda cell: cell.option.mega_macs)
        left = [one for one in left if one not in front]
    return _in_order(order, budget - _short(cells))


def optuna_tpe(cells: Sequence[Cell], budget: float, draw: random.Random) -> list[Found]:
    """Optuna's multi-objective TPE: cells from scratch, one after the other, each told before the next."""
    by_levels = {cell.levels: cell for cell in cells}
    choices = [sorted(set(values)) for values in zip(*by_levels, strict=True)]
    sampler = optuna.samplers.TPESampler(seed=draw.randrange(2**31), n_startup_trials=4)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    found: dict[tuple[str, ...], Found] = {}
    for _ in range(_ASKS):
        trial = study.ask()
        levels = tuple(trial.suggest_categorical(str(place), values) for place, values in enumerate(choices))
        cell = by_levels.get(levels)
        if cell is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        if levels not in found:
            if cell.share > budget:
                break
            budget -= cell.share
            found[levels] = Found(cell, cell.full)
        study.tell(trial, [found[levels].score.validation, cell.option.mega_macs])
    return list(found.values())


RULES: dict[str, Rule] = {
    "search": searched,
    "random": at_random,
    "fewest MACs": cheapest,
    "networks first": networks_first,
    "best after short training": best_after_short,
    "Pareto ranks after short training": nondominated_after_short,
    "Optuna, TPE": optuna_tpe,
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


def judge(cells: Sequence[Cell], found: Sequence[Found]) -> Judged:
    """Holds the frontier of what was found against that of all cells, trained from scratch.

    The reference point lies a tenth of the range below the worst cell and above the slowest one.
    """
    everything = [Found(cell, cell.full) for cell in cells]
    scores = [cell.full.test for cell in cells]
    floor = min(scores) - 0.1 * (max(scores) - min(scores))
    latencies = [cell.latency for cell in cells]
    ceiling = max(latencies) + 0.1 * (max(latencies) - min(latencies))
    wanted, had = _frontier(everything), _frontier(found)

    def area(of: Iterable[Found]) -> float:
        return hypervolume(((one.score.test, one.cell.latency) for one in of), floor, ceiling)

    def best(latency: float) -> float:
        return max((one.score.test for one in had if one.cell.latency <= latency), default=floor)

    names = {one.cell.option.candidate_id for one in had}
    return Judged(
        hypervolume=area(had) / area(wanted),
        loss=max(one.score.test - best(one.cell.latency) for one in wanted),
        recall=sum(one.cell.option.candidate_id in names for one in wanted) / len(wanted),
    )


def twins_exchanged(cells: Sequence[Cell]) -> Judged:
    """The whole grid with each score that of its twin, which differs in quantisation alone.

    In a float32 file the two differ by little more than their trainings do: what is as near to 1 as this
    cannot be told from luck.
    """
    by_levels = {cell.levels: cell for cell in cells}
    others = {levels[:-1]: [one for one in by_levels if one[:-1] == levels[:-1]] for levels in by_levels}
    exchanged = []
    for cell in cells:
        twin = next((one for one in others[cell.levels[:-1]] if one != cell.levels), cell.levels)
        exchanged.append(Found(cell, by_levels[twin].full))
    return judge(cells, exchanged)


@dataclass(frozen=True)
class Shares:
    """What trainings cost, as shares of a full one.

    Attributes:
      warm: From a trained network.
      fit: The fit to a trained network, which also ends a full training.
    """

    warm: float = 0.1
    fit: float = 0.11

    def of(self, first: bool, fitted: bool) -> float:
        """Of a cell that a search trains."""
        return (1.0 if first else 0.0 if fitted else self.warm) + self.fit


def read_cells(table: Path, shares: Shares, quality: Quality = "noss") -> dict[str, list[Cell]]:
    """The table's cells by seed.

    Args:
      table: CSV of :mod:`tests.benchmarks.search_table`.
      shares: What a search pays.
      quality: noss: the deciding tasks' mean; explained: share of the held-out targets' variance, which is
        validation and test alike.

    Raises:
      ValueError: If cells of the full schedule have no row of a short training to be expected from.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_schedule = {
        schedule: {(row["seed"], row["candidate"]): row for row in rows if row["schedule"] == schedule}
        for schedule in ("full", "warm", "short")
    }
    found: dict[str, list[Cell]] = {}
    for seed in dict.fromkeys(seed for seed, _ in by_schedule["full"]):
        own = [row for (of, _), row in by_schedule["full"].items() if of == seed]
        firsts = {row["trunk"]: row["candidate"] for row in own if _is_first(row)}
        found[seed] = []
        for row in own:
            key, first = (seed, row["candidate"]), firsts[row["trunk"]]
            if key not in by_schedule["short"]:
                raise ValueError(f"{table}: seed {seed} has no short row of {row['candidate']}")
            macs, is_first = float(row["mmacs"]), row["candidate"] == first
            fitted = row["qat"] == "none" and not is_first
            option = Option(
                row["candidate"],
                first,
                macs,
                float(by_schedule["short"][key]["expected"]),
                macs * shares.of(is_first, fitted),
                fitted,
            )
            from_first = row if is_first else by_schedule["warm"].get(key, row)
            levels = (row["trunk"], row["pooling"], row["rank"], row["qat"])
            scores = (_score(row, quality), _score(from_first, quality))
            found[seed].append(Cell(option, levels, *scores, math.log(float(row["p50_ms"])), macs))
    return found


def part_of(cells: Sequence[Cell], draw: random.Random) -> list[Cell]:
    """A part of a grid with all its networks, in random order; costs are shares of training this part."""
    others = [cell for cell in cells if not cell.option.is_first]
    kept = [cell for cell in cells if cell.option.is_first]
    kept += draw.sample(others, round(_PART * len(cells)) - len(kept))
    whole = sum(cell.share for cell in kept)
    return [
        replace(cell, share=cell.share / whole, option=replace(cell.option, cost=cell.option.cost / whole))
        for cell in draw.sample(kept, len(kept))
    ]


def replay(cells: Sequence[Cell], rule: Rule, budget: float, replays: int) -> list[Judged]:
    """A rule's outcomes over parts of the grid."""
    outcomes = []
    for seed in range(replays):
        draw = random.Random(seed)
        part = part_of(cells, draw)
        outcomes.append(judge(part, rule(part, budget, draw)))
    return outcomes


def main() -> None:
    """Prints a table of rules."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--budget", type=float, default=0.1)
    parser.add_argument("--warm", type=float, default=0.1, help="cost of warm trainings, of full ones")
    parser.add_argument("--fit", type=float, default=0.11, help="cost of a fit, of a full training")
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--quality", choices=("noss", "explained"), default="noss")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print("| rule | seed | hypervolume, median | 10th percentile | worst loss, median | recall |")
    print("|---|---|---|---|---|---|")
    for seed, cells in read_cells(options.table, Shares(options.warm, options.fit), options.quality).items():
        for name, rule in RULES.items():
            outcomes = replay(cells, rule, options.budget, options.replays)
            print(f"| {name} | {seed} | {' | '.join(figures(outcomes))} |")
        print(f"| every cell's twin | {seed} | {' | '.join(figures([twins_exchanged(cells)]))} |")


def figures(outcomes: Sequence[Judged]) -> list[str]:
    """A row of the table: median and tenth percentile of the hypervolume, loss, recall."""
    areas = sorted(one.hypervolume for one in outcomes)
    return [
        f"{statistics.median(areas):.3f}",
        f"{areas[len(areas) // 10]:.3f}",
        f"{statistics.median(one.loss for one in outcomes):.4f}",
        f"{statistics.fmean(one.recall for one in outcomes):.2f}",
    ]


def _short(cells: Sequence[Cell]) -> float:
    return _SHORT * sum(cell.share for cell in cells if cell.option.is_first)


def _in_order(cells: Sequence[Cell], budget: float) -> list[Found]:
    found = []
    for cell in cells:
        if cell.share <= budget:
            found.append(Found(cell, cell.full))
            budget -= cell.share
    return found


def _frontier(found: Sequence[Found]) -> list[Found]:
    """What nothing beats on validation."""
    return [one for one in found if not any(_better(other, one) for other in found)]


def _better(one: Found, other: Found) -> bool:
    mine, its = (one.score.validation, -one.cell.latency), (other.score.validation, -other.cell.latency)
    return mine != its and all(a >= b for a, b in zip(mine, its, strict=True))


def _beats(one: Cell, other: Cell) -> bool:
    mine, its = one.option, other.option
    as_good = (mine.expected or 0) >= (its.expected or 0) and mine.mega_macs <= its.mega_macs
    return as_good and (mine.expected, mine.mega_macs) != (its.expected, its.mega_macs)


def _score(row: Mapping[str, str], quality: Quality) -> Score:
    if quality == "explained":
        return Score(float(row["explained"]), float(row["explained"]))
    return Score(float(row["validation"]), float(row["test"]))


def _is_first(row: Mapping[str, str]) -> bool:
    return row["pooling"] == "gap" and row["rank"] == "0" and row["qat"] == "none"


if __name__ == "__main__":
    main()
