"""Which labels of a corpus are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.audio.intake_report import IngestError
from components.audio.places import PlaceError, is_file
from components.audio_ingest.ontology import Ontology, OntologyError, read_ontology
from components.audio_ingest.segments import MID
from components.audio_ingest.settings import AudioIngestSettings


@dataclass(frozen=True)
class LabelFilter:
    """A clip passes if it has a wanted label and no unwanted one.

    Attributes:
      wanted: Mids; None: all.
      unwanted: Mids; they win.
    """

    wanted: frozenset[str] | None
    unwanted: frozenset[str] = frozenset()

    def passes(self, labels: Iterable[str]) -> bool:
        """Whether a clip with these mids is taken."""
        found = frozenset(labels)
        return (self.wanted is None or not self.wanted.isdisjoint(found)) and self.unwanted.isdisjoint(found)


def label_filter(
    settings: AudioIngestSettings, ontology: str, names: str, key: str = "audio_ingest"
) -> LabelFilter:
    """The filter that the settings describe.

    Args:
      settings: With labels to take and to leave, as mids or display names.
      ontology: Path or URL of the ontology; may be absent.
      names: Path or URL of the strong set's list of mids and names; may be absent.
      key: Where the settings stand in the configuration, for messages.

    Raises:
      IngestError: If the ontology is malformed, or a label is not known.
    """
    if settings.labels == "all" and not settings.exclude_labels:
        return LabelFilter(None)
    known = _known(ontology, names, key)
    wanted = None
    if settings.labels != "all":
        wanted = _mids(settings.labels, known, settings.children, f"{key}.labels")
    return LabelFilter(wanted, _mids(settings.exclude_labels, known, True, f"{key}.exclude_labels"))


def _known(ontology: str, names: str, key: str) -> Ontology | None:
    try:
        if not is_file(ontology):
            return None
        known = read_ontology(ontology)
    except (OntologyError, PlaceError) as error:
        raise IngestError(f"{key}.ontology: {error}") from error
    try:
        return known.with_names(names) if is_file(names) else known
    except (OntologyError, PlaceError) as error:
        raise IngestError(f"{key}.strong_labels: {error}") from error


def _mids(labels: Iterable[str], known: Ontology | None, children: bool, key: str) -> frozenset[str]:
    if known is None:
        for label in labels:
            if not MID.fullmatch(label):
                raise IngestError(
                    f"{key}: {label!r} is a name, and there is no ontology to look it up in; "
                    "accepted without one are mids such as /m/09x0r"
                )
        return frozenset(labels)
    try:
        mids = [known.mid(label) for label in labels]
    except OntologyError as error:
        raise IngestError(f"{key}: {error}") from error
    return known.with_children(mids) if children else frozenset(mids)
