"""Whether a change that was interrupted may be finished: it passes every check again, or it is taken back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from components.common.tracking.ledger import Entry
from components.common.tracking.registered import is_head
from pipeline.configuration.config_file import ConfigError
from pipeline.models.promotion.champion import State, before_champion, champions
from pipeline.models.promotion.checked import Failed, Waivable, refuse_failed
from pipeline.models.promotion.checks import examine, examine_rollback, policy_if_readable
from pipeline.models.promotion.evidence import Evidence
from pipeline.models.promotion.heads import examine_head
from pipeline.models.promotion.policy import Policy, policy_of_config
from pipeline.models.promotion.wanted import Person, Promotion
from pipeline.models.registry.versions import find_version


def objection(client: Any, name: str, person: Person, wanted: Promotion | None, state: State) -> str:
    """Why an interrupted change must not be finished; empty if it passes every check again.

    An entry of the ledger says that somebody's checks passed, and anybody who may write to the store can say
    so. What was waived must be waived again, by the same command.

    Args:
      client: MLflow's.
      name: Of the registered model.
      person: Who is told what is amiss.
      wanted: What the present command is to promote; None: it is a rollback.
      state: Of the ledger, whose last entry is not settled.

    Raises:
      TrackingFault: If the store does not give what it has.
    """
    *before, last = state.entries
    known = champions(before)
    if last.version not in state.versions and last.version:
        # There is nothing to check: who settles it finds the version gone, and goes back to the one before.
        there = last.over in ("", state.champion, *known[-1:])
        return "" if there else f"version {last.over}, which it says was champion before, was not"
    if last.action == "undo":
        there = last.version in ("", state.champion, *known)
        return "" if there else f"version {last.version} was not champion before"
    try:
        version = find_version(client, f"{name}/{last.version}")
        with tempfile.TemporaryDirectory() as folder:
            if last.action == "rollback" and last.version != before_champion(before, state.versions):
                return f"version {last.version} is not the champion before the present one"
            if is_head(version):
                examine_head(client, version)
                return ""
            if last.action == "rollback":
                _, _, checks = examine_rollback(client, version, person, Path(folder, "version"))
                waive: Sequence[Waivable] = ()
            else:
                # What the entry says of the champion before is not believed either.
                others = [one for one in (state.champion, *known[-1:], last.over) if one != last.version]
                over = next((one for one in others if one in state.versions), "")
                policies = partial(_policies_again, wanted, last)
                found = examine(client, version, name, over, policies, Path(folder))
                checks, waive = found.checks, _waived_again(client, wanted, last)
        refuse_failed(checks, waive, "its checks no longer pass")
    except Failed as failed:
        return f"its checks no longer pass:\n  {failed.checked.name}: {failed.checked.words}"
    except ConfigError as error:
        return str(error)
    return ""


def _policies_again(
    wanted: Promotion | None, entry: Entry, evidence: Evidence
) -> tuple[Policy, Policy | None]:
    """The policy that an entry was checked by, if it is that of this command or of the run."""
    of_run = policy_if_readable(evidence)
    known = [of_run]
    if wanted is not None and wanted.config:
        known.append(policy_of_config(wanted.config, wanted.overrides, evidence.judged.device))
    for policy in known:
        if policy is not None and policy.sha256 == entry.policy_sha256:
            return policy, of_run
    raise ConfigError(
        f"it was checked by a policy (sha256 {entry.policy_sha256[:12] or 'none'}) that is neither this "
        "command's nor that of its run; promote it again by the command that was interrupted"
    )


def _waived_again(client: Any, wanted: Promotion | None, entry: Entry) -> Sequence[Waivable]:
    """What may fail: what this command waives, if it is about the same version."""
    if wanted is None:
        return ()
    try:
        number = str(find_version(client, wanted.address).version)
    except ConfigError:
        return ()
    return wanted.waive if number == entry.version else ()
