"""Promotion and rollback: check, show, ask, then change the champion."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from components.common.tracking import ledger
from components.common.tracking.ledger import Action, Entry
from components.common.tracking.registered import is_head
from pipeline.configuration.config_file import ConfigError
from pipeline.models.promotion.champion import (
    MOST_WHY,
    State,
    before_champion,
    champions,
    change,
    look,
    reconcile,
)
from pipeline.models.promotion.checked import Checked, Failed, Refused, refuse_failed
from pipeline.models.promotion.checks import examine, examine_rollback, figures_of, policy_if_readable, rival
from pipeline.models.promotion.evidence import Evidence
from pipeline.models.promotion.heads import examine_head, policy_of_heads
from pipeline.models.promotion.interrupted import objection
from pipeline.models.promotion.policy import Policy, policy_of_config, policy_of_run
from pipeline.models.promotion.table import rows
from pipeline.models.promotion.wanted import Person, Promotion, Proposal
from pipeline.models.registry.versions import find_model, find_version

_MOST_WORDS = 300


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
      TrackingFault: If MLflow does not respond as expected.
    """
    _check_why(wanted.why)
    if wanted.overrides and not wanted.config:
        raise ConfigError("--set changes what --config says; accepted: both, or neither")
    state = _begin(client, wanted.name, person, wanted)
    version = find_version(client, wanted.address)
    number = str(version.version)
    if number == state.champion == state.recorded:
        return None
    what = f"{wanted.name} version {number} is not promoted"
    if is_head(version):
        proposal = _of_head(client, version, state, what)
        return _change(client, state, proposal, person, "promote", wanted.why)
    with tempfile.TemporaryDirectory() as folder, _refusing(what):
        found = examine(
            client, version, wanted.name, state.champion, partial(_policies, wanted), Path(folder)
        )
    waived = [*refuse_failed(found.checks, wanted.waive, what), *found.dropped]
    table = rows(figures_of(found.champion), found.evidence.point)
    proposal = Proposal(
        wanted.name, state.champion, number, found.policy, found.judged_by, found.checks, waived, table
    )
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
      TrackingFault: If MLflow does not respond as expected.
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
    if is_head(version):
        return _change(client, state, _of_head(client, version, state, what), person, "rollback", why)
    with tempfile.TemporaryDirectory() as folder, _refusing(what):
        evidence, policy, checks = examine_rollback(client, version, person, Path(folder, "version"))
        known, fault = rival(client, name, state.champion, Path(folder, "champion"))
    refuse_failed(checks, (), what)
    table = rows(figures_of(None if fault else known), evidence.point)
    proposal = Proposal(name, state.champion, number, policy, policy, checks, [], table)
    return _change(client, state, proposal, person, "rollback", why)


def _of_head(client: Any, version: Any, state: State, what: str) -> Proposal:
    with _refusing(what):
        checks = examine_head(client, version)
    policy = policy_of_heads()
    return Proposal(version.name, state.champion, str(version.version), policy, policy, checks, [], [])


def _begin(client: Any, name: str, person: Person, wanted: Promotion | None = None) -> State:
    """Finishes what was interrupted if its checks still pass, else takes it back; tells what is amiss."""
    find_model(client, name)
    state = reconcile(client, name, partial(objection, client, name, person, wanted))
    for words in state.warnings:
        person.tell(words)
    return state


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """A check that ends all others refuses what was wanted."""
    try:
        yield
    except Failed as failed:
        checked = failed.checked
        raise Refused(f"{what}:\n  {checked.name}: {checked.words}") from None


def _policies(wanted: Promotion, evidence: Evidence) -> tuple[Policy, Policy | None]:
    """Today's policy, and that of the run if it can be read."""
    if not wanted.config:
        of_run = policy_of_run(evidence.config_json, evidence.run_id)
        return of_run, of_run
    today = policy_of_config(wanted.config, wanted.overrides, evidence.judged.device)
    return today, policy_if_readable(evidence)


def _change(client: Any, state: State, proposal: Proposal, person: Person, action: Action, why: str) -> Entry:
    name, number = proposal.name, proposal.version
    if not person.agrees(proposal):
        raise Refused(f"the champion of {name} stays as it is: not confirmed")
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
        judged_by_sha256=proposal.judged_by.sha256 if proposal.judged_by else "",
        checks={check.name: _short(check) for check in proposal.checks},
        waived=proposal.waived,
    )
    try:
        last = change(client, name, entry)
    except ledger.Overtaken as overtaken:
        raise Refused(f"{overtaken}; look at that champion and decide again") from None
    except ValueError as error:
        raise Refused(f"the champion of {name} stays as it is: {error}") from None
    if last.n > entry.n and _after(ledger.read(client, name), entry).action == "undo":
        raise Refused(
            f"version {number} of {name} was deleted while it was promoted; champion is version "
            f"{last.version or 'none'}"
        )
    return entry


def _after(entries: Sequence[Entry], entry: Entry) -> Entry:
    """The entry that follows another."""
    return next(one for one in entries if one.n > entry.n)


def _short(check: Checked) -> str:
    words = check.words if check.passed else f"failed: {check.words}"
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."


def _check_why(why: str) -> None:
    if len(why) > MOST_WHY:
        raise ConfigError(f"--why has {len(why)} characters; accepted: {MOST_WHY} at most")
