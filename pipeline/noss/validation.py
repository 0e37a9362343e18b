"""Checking a folder that is to be a task: every problem, with its place and what is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.common.audio.errors import AudioError
from components.common.audio.sounds import decode_files
from components.noss_ingest.choice import folder_record
from components.noss_ingest.leaks import fold_of, problems_of, shared_contents
from components.noss_ingest.manifest import scan_manifest
from components.noss_ingest.plan import request_of
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.splits import with_splits
from schemas.noss_tasks import MANIFEST_FILE, RECORD_FILE, ManifestSource, TaskRecord, TaskRecordError

_SAMPLE = 500


@dataclass(frozen=True)
class Validation:
    """What was found in a task's folder.

    Attributes:
      record: Of the task; None if it cannot be read.
      rows: Its clips, with splits where they could be made.
      problems: All that is wrong.
      decoded: How many clips were decoded.
    """

    record: TaskRecord | None
    rows: Sequence[TaskRow]
    problems: Sequence[str]
    decoded: int


def validate_task(
    folder: Path,
    every_clip: bool = False,
    watched: Callable[[Sequence[TaskRow]], Iterable[TaskRow]] = iter,
) -> Validation:
    """Checks ``task.yaml``, ``manifest.csv`` and the clips.

    Args:
      folder: The task's folder.
      every_clip: Whether all clips are decoded and compared, or 500 spread over the task.
      watched: Passes the clips on that are to be decoded; may show how far it is.
    """
    folder = folder.resolve()
    tasks = [] if _is_task(folder) or not folder.is_dir() else sorted(filter(_is_task, folder.iterdir()))
    if tasks:
        names = ", ".join(task.name for task in tasks)
        problem = (
            f"{folder} is not a task, it holds task folders ({names}): give one of them, as in noss validate "
            f"{tasks[0]}; the folder itself is what noss.root names"
        )
        return Validation(None, (), [problem], 0)
    problems: list[str] = []
    record = _record(folder, problems)
    try:
        rows, faults = scan_manifest(folder / MANIFEST_FILE)
    except SourceMissing as error:
        return Validation(record, (), [*problems, f"{error}; accepted: a {MANIFEST_FILE}"], 0)
    problems += faults
    if record is None or not rows:
        return Validation(record, rows, problems or [f"{folder / MANIFEST_FILE}: has no clips"], 0)
    problems += _unlike_the_record(rows, record, folder)
    try:
        rows = with_splits(rows, record.split)
        problems += problems_of(rows, record)
    except SourceError as error:
        problems.append(str(error))
    missing = {row.path for row in rows if not Path(row.path).is_file()}
    problems += [f"{row.place}: there is no file {row.path}" for row in rows if row.path in missing]
    problems += _repeated(rows)
    there = [row for row in rows if row.path not in missing]
    sample = len(there) if every_clip else min(len(there), _SAMPLE)
    chosen = [there[index * len(there) // sample] for index in range(sample)]
    problems += _unusable(watched(chosen), record)
    return Validation(record, rows, problems, len(chosen))


def _is_task(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (MANIFEST_FILE, RECORD_FILE))


def _record(folder: Path, problems: list[str]) -> TaskRecord | None:
    try:
        record = folder_record(folder)
    except (SourceError, TaskRecordError) as error:
        problems.append(str(error))
        return None
    manifest = ManifestSource(file=f"{folder.name}/{MANIFEST_FILE}")
    if manifest not in record.sources:
        problems.append(
            f"{folder / RECORD_FILE}: sources: none is the manifest beside it; accepted: a manifest with "
            f"file {manifest.file!r}, or no sources at all"
        )
    return record


def _unlike_the_record(rows: Sequence[TaskRow], record: TaskRecord, folder: Path) -> Iterator[str]:
    place, found = folder / RECORD_FILE, {row.label for row in rows}
    for label in record.labels:
        if label not in found:
            yield f"{place}: labels: no clip has {label!r}; found are {', '.join(sorted(found))}"
    if record.speaker == "known" and not any(row.speaker_id for row in rows):
        yield f"{place}: speaker: is 'known', but no clip has a speaker_id; accepted: 'unknown'"


def _repeated(rows: Sequence[TaskRow]) -> Iterator[str]:
    first: dict[tuple[str, float], TaskRow] = {}
    for row in rows:
        seen = first.setdefault((row.path, row.start_s), row)
        if seen is not row and seen.split == row.split:
            yield f"{row.place}: the clip {row.file!r} is at {seen.place} already; accepted: each clip once"


def _unusable(rows: Iterable[TaskRow], record: TaskRecord) -> Iterator[str]:
    """Clips that cannot be decoded, and sounds that are in two splits or folds."""
    from components.common.audio.shard_writer import ContentDigest

    limits = NossIngestSettings()
    digests = []
    rows = list(rows)
    requests = [request_of(row, record.name, limits.max_seconds) for row in rows]
    for row, audio in zip(rows, decode_files(requests, limits), strict=True):
        if isinstance(audio, AudioError):
            yield f"{row.place}: {row.path}: {audio}"
            continue
        digests.append(
            ContentDigest(digest=audio.digest, clip_id=row.file, group=f"/{row.split}", source=row.place)
        )
    folds = {row.file: fold for row in rows if (fold := fold_of(row, record))}
    yield from (problem for _, problem in shared_contents(digests, folds))
