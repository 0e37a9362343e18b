"""Display names of labels, as far as the corpus tells them."""

from __future__ import annotations

import csv
import logging
from typing import Protocol

from components.audio_ingest.ontology import Ontology, OntologyError, read_class_labels, read_ontology
from components.common.audio.places import PlaceError, is_file

_logger = logging.getLogger("tinytrill.audio_ingest")


class LabelFiles(Protocol):
    """Where a corpus names its labels; any of these files may be absent."""

    @property
    def strong_labels(self) -> str:
        """The strong set's list of labels."""

    @property
    def class_labels(self) -> str:
        """AudioSet's list of classes."""

    @property
    def ontology(self) -> str:
        """AudioSet's ontology."""


def display_names(sources: LabelFiles) -> dict[str, str]:
    """Names by mid; where several files name a label, the ontology counts, then AudioSet's list.

    A file that is absent or malformed names nothing: a page with mids is no reason to stop a run.
    """
    names: dict[str, str] = {}
    for place, read in (
        (sources.strong_labels, _of_strong_labels),
        (sources.class_labels, read_class_labels),
        (sources.ontology, _of_ontology),
    ):
        try:
            if is_file(place):
                names |= read(place)
        except (OntologyError, PlaceError, csv.Error, UnicodeDecodeError) as error:
            _logger.warning("labels are not named by %s: %s", place, error)
    return names


def _of_ontology(place: str) -> dict[str, str]:
    return _names(read_ontology(place))


def _of_strong_labels(place: str) -> dict[str, str]:
    return _names(Ontology({}).with_names(place))


def _names(ontology: Ontology) -> dict[str, str]:
    return {mid: node.name for mid, node in ontology.nodes.items()}
