"""The tasks NossIngest reads: which there are, whether they are sound, whether they changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.audio.fingerprint import fingerprint
from components.audio.intake_report import IngestError
from components.noss_ingest.manifest import read_manifest
from components.noss_ingest.settings import NossIngestSettings, NossTask

CORPUS_FOLDER = "noss"
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class TaskSource:
    """A task and where its manifest lies."""

    task: NossTask
    manifest: Path
    limit: int


def find_tasks(
    settings: NossIngestSettings, root: str | Path, synthetic: bool = False, key: str = "noss_ingest"
) -> list[TaskSource]:
    """The tasks of the settings, or of the root's sub-folders.

    Args:
      settings: Which tasks.
      root: Folder of the tasks.
      synthetic: Whether all of them are synthesised.
      key: Where the settings stand in the configuration, for the message.

    Raises:
      IngestError: If the root, a manifest, or every task is absent.
    """
    root = Path(root)
    if not root.is_dir():
        raise IngestError(f"{key}.root: there is no folder {str(root)!r}; accepted is a folder of tasks")
    for index, task in enumerate(settings.tasks):
        if not (root / task.manifest).is_file():
            raise IngestError(
                f"{key}.tasks.{index}.manifest: there is no file {str(root / task.manifest)!r} "
                f"for task {task.name!r}; accepted is a manifest CSV"
            )
    tasks = settings.tasks or tuple(
        NossTask(
            name=folder.name,
            manifest=f"{folder.name}/{MANIFEST}",
            speaker_disjoint=settings.speaker_disjoint,
            synthetic=synthetic,
        )
        for folder in sorted(root.iterdir())
        if (folder / MANIFEST).is_file() and not folder.name.startswith(".")
    )
    if not tasks:
        raise IngestError(
            f"{key}.root: no sub-folder of {str(root)!r} has a {MANIFEST}; accepted is a folder of tasks"
        )
    return [
        TaskSource(task, root / task.manifest, settings.limit if task.limit is None else task.limit)
        for task in tasks
    ]


def check_sources(settings: NossIngestSettings, key: str = "noss_ingest") -> None:
    """Refuses settings whose files are not there; cheap enough to be called before anything runs.

    Raises:
      IngestError: With the key of the setting, its value and what is accepted.
    """
    if not settings.root:
        raise IngestError(f"{key}.root: is empty; accepted is a folder of tasks")
    find_tasks(settings, settings.root, key=key)


def sources_digest(settings: NossIngestSettings) -> str:
    """Fingerprint of the manifests and of all clips they name."""
    manifests = [source.manifest for source in find_tasks(settings, settings.root)]
    return fingerprint([*manifests, *{row.path for manifest in manifests for row in read_manifest(manifest)}])
