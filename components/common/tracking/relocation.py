"""Stores whose files were moved or copied: the places that they name follow.

MLflow and ML Metadata keep absolute places. In a folder that was moved they name what is no longer there, and
in a copy they name the original, into which the next run would write.
"""

from __future__ import annotations

import fcntl
import json
import logging
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from components.common.tracking.faults import StoreRefused, StoreUnreachable
from components.common.tracking.names import ARTIFACTS_FOLDER

# Held by the run that goes on in a folder; see :class:`pipeline.local.layout.RunLayout`.
LOCK_FILE = ".lock"

_BUSY_SECONDS = 20
_ARTIFACTS = re.compile(rf"file://(/.*)/{ARTIFACTS_FOLDER}/?")

logger = logging.getLogger("tinytrill.tracking")


class Move:
    """Names a folder anew in texts: as a path, in a URI, in JSON; what only begins with its name stays.

    Args:
      old: What the folder was called.
      new: What it is called now; texts that say so already stay as they are.
    """

    def __init__(self, old: Path | str, new: Path | str) -> None:
        self.old, self.new = str(old), str(new)
        self._spellings = {self.old, quote(self.old), json.dumps(self.old)[1:-1]}
        end = r"""(?=$|[/"'\s<>&?,;)\]}\\])"""
        # A folder that was moved into its own old place is not moved twice.
        unless = ""
        if self.new.startswith(f"{self.old}/"):
            rest = self.new.removeprefix(self.old)
            unless = f"(?!(?:{re.escape(rest)}|{re.escape(quote(rest))}){end})"
        spellings = "|".join(map(re.escape, sorted(self._spellings, key=len, reverse=True)))
        # Not the end of another path, nor the host and the path of a URI.
        self._pattern = re.compile(rf"(file://)?(?<![\w.~%-])(?<!:/)({spellings}){end}{unless}")

    def __call__(self, text: str) -> str:
        """The text with the folder's new name, written as the text writes it."""
        is_json = text.startswith(("{", "["))

        def anew(found: re.Match[str]) -> str:
            scheme, old = found[1] or "", found[2]
            if scheme or old == quote(self.old) != self.old:
                return scheme + quote(self.new)
            return json.dumps(self.new, ensure_ascii=False)[1:-1] if is_json else self.new

        return self._pattern.sub(anew, text)

    @property
    def spellings(self) -> Collection[str]:
        """What a text that names the folder holds one of."""
        return self._spellings


def relocate_database(file: Path, moves: Iterable[Move]) -> None:
    """Names folders anew in all texts of a SQLite database, in one transaction.

    Raises:
      StoreRefused: If it cannot be written.
    """
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            for move in moves:
                for table, column in _text_columns(database):
                    _relocate_column(database, table, column, move)
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreRefused(
            f"{file} was moved or copied, and the paths in it cannot be updated: {error}; accepted: a "
            "folder that this user may write, such as a copy of it"
        ) from None


def _text_columns(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall():
            if any(word in kind.upper() for word in ("CHAR", "TEXT", "CLOB", "JSON")):
                yield table, column


def _relocate_column(database: sqlite3.Connection, table: str, column: str, move: Move) -> None:
    spellings = list(move.spellings)
    holding = " OR ".join(f'instr("{column}", ?)' for _ in spellings)
    rows = database.execute(f'SELECT rowid, "{column}" FROM "{table}" WHERE {holding}', spellings).fetchall()
    changed = [(new, row) for row, old in rows if isinstance(old, str) and (new := move(old)) != old]
    database.executemany(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', changed)


def relocate_store(file: Path) -> None:
    """Lets an MLflow store in a SQLite file name the artifacts that lie beside it.

    Only experiments whose artifacts are really there are named anew: a database that was copied alone goes on
    naming the artifacts of the original.

    Raises:
      StoreUnreachable: If a run is writing into the folder, which it knows by its other name.
      StoreRefused: If the file cannot be written.
    """
    file = file.resolve()
    moves = [Move(old, file.parent) for old in sorted(_earlier_places(file))]
    if not moves:
        return
    with _not_running(file.parent, moves[0].old):
        relocate_database(file, moves)
    logger.info("the MLflow store %s was in %s: its paths are updated", file, moves[0].old)


def _earlier_places(file: Path) -> set[str]:
    """Folders that experiments name as theirs though their artifacts lie beside the file."""
    beside = file.parent / ARTIFACTS_FOLDER
    if not beside.is_dir():
        return set()
    with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as database:
        try:
            named = database.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall()
            return {
                place
                for experiment, location in named
                if (match := _ARTIFACTS.fullmatch(location or ""))
                and (place := unquote(match[1])) != str(file.parent)
                and _is_here(database, experiment, beside)
            }
        except sqlite3.Error:
            return set()  # no store of this release: whoever uses it says so


def _is_here(database: sqlite3.Connection, experiment: object, beside: Path) -> bool:
    runs = database.execute("SELECT run_uuid FROM runs WHERE experiment_id = ?", (experiment,))
    if any((beside / run).is_dir() for (run,) in runs):
        return True
    models = database.execute("SELECT model_id FROM logged_models WHERE experiment_id = ?", (experiment,))
    return any((beside / "models" / model).is_dir() for (model,) in models)


@contextmanager
def _not_running(folder: Path, old: str) -> Iterator[None]:
    """Keeps a run from beginning meanwhile.

    Raises:
      StoreUnreachable: If one goes on.
    """
    lock = folder / LOCK_FILE
    if not lock.is_file():
        yield
        return
    with lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreUnreachable(
                f"a run is writing into {folder}, which it knows as {old}; try again when it has ended"
            ) from None
        yield
