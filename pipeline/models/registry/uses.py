"""What serves a registered version: 'pull --for' writes it into a tag, and lists and lineage read it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from components.common.tracking.ledger import who
from components.common.tracking.names import SERVED_TAG
from pipeline.configuration.config_file import ConfigError

_LONGEST_SLUG = 100


def served_tag(what: str) -> str:
    """The tag that says at a version what it is pulled for.

    Raises:
      ConfigError: If nothing in the words can be part of a tag.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")[:_LONGEST_SLUG]
    if not slug:
        raise ConfigError(f"--for {what!r}: accepted: words with letters or digits, as 'watch-app 3.2'")
    return f"{SERVED_TAG}{slug}"


def mark_used(client: Any, version: Any, what: str) -> None:
    """Writes at a version, MLflow's, what it is pulled for, by whom and when."""
    told = {"what": what, "by": who(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    client.set_model_version_tag(version.name, version.version, served_tag(what), json.dumps(told))


def uses_of(version: Any) -> dict[str, dict[str, str]]:
    """The uses of a version, MLflow's, by the slug in their tags; see :func:`read_use`."""
    return {
        tag.removeprefix(SERVED_TAG): read_use(value)
        for tag, value in sorted(version.tags.items())
        if tag.startswith(SERVED_TAG)
    }


def read_use(value: str) -> dict[str, str]:
    """What a tag tells: 'what' serves the version, and mostly 'by' whom and 'at' which time that was said."""
    try:
        told = json.loads(value)
    except json.JSONDecodeError:
        told = None  # somebody wrote it by hand
    return {str(k): str(v) for k, v in told.items()} if isinstance(told, dict) else {"what": value}


def in_words(use: dict[str, str]) -> str:
    """A use in a sentence."""
    return (
        "{what}, pulled by {by} at {at}".format_map(use)
        if {"what", "by", "at"} <= use.keys()
        else (use.get("what") or json.dumps(use))
    )
