"""Promotion and rollback: check, show, ask, then change the champion."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components.frontier_gate.settings import GateSettings
from components.tflite_converter.settings import ConverterSettings
from components.tracking import ledger
from components.tracking.ledger import Action, Entry
from components.tracking.registered import RegisteredVersion
from pipeline.config_file import ConfigError
from pipeline.promotion.champion import State, before_champion, champions, change, look, reconcile
from pipeline.promotion.checked import Checked, Failed, Refused, Waivable, refuse_failed
from pipeline.promotion.dominance import as_incumbent, check_dominance
from pipeline.promotion.evidence import Evidence, gather, standing_of
from pipeline.promotion.goals import check_demands
from pipeline.promotion.parity import check_parity
from pipeline.promotion.policy import Policy, policy_of_config, policy_of_run
from pipeline.promotion.table import Row, rows
from pipeline.registry.versions import find_model, find_version
from schemas.verdicts import Standing

MOST_WHY = 1000
_MOST_WORDS = 300


@dataclass(frozen=True)
class Proposal:
    """What is asked before the champion changes.

    Attributes:
      name: Of the registered model.
      champion: The present one; empty: none.
      version: To become champion.
      policy: That it was checked by.
      checks: What they found.
      waived: Those that failed and were waived.
      rows: Both, figure by figure.
    """

    name: str
    champion: str
    version: str
    policy: Policy
    checks: list[Checked]
    waived: list[str]
    rows: list[Row]


class Person(Protocol):
    """Who wants the champion to change."""

    def tell(self, words: str) -> None:
        """Hears what was found amiss with ledger and aliases."""

    def agrees(self, proposal: Proposal) -> bool:
        """Sees everything; whether to go on."""


@dataclass(frozen=True)
class Promotion:
    """What is wanted.

    Attributes:
      name: Of the registered model.
      version: Its number, or ``@alias``.
      config: Today's policy: a YAML file or the name of a ready configuration; empty: that of the run.
      overrides: ``key.path=value`` strings.
      why: For the ledger.
      waive: Checks that may fail.
    """

    name: str
    version: str
    config: str = ""
    overrides: Sequence[str] = ()
    why: str = ""
    waive: Sequence[Waivable] = ()


def promote(client: Any, wanted: Promotion, person: Person) -> Entry | None:
    """Makes a version champion, if it passes every check and the person agrees.

    Args:
      client: MLflow's.
      wanted: What is wanted.
      person: Who is asked.

    Returns:
      The ledger's entry; None if the version is champion already.

    Raises:
      Refused: If a check failed, nobody agreed, the version was deleted meanwhile, or somebody else was
        first.
      ConfigError: If there is no such version, or no policy.
      TrackingFault: If MLflow does not do what it is asked.
    """
    _check_why(wanted.why)
    if wanted.overrides and not wanted.config:
        raise ConfigError("--set changes what --config says; accepted: both, or neither")
    state = _begin(client, wanted.name, person)
    version = find_version(client, _address(wanted.name, wanted.version))
    number = str(version.version)
    if number == state.champion == state.recorded:
        return None
    what = f"{wanted.name} version {number} is not promoted"
    champion = _champion(client, wanted.name, state)
    with tempfile.TemporaryDirectory() as folder:
        evidence, checks = _gather(client, version, Path(folder), what)
        policy, judged_by = _policies(evidence, wanted)
        incumbent = as_incumbent(evidence, champion, policy.gate) if champion else None
        checks += [
            check_demands(evidence, policy.gate, incumbent),
            check_parity(evidence.folder, evidence.description, policy.conversion),
            _no_figures(state)
            if state.champion and not incumbent
            else check_dominance(evidence, policy.gate, judged_by.gate if judged_by else None, incumbent),
        ]
    waived = refuse_failed(checks, wanted.waive, what)
    table = rows(champion.standing.point if champion else None, evidence.point)
    proposal = Proposal(wanted.name, state.champion, number, policy, checks, waived, table)
    return _change(client, state, proposal, person, "promote", wanted.why)


def rollback(client: Any, name: str, why: str, person: Person) -> Entry:
    """Makes the champion before the present one champion again.

    The ledger is a stack: the next rollback goes one further back. Files and parity are checked, by the
    floors of the run that made the version, or by the default ones if its configuration cannot be read.

    Args:
      client: MLflow's.
      name: Of the registered model.
      why: For the ledger.
      person: Who is asked.

    Raises:
      Refused: If there is nothing to go back to, the champion was changed by hand, a check failed, nobody
        agreed, or somebody else was first.
      TrackingFault: If MLflow does not do what it is asked.
    """
    _check_why(why)
    state = _begin(client, name, person)
    if state.changed_outside:
        raise Refused(
            f"{state.changed_outside}; a rollback goes by the ledger. Accepted: promote {name} VERSION, "
            "which writes down who is champion"
        )
    number = before_champion(state.entries, state.versions)
    if not number:
        gone = [one for one in champions(state.entries)[:-1] if one not in state.versions]
        deleted = f" (deleted since: version {', '.join(gone)})" if gone else ""
        raise Refused(f"{name} has no champion before the present one{deleted}")
    what = f"{name} is not rolled back to version {number}"
    version = find_version(client, f"{name}/{number}")
    with tempfile.TemporaryDirectory() as folder:
        evidence, checks = _gather(client, version, Path(folder), what)
        policy = _floors(evidence, person)
        checks.append(check_parity(evidence.folder, evidence.description, policy.conversion))
    refuse_failed(checks, (), what)
    champion = _champion(client, name, state)
    table = rows(champion.standing.point if champion else None, evidence.point)
    proposal = Proposal(name, state.champion, number, policy, checks, [], table)
    return _change(client, state, proposal, person, "rollback", why)


def _begin(client: Any, name: str, person: Person) -> State:
    """Finishes what was interrupted, and tells what is amiss."""
    find_model(client, name)
    state = reconcile(client, name)
    for words in state.warnings:
        person.tell(words)
    return state


def _gather(client: Any, version: Any, folder: Path, what: str) -> tuple[Evidence, list[Checked]]:
    try:
        return gather(client, version, folder)
    except Failed as failed:
        checked = failed.checked
    raise Refused(f"{what}:\n  {checked.name}: {checked.words}")


def _policies(evidence: Evidence, wanted: Promotion) -> tuple[Policy, Policy | None]:
    """Today's policy, and that of the run if it can be read."""
    if not wanted.config:
        of_run = policy_of_run(evidence.config_json, evidence.run_id)
        return of_run, of_run
    today = policy_of_config(wanted.config, wanted.overrides, evidence.judged.device)
    try:
        return today, policy_of_run(evidence.config_json, evidence.run_id)
    except ConfigError:
        return today, None


def _floors(evidence: Evidence, person: Person) -> Policy:
    """The policy of the run, for its floors; one may roll back to a run of another release too."""
    try:
        return policy_of_run(evidence.config_json, evidence.run_id)
    except ConfigError as error:
        person.tell(f"the default floors of parity hold: {error}")
        return Policy(GateSettings(), ConverterSettings(), "the default floors")


def _champion(client: Any, name: str, state: State) -> RegisteredVersion | None:
    """The present champion; None if there is none, or its figures are not known."""
    return standing_of(find_version(client, f"{name}/{state.champion}")) if state.champion else None


def _no_figures(state: State) -> Checked:
    words = f"the champion, version {state.champion}, has no figures that can be read (tag {Standing.TAG})"
    return Checked("dominance", False, words)


def _change(client: Any, state: State, proposal: Proposal, person: Person, action: Action, why: str) -> Entry:
    name, number = proposal.name, proposal.version
    if not person.agrees(proposal):
        raise Refused(f"the champion of {name} stays as it is: nobody said yes")
    now = look(client, name)
    if number not in now.versions:
        raise Refused(f"the champion of {name} stays as it is: version {number} was deleted meanwhile")
    if now.champion != state.champion and len(now.entries) == len(state.entries):
        raise Refused(
            f"the champion of {name} is another than you were shown: it was moved to version "
            f"{now.champion or 'none'} by hand meanwhile; look at it and decide again"
        )
    entry = state.next_entry(
        action=action,
        version=number,
        why=why,
        policy_sha256=proposal.policy.sha256,
        checks={check.name: _short(check) for check in proposal.checks},
        waived=proposal.waived,
    )
    try:
        last = change(client, name, entry)
    except ledger.Overtaken as overtaken:
        raise Refused(f"{overtaken}; look at that champion and decide again") from None
    if last.n > entry.n and ledger.read(client, name)[entry.n].action == "undo":
        raise Refused(
            f"version {number} of {name} was deleted while it was promoted; champion is version "
            f"{last.version or 'none'}"
        )
    return entry


def _address(name: str, version: str) -> str:
    return f"{name}{version}" if version.startswith("@") else f"{name}/{version}"


def _short(check: Checked) -> str:
    words = check.words if check.passed else f"failed: {check.words}"
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."


def _check_why(why: str) -> None:
    if len(why) > MOST_WHY:
        raise ConfigError(f"--why has {len(why)} characters; accepted: {MOST_WHY} at the most")
