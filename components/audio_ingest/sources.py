"""The files AudioIngest reads: where they are, whether they are there, whether they changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.audio_ingest.label_names import display_names
from components.audio_ingest.labels import CLASS_LABELS, LabelFilter, label_filter
from components.audio_ingest.layouts import find_layout
from components.audio_ingest.layouts.base import LayoutError
from components.audio_ingest.recordings.listing import check_folder
from components.audio_ingest.row_labels import RowLabels
from components.audio_ingest.settings import AUDIO, FOLDER, SPEECH, AudioIngestSettings
from components.common.audio.fingerprint import fingerprint
from components.common.audio.intake_report import IngestError
from components.common.audio.places import PlaceError, is_file, is_folder, join

CORPUS_FOLDER = "corpus"


@dataclass(frozen=True)
class CorpusSources:
    """Places of a corpus, as paths or URLs.

    Attributes:
      root: Its folder.
      segments: Segments files by split; none where a plain folder is the corpus.
      held_out: Segments files whose videos never enter training, apart from those of the eval split.
      audio: Folder of the clips.
      ontology: The ontology; may be absent.
      strong_labels: The strong set's list of labels; may be absent.
      class_labels: AudioSet's list of labels, ``class_labels_indices.csv``; may be absent.
    """

    root: str
    segments: dict[str, tuple[str, ...]]
    held_out: tuple[str, ...]
    audio: str
    ontology: str
    strong_labels: str
    class_labels: str

    @classmethod
    def of(cls, settings: AudioIngestSettings, root: str | Path) -> CorpusSources:
        """The sources below ``root``; absolute settings and URLs stand for themselves."""
        folder = settings.layout == FOLDER  # it has no tables
        segments = {} if folder else settings.segments.by_split()
        return cls(
            str(root),
            {split: tuple(join(root, name) for name in names) for split, names in segments.items()},
            () if folder else tuple(join(root, name) for name in settings.segments.held_out),
            str(root) if folder and settings.audio == AUDIO else join(root, settings.audio),
            join(root, settings.ontology),
            join(root, settings.strong_labels),
            join(root, CLASS_LABELS),
        )

    def segment_files(self) -> dict[str, tuple[str, ...]]:
        """All segments files by the setting that names them."""
        return {**self.segments, "held_out": self.held_out}

    def row_labels(self) -> RowLabels:
        """Knows the labels that rows give by name; that of speech needs no file."""
        return RowLabels(lambda: {SPEECH: "Speech", **display_names(self)})

    def label_filter(self, settings: AudioIngestSettings, key: str = "audio_ingest") -> LabelFilter:
        """The filter of the settings, names looked up in the files that are here.

        Raises:
          IngestError: If a file of names is malformed, or a label is unknown.
        """
        return label_filter(settings, self.ontology, self.strong_labels, key, self.class_labels)


def check_sources(settings: AudioIngestSettings, key: str = "audio_ingest") -> None:
    """Refuses settings whose files are not there; cheap enough to be called before anything runs.

    Args:
      settings: With ``root`` set.
      key: Where the settings stand in the configuration, for the message.

    Raises:
      IngestError: With the key of the setting, its value and what is accepted.
    """
    if not settings.root:
        raise IngestError(
            f"{key}.root: is empty; accepted: a folder with segments CSVs and clips, or of recordings"
        )
    sources = CorpusSources.of(settings, settings.root)
    try:
        _check_places(settings, sources, key)
    except PlaceError as error:
        raise IngestError(f"{key}.root: {error}") from error
    if settings.layout == FOLDER:
        check_folder(sources.audio, key)
        return
    try:
        find_layout(sources.audio, settings.layout)
    except (LayoutError, PlaceError) as error:
        raise IngestError(f"{key}.audio: {error}") from error
    sources.label_filter(settings, key)


def _check_places(settings: AudioIngestSettings, sources: CorpusSources, key: str) -> None:
    if not is_folder(sources.root):
        raise IngestError(
            f"{key}.root: there is no folder {settings.root!r}; "
            "accepted: a folder with segments CSVs and clips, or of recordings"
        )
    for name, files in sources.segment_files().items():
        for file in files:
            if not is_file(file):
                raise IngestError(
                    f"{key}.segments.{name}: there is no file {file!r}; accepted: a segments CSV. A "
                    f"folder of recordings without tables is taken with {key}.layout: {FOLDER}"
                )
    if not is_folder(sources.audio):
        raise IngestError(f"{key}.audio: there is no folder {sources.audio!r}; accepted: a folder of clips")


def sources_digest(settings: AudioIngestSettings) -> str:
    """Fingerprint of all files that AudioIngest would read.

    Raises:
      PlaceError: If a URL's file system cannot be asked.
    """
    sources = CorpusSources.of(settings, settings.root)
    files = [file for files in sources.segment_files().values() for file in files]
    names = [sources.ontology, sources.strong_labels, sources.class_labels]
    return fingerprint([*files, *names, sources.audio])
