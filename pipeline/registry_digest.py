"""What of the model registry decides a verdict: the cache sees a new rival, or a new champion, by it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from components.frontier_gate.settings import CHAMPION
from components.frontier_pusher.settings import PusherSettings
from components.tracking.faults import TrackingFault
from components.tracking.registered import registered_versions
from pipeline.config_file import ConfigError
from schemas.reports import FrontierIndex


def registry_digest(push: PusherSettings, run_name: str) -> str:
    """Digest of the registered standings that a run competes with; empty if there are none.

    What the run itself pushed last is left out, or no run would ever be answered from the cache: each
    push adds to the registry. Only which version is champion counts there.

    Args:
      push: Resolved: destination and registry.
      run_name: Name of the run.

    Raises:
      ConfigError: If the registry cannot be read.
    """
    try:
        versions = registered_versions(push.tracking_uri, push.registered_model)
    except TrackingFault as error:
        raise ConfigError(f"push.tracking_uri: {error}") from None
    own = _last_pushed(Path(push.destination), run_name)
    rivals = [
        f"{one.version} {one.standing.machine.profile} {one.standing.point.sha256}"
        for one in versions
        if one.standing.point.sha256 not in own
    ]
    champions = {f"{CHAMPION} {one.version}" for one in versions if CHAMPION in one.aliases}
    facts = [*rivals, *sorted(champions)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16] if facts else ""


def _last_pushed(destination: Path, run_name: str) -> set[str]:
    """sha256 of what a run of this name pushed last; a folder may serve several runs."""
    try:
        index = FrontierIndex.load(destination)
    except (FileNotFoundError, ValidationError):  # none yet, or one of another release
        return set()
    return {model.sha256 for model in index.models} if index.run_name == run_name else set()
