"""What of the model registry decides a verdict: the cache sees a new rival, or a new champion, by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from components.common.tracking.names import CHAMPION_ALIAS, model_name
from components.common.tracking.registered import registered_versions
from components.frontier_pusher.settings import PusherSettings
from schemas.push_reports import FrontierIndex
from schemas.settings import UnreadableReport


def registry_digest(push: PusherSettings, run_name: str, devices: Iterable[str]) -> str:
    """Digest of the registered standings that a run competes with; empty if there are none.

    What the run itself pushed last is left out, or no run would ever be answered from the cache: each
    push adds to the registry. Only which version is champion counts there.

    Args:
      push: Resolved: destination and registry.
      run_name: Name of the run.
      devices: Names of its devices: each has a registered model.

    Raises:
      TrackingFault: If the registry cannot be read.
    """
    own = _last_pushed(Path(push.destination), run_name)
    rivals, champions = [], []
    for device in devices:
        for one in registered_versions(push.tracking_uri, model_name(push.registered_model, device)):
            name = f"{one.registered_model} {one.version}"
            if one.standing and one.standing.point.sha256 not in own:
                rivals.append(f"{name} {one.standing.point.sha256}")
            if CHAMPION_ALIAS in one.aliases:
                champions.append(f"champion {name}")
    facts = [*rivals, *champions]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16] if facts else ""


def _last_pushed(destination: Path, run_name: str) -> set[str]:
    """sha256 of what a run of this name pushed last; a folder may serve several runs."""
    try:
        index = FrontierIndex.load(destination)
    except UnreadableReport:  # none yet, or one of another release
        return set()
    return {model.sha256 for model in index.models} if index.run_name == run_name else set()
