"""What could not be sent to MLflow: records with all their files, kept until somebody sends them."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

from components.common.package.folders import SAFE_NAME
from components.common.store.publishing import publish, sweep
from schemas.run_records import RecordedRun, RunRecord

WHY_FILE = "why.txt"
FILES_FOLDER = "files"
MODELS_FOLDER = "models"
_SENT = ".sent"


def keep(record: RunRecord, outbox: Path, why: str) -> Path:
    """Copies a record and every file it names; what is kept needs nothing outside its folder.

    The folder is written aside, then renamed: a kill leaves no half record. An earlier record of the same
    verdict goes when the new one stands.

    Args:
      record: With absolute paths.
      outbox: Folder of all that waits.
      why: Why it was not sent, without credentials.

    Returns:
      The record's folder ``<outbox>/<run key>-<verdict>-<content>``.

    Raises:
      ValueError: If the run key could leave the outbox.
      OSError: If a file is absent or the outbox cannot be written.
    """
    if not SAFE_NAME.match(record.run_key):
        raise ValueError(f"run key {record.run_key!r}; accepted: letters, digits, '.', '_' and '-'")
    verdict = _verdict(record)
    content = hashlib.sha256(record.model_dump_json().encode()).hexdigest()[:12]
    final = outbox / f"{verdict}-{content}"
    if final.is_dir():
        return final
    sweep(outbox)
    for sent in outbox.glob(f".{verdict}-*{_SENT}"):
        shutil.rmtree(sent, ignore_errors=True)
    with publish(final) as aside:
        aside.mkdir()
        _copied(record, aside).model_copy(update={"kept_at": time.time()}).save(aside)
        (aside / WHY_FILE).write_text(f"{why}\n", encoding="utf-8")
        earlier = kept(record, outbox)
    for folder in earlier:
        release(folder)
    return final


def waiting(outbox: Path) -> list[Path]:
    """Folders of the records that wait, in the order in which they were kept."""
    if not outbox.is_dir():
        return []
    whole = [path for path in outbox.iterdir() if path.name[0] != "." and (path / RunRecord.FILE).is_file()]
    return sorted(whole, key=lambda path: (path / RunRecord.FILE).stat().st_mtime_ns)


def kept(record: RunRecord, outbox: Path) -> list[Path]:
    """Folders that keep the same run with the same verdict."""
    return [folder for folder in waiting(outbox) if folder.name.startswith(f"{_verdict(record)}-")]


def release(folder: Path) -> None:
    """Removes a record that was sent; a kill leaves nothing that waits by half."""
    aside = folder.with_name(f".{folder.name}{_SENT}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside)


def _verdict(record: RunRecord) -> str:
    return f"{record.run_key}-{record.verdict_digest[:12]}"


def _copied(record: RunRecord, folder: Path) -> RunRecord:
    """The record with its files copied into a folder, and their places relative to it."""
    versions = []
    for version in record.versions:
        # One folder serves the versions of several devices.
        place = Path(MODELS_FOLDER, version.description.candidate_id, version.description.variant)
        shutil.copytree(version.folder, folder / place, dirs_exist_ok=True)
        versions.append(version.model_copy(update={"folder": place.as_posix()}))
    return record.model_copy(
        update={
            "parent": _copied_run(record.parent, folder, Path(FILES_FOLDER, "pipeline")),
            "candidates": {
                name: _copied_run(run, folder, Path(FILES_FOLDER, "candidates", name))
                for name, run in record.candidates.items()
            },
            "versions": versions,
        }
    )


def _copied_run(run: RecordedRun, folder: Path, below: Path) -> RecordedRun:
    files = []
    for file in run.files:
        # As it will lie among the run's artifacts.
        place = below / file.place
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.path, folder / place)
        files.append(file.model_copy(update={"path": place.as_posix()}))
    return run.model_copy(update={"files": files})
