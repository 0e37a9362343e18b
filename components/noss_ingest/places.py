"""The places of a task's sound: what a record's sources are on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from components.noss_ingest.layouts import read_layout
from components.noss_ingest.manifest import read_manifest
from components.noss_ingest.rows import SourceMissing, TaskRow
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.tfds import prepared_folder, read_tfds
from components.noss_ingest.tfds_prepare import command
from schemas.noss_tasks import LayoutSource, Obtain, TaskRecord, TaskSourceSpec, TfdsSource


@dataclass(frozen=True)
class Places:
    """Where sources are looked for.

    Attributes:
      root: Folder of the tasks.
      tfds_dir: Folder of TFDS's prepared data sets.
      download: Whether TFDS may fetch and prepare.
    """

    root: Path
    tfds_dir: Path
    download: bool = False

    @classmethod
    def of(cls, settings: NossIngestSettings, root: str | Path) -> Places:
        """The places of the settings; TFDS's own folder where they name none."""
        own = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        return cls(Path(root), Path(settings.tfds_dir or own).expanduser(), settings.download)


def read_rows(record: TaskRecord, places: Places) -> tuple[list[TaskRow], str]:
    """The clips of the first of a task's sources that is there, and which it is.

    Raises:
      SourceMissing: If none is, saying what was looked for.
      SourceError: If it is malformed.
    """
    reasons = []
    for source in record.sources:
        try:
            if not (places.download and isinstance(source, TfdsSource)):
                check_place(source, places)
            return _read(source, places), describe(source)
        except SourceMissing as error:
            reasons.append(str(error))
    raise SourceMissing("; ".join(reasons))


def locate(record: TaskRecord, places: Places) -> TaskSourceSpec:
    """The first of a task's sources that is there; of a publisher's folder the clips are listed.

    Raises:
      SourceMissing: If none is, saying what was looked for.
      SourceError: If such a folder is malformed.
    """
    reasons = []
    for source in record.sources:
        try:
            check_place(source, places)
            if isinstance(source, LayoutSource):  # a folder that is there may hold something else
                read_layout(source.layout, places.root / source.folder)
            return source
        except SourceMissing as error:
            reasons.append(str(error))
    raise SourceMissing("; ".join(reasons))


def check_place(source: TaskSourceSpec, places: Places) -> None:
    """Refuses a source where there is nothing.

    Raises:
      SourceMissing: Saying what was looked for.
    """
    place = place_of(source, places)
    if place is not None and place.exists():
        return
    if isinstance(source, TfdsSource):
        raise SourceMissing(
            f"there is no {describe(source)} in {places.tfds_dir}; to prepare it: "
            f"{command(source, places.tfds_dir)}"
        )
    raise SourceMissing(f"there is no {describe(source)} in {places.root}")


def describe(source: TaskSourceSpec) -> str:
    """A source in words, the same on every machine."""
    if isinstance(source, TfdsSource):
        return f"TFDS {source.builder} {source.version}".rstrip()
    return f"folder {source.folder}" if isinstance(source, LayoutSource) else f"manifest {source.file}"


def how_to_obtain(obtain: Obtain) -> str:
    """The command, the page and the note, as far as there are any."""
    parts = [f"run {obtain.command}" if obtain.command else "", obtain.page, obtain.note]
    return "; ".join(part for part in parts if part) or "its record does not say how to get it"


def _read(source: TaskSourceSpec, places: Places) -> list[TaskRow]:
    if isinstance(source, TfdsSource):
        return read_tfds(source, places.tfds_dir, places.download)
    if isinstance(source, LayoutSource):
        return read_layout(source.layout, places.root / source.folder)
    return read_manifest(places.root / source.file)


def place_of(source: TaskSourceSpec, places: Places) -> Path | None:
    """The file or folder of a source, there or not; None: TFDS has not prepared it."""
    if isinstance(source, TfdsSource):
        return prepared_folder(source, places.tfds_dir)
    return places.root / (source.folder if isinstance(source, LayoutSource) else source.file)
