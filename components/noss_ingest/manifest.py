"""Manifests of NOSS tasks: ``file,label,speaker_id,split,fold``, one clip a line.

Further columns that are read if they are there: ``sex``, ``age``, and ``start_s`` and ``seconds`` for
clips that are parts of a file.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.common.audio.places import printable
from components.common.audio.pointers import pointer
from components.noss_ingest.rows import SPLITS, SourceError, SourceMissing, TaskRow

COLUMNS = ("file", "label", "speaker_id", "split", "fold")
OPTIONAL_COLUMNS = ("sex", "age", "start_s", "seconds")


def read_manifest(path: str | Path) -> list[TaskRow]:
    """Reads all rows of a manifest.

    Raises:
      SourceMissing: If there is no such file.
      SourceError: With file, line and what is accepted, if a row is malformed.
    """
    rows, problems = scan_manifest(path)
    if problems:
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise SourceError(problems[0] + more)
    return rows


def scan_manifest(path: str | Path) -> tuple[list[TaskRow], list[str]]:
    """The rows of a manifest that can be read, and what is wrong with the others.

    Raises:
      SourceMissing: If there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceMissing(f"there is no file {path}")
    rows: list[TaskRow] = []
    problems: list[str] = []
    for row in _parse(path):
        if isinstance(row, TaskRow):
            rows.append(row)
        else:
            problems.append(row)
    return rows, problems


def _parse(path: Path) -> Iterator[TaskRow | str]:
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            given = [name.strip() for name in reader.fieldnames or ()]
            stands_for = pointer(",".join(given).encode(errors="surrogateescape"))
            if stands_for or not _is_text(given):
                yield f"{path}: {stands_for or 'not UTF-8 text: its first line is none'}"
                return
            missing = [name for name in COLUMNS if name not in given]
            if missing:
                yield (
                    f"{path}:1: without column {', '.join(missing)}; needed are {','.join(COLUMNS)}, "
                    f"got {','.join(given) or 'an empty file'}"
                )
                return
            reader.fieldnames = given
            for row in reader:
                try:
                    yield _row(row, path, reader.line_num)
                except SourceError as error:
                    yield str(error)
    except csv.Error as error:
        yield f"{path}:{reader.reader.line_num}: not a CSV row: {error}"


def _row(row: dict[str, str | None], path: Path, line: int) -> TaskRow:
    place = f"{path}:{line}"
    if None in row or None in row.values():
        raise SourceError(f"{place}: not as many fields as the header has columns")
    values = {name: (row.get(name) or "").strip() for name in (*COLUMNS, *OPTIONAL_COLUMNS)}
    sound = path.parent.absolute() / values["file"]
    # A file's name may be any bytes, as long as there is such a file.
    wrong = [
        text
        for name, text in values.items()
        if not _is_text([text]) and not (name == "file" and sound.is_file())
    ]
    if wrong:
        raise SourceError(f"{path}: not UTF-8 text: line {line}, {printable(wrong[0])!r}")
    for name in ("file", "label"):
        if not values[name]:
            raise SourceError(f"{place}: the {name} is empty")
    if values["split"] and values["split"] not in SPLITS:
        raise SourceError(f"{place}: unknown split {values['split']!r}; accepted: {', '.join(SPLITS)}")
    start, seconds = (
        _seconds(values["start_s"], place, "start_s"),
        _seconds(values["seconds"], place, "seconds"),
    )
    part = f"#{values['start_s'] or 0}+{values['seconds']}" if start or seconds else ""
    return TaskRow(
        file=values["file"] + part,
        path=os.path.normpath(sound),
        label=values["label"],
        place=place,
        speaker_id=values["speaker_id"],
        split=values["split"],
        fold=values["fold"],
        sex=values["sex"],
        age=values["age"],
        start_s=start,
        seconds=seconds or None,
    )


def _is_text(texts: Sequence[str]) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _seconds(text: str, place: str, column: str) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SourceError(f"{place}: {column} is {text!r}; accepted: seconds from 0, or nothing")
    return value
