"""AudioSet's ontology: which labels lie under which (https://github.com/audioset/ontology)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class OntologyError(ValueError):
    """An ontology that cannot be read, or a label that it does not know."""


def read_ontology(path: str | Path) -> dict[str, dict[str, Any]]:
    """The nodes of ``ontology.json`` by mid.

    Raises:
      OntologyError: If the file is not AudioSet's list of nodes.
    """
    try:
        nodes = json.loads(Path(path).read_text(encoding="utf-8"))
        return {node["id"]: {"name": node["name"], "child_ids": list(node["child_ids"])} for node in nodes}
    except (ValueError, KeyError, TypeError) as error:
        raise OntologyError(
            f"{path} is not an AudioSet ontology, a JSON list of nodes with id, name and child_ids: {error!r}"
        ) from error


def with_children(labels: Iterable[str], ontology: dict[str, dict[str, Any]]) -> frozenset[str]:
    """The labels and everything below them.

    Raises:
      OntologyError: If the ontology does not know a label.
    """
    names = {node["name"].lower(): mid for mid, node in ontology.items()}
    found: set[str] = set()
    for label in labels:
        if label not in ontology:
            by_name = get_close_matches(label.lower(), names, n=1)
            near = [names[by_name[0]]] if by_name else get_close_matches(label, ontology, n=1)
            hint = f"; did you mean {near[0]} ({ontology[near[0]]['name']})?" if near else ""
            raise OntologyError(f"the ontology has no label {label!r}; accepted are its mids{hint}")
        open_ends = [label]
        while open_ends:
            mid = open_ends.pop()
            if mid not in found:
                found.add(mid)
                open_ends.extend(ontology.get(mid, {"child_ids": []})["child_ids"])
    return frozenset(found)
