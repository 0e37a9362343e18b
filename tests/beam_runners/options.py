"""Beam's options as infra/beam publishes them."""

from __future__ import annotations

import yaml

from tests.beam_runners.pods import Pod
from tests.infra.conftest import INFRA


def published(name: str, server: Pod) -> list[str]:
    """The options of a file, with the job server's address in place of a name that only pods know."""
    args: list[str] = yaml.safe_load((INFRA / "beam" / f"{name}.yaml").read_text("utf-8"))["beam_args"]
    return [one.replace(f"={server.name}:", f"={server.address}:") for one in args]
