"""Which container of a compiled pipeline waits for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def waits_for(specification: Mapping[str, Any]) -> dict[str, set[str]]:
    """By container: those that must be over before it begins; both by their path, joined by dots."""
    components = specification["components"]
    waits: dict[str, set[str]] = {}

    def enter(tasks: Mapping[str, Any], path: tuple[str, ...], before: frozenset[tuple[str, ...]]) -> None:
        for name, task in tasks.items():
            inner = components[task["componentRef"]["name"]]
            earlier = before | {(*path, one) for one in task.get("dependentTasks", ())}
            if "dag" in inner:
                enter(inner["dag"]["tasks"], (*path, name), earlier)
            else:
                waits[".".join((*path, name))] = {".".join(one) for one in earlier}

    enter(specification["root"]["dag"]["tasks"], (), frozenset())
    # To wait for a graph is to wait for all that is in it.
    return {
        one: {other for other in waits for name in before if other == name or other.startswith(f"{name}.")}
        for one, before in waits.items()
    }


def downstream(waits: Mapping[str, set[str]], task: str) -> set[str]:
    """What waits for a task, and for what waits for it."""
    found = {task}
    while more := {one for one, before in waits.items() if before & found} - found:
        found |= more
    return found - {task}
