"""The files AudioIngest reads: where they are, whether they are there, whether they changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.audio.fingerprint import fingerprint
from components.audio.intake_report import IngestError
from components.audio_ingest.ontology import OntologyError, read_ontology, with_children
from components.audio_ingest.settings import AudioIngestSettings

CORPUS_FOLDER = "corpus"


@dataclass(frozen=True)
class CorpusSources:
    """Paths of a corpus.

    Attributes:
      root: Its folder.
      segments: Segments CSV by split.
      audio: Folder of the clips.
      ontology: The ontology; may be absent.
    """

    root: Path
    segments: dict[str, Path]
    audio: Path
    ontology: Path

    @classmethod
    def of(cls, settings: AudioIngestSettings, root: str | Path) -> CorpusSources:
        """The sources below ``root``; absolute settings stand for themselves."""
        root = Path(root)
        segments = {split: root / name for split, name in settings.segments.model_dump().items()}
        return cls(root, segments, root / settings.audio, root / settings.ontology)


def check_sources(settings: AudioIngestSettings, key: str = "audio_ingest") -> None:
    """Refuses settings whose files are not there; cheap enough to be called before anything runs.

    Args:
      settings: With ``root`` set.
      key: Where the settings stand in the configuration, for the message.

    Raises:
      IngestError: With the key of the setting, its value and what is accepted.
    """
    if not settings.root:
        raise IngestError(f"{key}.root: is empty; accepted is a folder with segments CSVs and clips")
    sources = CorpusSources.of(settings, settings.root)
    if not sources.root.is_dir():
        raise IngestError(
            f"{key}.root: there is no folder {settings.root!r}; "
            "accepted is a folder with segments CSVs and clips"
        )
    for split, path in sources.segments.items():
        if not path.is_file():
            raise IngestError(
                f"{key}.segments.{split}: there is no file {str(path)!r}; accepted is a segments CSV"
            )
    if not sources.audio.is_dir():
        raise IngestError(
            f"{key}.audio: there is no folder {str(sources.audio)!r}; accepted is a folder of clips"
        )
    wanted_labels(settings, sources.ontology, key)


def wanted_labels(
    settings: AudioIngestSettings, ontology: Path, key: str = "audio_ingest"
) -> frozenset[str] | None:
    """The mids that pass the label filter; None lets all pass.

    Raises:
      IngestError: If the ontology is malformed or does not know a label.
    """
    if settings.labels == "all":
        return None
    if not ontology.is_file():
        return frozenset(settings.labels)
    try:
        known = read_ontology(ontology)
    except OntologyError as error:
        raise IngestError(f"{key}.ontology: {error}") from error
    try:
        expanded = with_children(settings.labels, known)
    except OntologyError as error:
        raise IngestError(f"{key}.labels: {error}") from error
    return expanded if settings.children else frozenset(settings.labels)


def sources_digest(settings: AudioIngestSettings) -> str:
    """Fingerprint of all files that AudioIngest would read."""
    sources = CorpusSources.of(settings, settings.root)
    return fingerprint([*sources.segments.values(), sources.ontology, sources.audio])
