"""What the layouts share: finding files, reading their lists, and messages that say where."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.noss_ingest.rows import SourceError, SourceMissing

_FEMALE = "f female weiblich femenino mujer féminin femme femminile femmina donna женский"
_MALE = "m male männlich masculino hombre masculin homme maschile maschio uomo мужской"
_SEXES = dict.fromkeys(_FEMALE.split(), "female") | dict.fromkeys(_MALE.split(), "male")


def unpacked(folder: Path, marker: str, *tops: str) -> Path:
    """The folder in which ``marker`` lies: ``folder`` itself or one of ``tops`` in it, which archives make.

    Raises:
      SourceMissing: If it lies in none of them.
    """
    for top in (".", *tops):
        if (folder / top / marker).exists():
            return folder / top
    also = f" (nor in its {', '.join(tops)})" if tops else ""
    raise SourceMissing(f"there is no {marker} in {folder}{also}")


def names_in(folder: str | Path, suffix: str) -> list[str]:
    """Names of the entries of a folder that end as told, sorted; hidden ones are left out.

    Raises:
      SourceMissing: If there is no such folder.
    """
    try:
        found = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceMissing(f"there is no folder {folder}") from error
    return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))


def folders_in(folder: str | Path) -> list[str]:
    """Names of the sub-folders of a folder, sorted; hidden ones are left out."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that are not blank, stripped, each with its place.

    Raises:
      SourceMissing: If there is no such file.
      SourceError: If it is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}:{number}", line.strip()
    except FileNotFoundError as error:
        raise SourceMissing(f"there is no file {path}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not UTF-8 text: {error}") from error


def table_of(
    path: Path, columns: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header, only the columns asked for, each with its place.

    Raises:
      SourceMissing: If there is no such file.
      SourceError: If it lacks one of the columns, or a row of them.
    """
    lines = lines_of(path)
    place, header = next(lines, (f"{path}:1", ""))
    given = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    missing = [name for name in columns if name not in given]
    if missing:
        raise SourceError(
            f"{place}: without column {', '.join(missing)}; got {', '.join(given) or 'nothing'}"
        )
    for place, line in lines:
        values = [value.strip() for value in next(csv.reader([line], delimiter=delimiter))]
        if len(values) < len(given):
            raise SourceError(f"{place}: {len(values)} fields, the header has {len(given)}: {line!r}")
        row = dict(zip(given, values, strict=False))
        yield place, {name: row[name] for name in columns}


def sex_of(word: str) -> str:
    """``female`` or ``male`` for what a source writes (``F``, ``Male``, ``weiblich``), else empty."""
    return _SEXES.get(word.strip(" []").lower(), "")
