"""Reads the short trainings, chooses, writes the decision."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from components.common.tfx.executors import TaskExecutor
from components.frontier_search.choice import Option, audited, choose
from components.frontier_search.component import FrontierSearch
from components.frontier_search.latency_screen import ruled_out
from components.frontier_search.settings import SearchSettings
from schemas.latency_reports import LatencyReport
from schemas.search_reports import CandidatePlace, SearchReport
from schemas.student_reports import Screen, ScreenedStudent, StudentInfo

log = logging.getLogger("tinytrill.frontier_search")

# What of the budget is kept for the audit.
_AUDIT_SHARE = 0.1


class Trainings(NamedTuple):
    """Lengths of trainings, in epochs.

    Attributes:
      full: From scratch.
      warm: From a trained network, of what has to learn more than a linear map.
    """

    full: int
    warm: int

    def of(self, student: ScreenedStudent, first: bool, screen: Screen) -> float:
        """Of a student, its fit counted.

        Args:
          student: The one that is trained.
          first: Whether it is its network's first one.
          screen: Of its network.
        """
        return (self.full if first else self.warm * student.learns) + screen.fit_epochs


class Executor(TaskExecutor[FrontierSearch]):
    """See :class:`components.frontier_search.component.FrontierSearch`."""

    def run(self, task: FrontierSearch) -> None:
        """Writes ``search.json``.

        Raises:
          UnreadableReport: If a short training's report cannot be read.
          TooSmallBudget: If the budget does not reach both ends of the frontier.
          ValueError: If every short training failed, or nothing can keep to the devices' budgets.
        """
        networks = [StudentInfo.load(network.uri) for network in task.networks]
        misses = ruled_out(
            {info.candidate_id: _screen(info) for info in networks},
            task.budgets,
            [LatencyReport.load(report.uri) for report in task.latency],
        )
        trainings = Trainings(task.epochs, task.warm_epochs)
        report = decide(networks, task.settings, trainings, task.seed, misses)
        report.save(task.decision.uri)
        if misses:
            log.info("%d candidates miss the budgets of every device, and are not trained", len(misses))
        trained = sum(one.chosen for one in report.candidates)
        log.info(
            "%d of %d candidates are trained, for %.1f %% of what all would take; budget %.1f %%",
            trained,
            len(report.candidates),
            100 * report.spent,
            100 * report.budget,
        )


def decide(
    networks: Sequence[StudentInfo],
    settings: SearchSettings,
    trainings: Trainings,
    seed: int,
    misses: Mapping[str, str] | None = None,
) -> SearchReport:
    """Chooses by the reports of short trainings.

    Args:
      networks: One report a network, with the screen of its students.
      settings: The budget.
      trainings: How long others take.
      seed: Of the audit.
      misses: Candidates that no device can take within its budgets, and why.

    Raises:
      TooSmallBudget: If the budget does not reach both ends of the frontier.
      ValueError: If every short training failed, or nothing can keep to the devices' budgets.
    """
    misses = misses or {}
    screens = {info.candidate_id: _screen(info) for info in networks}
    grid = trainings.full * sum(one.mega_macs for screen in screens.values() for one in screen.siblings)
    short = sum(screen.siblings[0].mega_macs * screen.epochs for screen in screens.values()) / grid
    options = [
        Option(
            candidate_id=one.candidate_id,
            network=network,
            mega_macs=one.mega_macs,
            expected=one.explained,
            cost=one.mega_macs * trainings.of(one, first=one.candidate_id == network, screen=screen) / grid,
            fitted=not one.learns,
        )
        for network, screen in screens.items()
        for one in screen.siblings
    ]
    # A network's first student is needed as long as one of the others may start from it.
    wanted = {one.network for one in options if one.candidate_id not in misses}
    possible = [
        one for one in options if one.candidate_id not in misses or (one.is_first and one.network in wanted)
    ]
    if not possible:
        least = min(options, key=lambda one: one.mega_macs).candidate_id
        raise ValueError(
            f"no candidate can keep to the budgets of any device: {least}, which computes least, "
            f"{misses[least]}; accepted: larger budgets, or smaller students"
        )
    left = settings.budget - short
    reserved = _AUDIT_SHARE * settings.budget if settings.audit else 0.0
    known = [one for one in possible if one.expected is not None]
    # Where everything can be paid for, there is nothing to choose and nothing to audit.
    pays_for_all = known and sum(one.cost for one in known) <= left
    chosen = {one.candidate_id for one in (known if pays_for_all else choose(possible, left - reserved))}
    spent = sum(one.cost for one in options if one.candidate_id in chosen)
    control = audited(possible, chosen, left - spent, seed) if settings.audit else None
    trained = chosen | ({control.candidate_id} if control else set())
    return SearchReport(
        budget=settings.budget,
        short=short,
        chosen=sum(one.cost for one in options if one.candidate_id in trained),
        audit=control.candidate_id if control else "",
        grid_giga_macs=grid / trainings.full / 1e3,
        candidates=[
            CandidatePlace(
                candidate_id=one.candidate_id,
                chosen=one.candidate_id in trained,
                why=_why(one, options, chosen, control, misses),
                fits=one.candidate_id not in misses,
                mega_macs=one.mega_macs,
                cost=one.cost,
                expected=one.expected,
            )
            for one in options
        ],
    )


def _screen(info: StudentInfo) -> Screen:
    if info.screen is None:
        raise ValueError(f"{info.candidate_id}: its short training did not judge its network's students")
    return info.screen


def _why(
    one: Option,
    options: Sequence[Option],
    chosen: set[str],
    control: Option | None,
    misses: Mapping[str, str],
) -> str:
    if why := misses.get(one.candidate_id):
        return why if one.candidate_id not in chosen else f"others start from it; itself, it {why}"
    if one.candidate_id in chosen:
        return "promises a place on the frontier, or costs little"
    if one is control:
        return "drawn for the audit"
    if one.expected is None:
        return "the short training of its network failed"
    better = [
        each
        for each in options
        if each.candidate_id in chosen
        and each.mega_macs <= one.mega_macs
        and (each.expected or 0.0) >= one.expected
    ]
    if better:
        first = max(better, key=lambda each: each.expected or 0.0)
        return (
            f"{first.candidate_id} promises as much ({first.expected:.3f} of the targets' variance, "
            f"{one.expected:.3f}) for {first.mega_macs:.3g} MMAC a window ({one.mega_macs:.3g})"
        )
    return (
        f"promises {one.expected:.3f} of the targets' variance for {one.mega_macs:.3g} MMAC a window, and "
        f"would take {100 * one.cost:.2g} % of the grid's training: others gain more for it"
    )
