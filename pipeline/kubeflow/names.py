"""Names of tasks: what people read in Kubeflow's pages, in a form that Argo takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# Argo refuses longer task names; Kubeflow adds "-driver" to them.
_LONGEST = 100
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def task_name(node_id: str) -> str:
    """The name of a node's task: of ``StudentTrainer.tiny-w0.5``, ``student-trainer-tiny-w0-5``."""
    component, _, rest = node_id.partition(".")
    words = _WORD_BORDER.sub("-", component).lower()
    name = re.sub(r"[^a-z0-9]+", "-", f"{words}-{rest}".lower()).strip("-")
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(node_id.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('-')}-{digest}"


def task_names(node_ids: Iterable[str]) -> dict[str, str]:
    """Names of several nodes' tasks, no two the same: where they would be, a digest tells them apart."""
    given = list(node_ids)
    names = {node_id: task_name(node_id) for node_id in given}
    taken = list(names.values())
    return {
        node_id: name
        if taken.count(name) == 1
        else f"{name[: _LONGEST - 9]}-{hashlib.sha256(node_id.encode()).hexdigest()[:8]}"
        for node_id, name in names.items()
    }
