"""``manifest.csv`` beside the recordings of a folder: which are taken, and what is known of them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.audio_ingest.segment_rows import SegmentsError
from components.common.audio.places import printable

MANIFEST = "manifest.csv"

SPLITS = ("train", "eval")
_FILE, _SPLIT, _SPEAKER, _LABEL = "file", "split", "speaker_id", "label"
_COLUMNS = (_FILE, _SPLIT, _SPEAKER, _LABEL)


@dataclass(frozen=True)
class ManifestRow:
    """A row of a manifest.

    Attributes:
      file: Path relative to the manifest.
      split: train or eval; empty: the manifest has no such column.
      speaker: Who speaks; may be empty.
      labels: Of the recording, which the manifest holds between commas.
      line: Where the row stands.
    """

    file: str
    split: str
    speaker: str
    labels: tuple[str, ...]
    line: int


def read_manifest(path: Path) -> list[ManifestRow]:
    """Reads a manifest.

    Raises:
      SegmentsError: With file, line and what is accepted, at the first malformed row; if there is none; or
        if a speaker is in two splits.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = list(_rows(path, csv.reader(file, skipinitialspace=True, strict=True)))
    except (OSError, csv.Error) as error:
        raise SegmentsError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise SegmentsError(
            f"{path}: no row; accepted: the columns {', '.join(_COLUMNS)}, a row for each file"
        )
    _check_speakers(path, rows)
    return rows


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[ManifestRow]:
    header = [name.strip() for name in next(lines, [])]
    unknown = sorted(set(header) - set(_COLUMNS))
    if _FILE not in header or unknown or len(set(header)) < len(header):
        raise SegmentsError(
            f"{path}:1: the columns are {', '.join(header) or 'absent'}; accepted: file, and any of "
            f"{', '.join(_COLUMNS[1:])}, each once, between commas"
        )
    for line, fields in enumerate(lines, start=2):
        if not any(field.strip() for field in fields):
            continue
        place = f"{path}:{line}"
        if len(fields) != len(header):
            raise SegmentsError(
                f"{place}: {len(fields)} fields, {len(header)} are needed ({', '.join(header)})"
            )
        row = {name: field.strip() for name, field in zip(header, fields, strict=True)}
        if _SPLIT in header and row[_SPLIT] not in SPLITS:
            raise SegmentsError(
                f"{place}: the split {row[_SPLIT]!r} is unknown; accepted: {', '.join(SPLITS)}"
            )
        yield ManifestRow(
            _file(row[_FILE], place),
            row.get(_SPLIT, ""),
            printable(row.get(_SPEAKER, "")),
            tuple(label for label in map(str.strip, printable(row.get(_LABEL, "")).split(",")) if label),
            line,
        )


def _file(name: str, place: str) -> str:
    path = os.path.normpath(name)
    if not name or os.path.isabs(path) or path.split("/")[0] == "..":
        raise SegmentsError(
            f"{place}: {name!r} is not a file of this corpus; accepted: a path below the manifest's folder"
        )
    return path


def _check_speakers(path: Path, rows: list[ManifestRow]) -> None:
    first: dict[str, ManifestRow] = {}
    for row in rows:
        known = first.setdefault(row.speaker, row)
        if row.speaker and known.split != row.split:
            raise SegmentsError(
                f"{path}:{row.line}: speaker {row.speaker!r} is in {row.split}, and in {known.split} by line "
                f"{known.line}; accepted: each speaker in one split, or no column {_SPEAKER}"
            )
