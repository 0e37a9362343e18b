"""All checks of a promotion. Each input is verified first: the version's and the champion's alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common.frontier.challenge import as_incumbent, challenge
from components.common.frontier.goals import applicable
from components.common.frontier.settings import CHAMPION, GateDemands
from components.common.tracking.registered import RegisteredVersion, with_figures
from components.tflite_converter.settings import ConverterSettings
from pipeline.configuration.config_file import ConfigError
from pipeline.models.promotion.checked import Checked, Failed
from pipeline.models.promotion.demands import no_longer_made
from pipeline.models.promotion.evidence import Evidence, gather
from pipeline.models.promotion.goals import check_demands
from pipeline.models.promotion.parity import check_parity
from pipeline.models.promotion.policy import Policy, policy_of_run
from pipeline.models.promotion.wanted import Person
from pipeline.models.registry.versions import find_version
from schemas.verdicts import FrontierPoint

# Today's policy, and that of the version's run if it can be read.
Policies = Callable[[Evidence], tuple[Policy, Policy | None]]


@dataclass(frozen=True)
class Examined:
    """What is known of a version that is to become champion.

    Attributes:
      evidence: Of the version.
      policy: That it was checked by.
      judged_by: The policy of its run; None: it cannot be read.
      champion: The present one with its figures; None: there is none, or they are inconsistent.
      checks: What was found.
      dropped: What the run's policy demands and the policy of today no longer does, in words.
    """

    evidence: Evidence
    policy: Policy
    judged_by: Policy | None
    champion: RegisteredVersion | None
    checks: list[Checked]
    dropped: list[str]


def examine(
    client: Any, version: Any, name: str, champion: str, policies: Policies, folder: Path
) -> Examined:
    """Runs all checks.

    Args:
      client: MLflow's.
      version: To become champion.
      name: Of the registered model.
      champion: Number of the present one; empty: there is none.
      policies: By which it is checked.
      folder: An empty one.

    Raises:
      Failed: If the version's own files, tags or verdict do not hold: then nothing can be checked by them.
      TrackingFault: If the store does not give what it has.
    """
    evidence, checks = gather(client, version, folder / "version")
    policy, judged_by = policies(evidence)
    known, fault = rival(client, name, champion, folder / "champion")
    incumbent = as_incumbent(evidence, known, policy.gate, fault) if known else None
    asked = [goal.against for goal in applicable(policy.gate.goals, evidence.judged.device)]
    checks += [
        Checked("goals", False, fault)
        if fault and CHAMPION in asked
        else check_demands(evidence, policy.gate, incumbent),
        check_parity(evidence.folder, evidence.description, policy.conversion),
        Checked("dominance", False, fault)
        if fault
        else Checked(
            "dominance", *challenge(evidence, policy.gate, judged_by.gate if judged_by else None, incumbent)
        ),
    ]
    believed = None if fault else known
    dropped = no_longer_made(evidence, policy, judged_by)
    return Examined(evidence, policy, judged_by, believed, checks, dropped)


def rival(client: Any, name: str, champion: str, folder: Path) -> tuple[RegisteredVersion | None, str]:
    """The present champion, held against its own run's verdict as a version is that is to follow it.

    Returns:
      The champion, None if there is none or it has no figures; and why its figures are inconsistent, empty
      if they can.
    """
    if not champion:
        return None, ""
    version = find_version(client, f"{name}/{champion}")
    known = with_figures(version)
    if known.standing is None:
        return None, f"the champion, version {champion}, has no figures that can be read: {known.fault}"
    try:
        gather(client, version, folder)
    except Failed as failed:
        return known, f"the figures of the champion, version {champion}, are inconsistent: {failed}"
    return known, ""


def figures_of(champion: RegisteredVersion | None) -> FrontierPoint | None:
    """The figures of a champion, if there is one and they are known."""
    return champion.standing.point if champion and champion.standing else None


def examine_rollback(
    client: Any, version: Any, person: Person, folder: Path
) -> tuple[Evidence, Policy, list[Checked]]:
    """The checks of a rollback: files, blessing and parity, by the floors of the version's run.

    Raises:
      Failed: If the version's files, tags or verdict do not hold.
      TrackingFault: If the store does not give what it has.
    """
    evidence, checks = gather(client, version, folder)
    policy = _floors(evidence, person)
    checks.append(check_parity(evidence.folder, evidence.description, policy.conversion))
    return evidence, policy, checks


def policy_if_readable(evidence: Evidence) -> Policy | None:
    """The policy of a version's run; None if this release cannot read it."""
    try:
        return policy_of_run(evidence.config_json, evidence.run_id)
    except ConfigError:
        return None


def _floors(evidence: Evidence, person: Person) -> Policy:
    """The policy of the run, for its floors; one may roll back to a run of another release too."""
    try:
        return policy_of_run(evidence.config_json, evidence.run_id)
    except ConfigError as error:
        person.tell(f"the default floors of parity hold: {error}")
        return Policy(GateDemands(), ConverterSettings(), "the default floors")
