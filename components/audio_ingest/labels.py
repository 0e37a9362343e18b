"""Which labels of a corpus are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.audio_ingest.ontology import Node, Ontology, OntologyError, read_class_labels, read_ontology
from components.audio_ingest.row_labels import MID
from components.audio_ingest.settings import SPEECH, AudioIngestSettings
from components.common.audio.intake_report import IngestError
from components.common.audio.places import PlaceError, is_file

CLASS_LABELS = "class_labels_indices.csv"


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
    settings: AudioIngestSettings,
    ontology: str,
    names: str,
    key: str = "audio_ingest",
    class_labels: str = "",
) -> LabelFilter:
    """The filter that the settings describe.

    Args:
      settings: With labels to take and to leave, as mids or display names.
      ontology: Path or URL of the ontology; may be absent.
      names: Path or URL of the strong set's list of mids and names; may be absent.
      key: Where the settings stand in the configuration, for messages.
      class_labels: Path or URL of AudioSet's list of labels, for names where there is no ontology; may be
        absent.

    Raises:
      IngestError: If the ontology is malformed, or a label is unknown.
    """
    if settings.labels == "all" and not settings.exclude_labels:
        return LabelFilter(None)
    known = _known(ontology, names, key)
    listed = Ontology({}) if known else _listed(names, class_labels, key)
    wanted = None
    if settings.labels != "all":
        wanted = _mids(settings.labels, known, listed, settings.children, f"{key}.labels")
    return LabelFilter(wanted, _mids(settings.exclude_labels, known, listed, True, f"{key}.exclude_labels"))


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


def _listed(names: str, class_labels: str, key: str) -> Ontology:
    """Names of labels where there is no ontology; that of speech, which is the default, needs no file."""
    listed = Ontology({SPEECH: Node("Speech")})
    try:
        if class_labels and is_file(class_labels):
            nodes = {mid: Node(name) for mid, name in read_class_labels(class_labels).items()}
            listed = Ontology({**listed.nodes, **nodes})
        return listed.with_names(names) if is_file(names) else listed
    except (OntologyError, PlaceError) as error:
        raise IngestError(f"{key}.labels: the names of labels cannot be read: {error}") from error


def _mids(
    labels: Iterable[str], known: Ontology | None, listed: Ontology, children: bool, key: str
) -> frozenset[str]:
    if known is None:
        mids = set()
        for label in labels:
            try:
                mids.add(label if MID.fullmatch(label) else listed.mid(label))
            except OntologyError as error:
                raise IngestError(
                    f"{key}: {label!r} is a name, and there is no ontology to look it up in, nor is it in "
                    f"{CLASS_LABELS}; accepted without them are mids such as /m/09x0r"
                ) from error
        return frozenset(mids)
    try:
        named = [known.mid(label) for label in labels]
    except OntologyError as error:
        raise IngestError(f"{key}: {error}") from error
    return known.with_children(named) if children else frozenset(named)
