"""Manifests of NOSS tasks: ``file,label,speaker_id,split,fold``, one clip a line."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("file", "label", "speaker_id", "split", "fold")
SPLITS = ("train", "validation", "test")


class ManifestError(ValueError):
    """A manifest that cannot be used; the message has file and line."""


@dataclass(frozen=True)
class ManifestRow:
    """One clip of a task.

    Attributes:
      file: As written, relative to the manifest.
      path: The sound file, normalised.
      label: The class.
      speaker_id: The speaker, or empty.
      split: train, validation or test.
      fold: Fold or other grouping key, or empty.
      line: Line in the manifest.
    """

    file: str
    path: str
    label: str
    speaker_id: str
    split: str
    fold: str
    line: int


def read_manifest(path: str | Path) -> list[ManifestRow]:
    """Reads all rows of a manifest.

    Raises:
      ManifestError: With file, line and what is accepted, at the first malformed row.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            given = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in COLUMNS if name not in given]
            if missing:
                raise ManifestError(
                    f"{path}:1: without column {', '.join(missing)}; needed are {','.join(COLUMNS)}, "
                    f"got {','.join(given) or 'an empty file'}"
                )
            reader.fieldnames = given
            return [_row(row, path, reader.line_num) for row in reader]
    except csv.Error as error:
        raise ManifestError(f"{path}:{reader.reader.line_num}: not a CSV row: {error}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text: {error}") from error


def _row(row: dict[str, str | None], path: Path, line: int) -> ManifestRow:
    values = {name: (row[name] or "").strip() for name in COLUMNS}
    if None in row or any(row[name] is None for name in COLUMNS):
        raise ManifestError(f"{path}:{line}: not as many fields as the header has columns")
    for name in ("file", "label"):
        if not values[name]:
            raise ManifestError(f"{path}:{line}: the {name} is empty")
    if values["split"] not in SPLITS:
        raise ManifestError(
            f"{path}:{line}: unknown split {values['split']!r}; accepted are {', '.join(SPLITS)}"
        )
    return ManifestRow(
        file=values["file"],
        path=os.path.normpath(path.parent.absolute() / values["file"]),
        label=values["label"],
        speaker_id=values["speaker_id"],
        split=values["split"],
        fold=values["fold"],
        line=line,
    )
