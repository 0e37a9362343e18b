"""AudioSet's ontology: which labels lie under which (https://github.com/audioset/ontology)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from components.common.audio.places import read_text

_NEAR = 3
_MID, _NAME = "mid", "display_name"


class OntologyError(ValueError):
    """An ontology that cannot be read, or a label that it does not know."""


@dataclass(frozen=True)
class Node:
    """A label.

    Attributes:
      name: Its display name.
      children: Mids right below it.
    """

    name: str
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ontology:
    """Labels by mid."""

    nodes: Mapping[str, Node]

    def __len__(self) -> int:
        return len(self.nodes)

    def mid(self, label: str) -> str:
        """The mid of a label.

        Args:
          label: A mid, or a display name in whichever case.

        Raises:
          OntologyError: If there is no such label, with those that are spelt nearly so, or several of a name.
        """
        if label in self.nodes:
            return label
        found = [mid for mid, node in self.nodes.items() if node.name.lower() == label.lower()]
        if len(found) > 1:
            raise OntologyError(f"{label!r} names {len(found)} labels, {', '.join(found)}; accepted: mids")
        if not found:
            raise OntologyError(
                f"the ontology has no label {label!r}; accepted: its mids and display names"
                f"{self._near(label)}"
            )
        return found[0]

    def with_children(self, mids: Iterable[str]) -> frozenset[str]:
        """The labels and everything below them."""
        found: set[str] = set()
        open_ends = list(mids)
        while open_ends:
            mid = open_ends.pop()
            if mid not in found:
                found.add(mid)
                open_ends.extend(self.nodes[mid].children if mid in self.nodes else ())
        return frozenset(found)

    def with_names(self, path: str) -> Ontology:
        """With the labels of ``mid_to_display_name.tsv`` that the ontology does not have.

        Args:
          path: Path or URL of the strong set's list: mid and name between tabs.

        Raises:
          OntologyError: If it is not such a list.
          PlaceError: If it cannot be read.
        """
        try:
            rows = [row for row in csv.reader(read_text(path).splitlines(), delimiter="\t") if row]
        except (csv.Error, UnicodeDecodeError) as error:
            raise OntologyError(f"{path} is not a list of mids and names between tabs: {error}") from error
        bad = next((row for row in rows if len(row) != 2), None)
        if bad is not None:
            raise OntologyError(f"{path} is not a list of mids and names between tabs: it has the row {bad}")
        return Ontology({**{mid: Node(name) for mid, name in rows}, **self.nodes})

    def _near(self, label: str) -> str:
        by_name = {node.name.lower(): mid for mid, node in self.nodes.items()}
        near = [by_name[name] for name in get_close_matches(label.lower(), by_name, n=_NEAR)]
        near = near or get_close_matches(label, self.nodes, n=_NEAR)
        if not near:
            return ""
        return "; did you mean " + " or ".join(f"{mid} ({self.nodes[mid].name})" for mid in near) + "?"


def read_ontology(path: str) -> Ontology:
    """Reads ``ontology.json``.

    Args:
      path: Path or URL.

    Raises:
      OntologyError: If the file is not AudioSet's list of nodes.
      PlaceError: If it cannot be read.
    """
    try:
        nodes = json.loads(read_text(str(path)))
        return Ontology({node["id"]: Node(node["name"], tuple(node["child_ids"])) for node in nodes})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise OntologyError(
            f"{path} is not an AudioSet ontology, a JSON list of nodes with id, name and child_ids: {error!r}"
        ) from error


def read_class_labels(path: str) -> dict[str, str]:
    """Names by mid of AudioSet's ``class_labels_indices.csv``.

    Args:
      path: Path or URL.

    Raises:
      OntologyError: If it has no columns of mids and names.
      PlaceError: If it cannot be read.
    """
    try:
        rows = csv.DictReader(read_text(path).splitlines())
        if not {_MID, _NAME} <= set(rows.fieldnames or ()):
            raise OntologyError(f"it has the columns {rows.fieldnames}, {_MID} and {_NAME} are needed")
        return {row[_MID]: row[_NAME] for row in rows if row[_NAME]}
    except (csv.Error, UnicodeDecodeError) as error:
        raise OntologyError(f"{path} is not a CSV of labels: {error}") from error
