"""MLflow's SQLite files: made whole or not at all, and looked at before MLflow uses them.

MLflow makes its tables in some fifty steps in the very file. A kill between two of them leaves a store
that it can neither use nor repair, so a new store is made beside its place and renamed when it is whole.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_COMPANIONS = ("", "-journal", "-wal", "-shm")
# What MLflow's own migrations write into a store that nobody has used.
_OWN_TABLES = ("alembic_version", "workspaces")
_BUSY_SECONDS = 20

logger = logging.getLogger("tinytrill.tracking")


def ensure_store(file: Path) -> None:
    """Makes an MLflow store if there is none; two processes that ask at once make one.

    A file that a killed process left without all its tables, and in which nothing was ever stored, is renamed
    to ``<name>.incomplete-<time>`` and a new store is made in its place.

    Args:
      file: The SQLite file. Its folder is made.

    Raises:
      StoreRefused: If the file or its folder cannot be written.
      StoreDamaged: If the file is not a SQLite database, is damaged, or lacks tables though something is
        stored in it; it is left as it is.
    """
    from components.common.tracking.faults import StoreRefused

    try:
        if _in_use(file):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file):
            if not _in_use(file) and not _is_whole(file):
                _set_aside(file)
                _make(file)
    except OSError as error:
        raise StoreRefused(
            f"the MLflow store sqlite:///{file} cannot be made: {error}; accepted: a file this user may write"
        ) from None


def _in_use(file: Path) -> bool:
    """Whether MLflow finished its tables and began to use them: its default experiment comes after them."""
    if not _holds_anything(file):
        return False
    with _reading(file) as database:
        tables = _tables(database)
        return "alembic_version" in tables and "experiments" in tables and _rows(database, "experiments") > 0


def _is_whole(file: Path) -> bool:
    """Whether a file is a store of this MLflow that nobody has used yet.

    Raises:
      StoreDamaged: If it is not, and holds something.
    """
    if not _holds_anything(file):
        return False
    from mlflow.store.db.utils import _get_latest_schema_revision

    from components.common.tracking.faults import StoreDamaged

    latest = _get_latest_schema_revision()
    with _reading(file) as database:
        tables = _tables(database)
        revisions = (
            {name for (name,) in database.execute("SELECT version_num FROM alembic_version")}
            if "alembic_version" in tables
            else set()
        )
        if revisions == {latest}:
            return True
        filled = [name for name in tables if name not in _OWN_TABLES and _rows(database, name)]
    if filled:
        raise StoreDamaged(
            f"the MLflow store sqlite:///{file} lacks tables (its schema is "
            f"{', '.join(revisions) or 'of no version'}, expected {latest}) and holds entries in "
            f"{', '.join(sorted(filled)[:5])}. Copy the file, then try: mlflow db upgrade "
            f"'sqlite:///{file}'; if that fails, move it away and a new one is made"
        )
    return False


def _holds_anything(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A database, opened so that what a killed writer left half written is rolled back.

    Raises:
      StoreRefused: If it cannot be opened.
      StoreDamaged: If it is no database, or not a sound one.
    """
    from components.common.tracking.faults import StoreDamaged, StoreRefused, StoreUnreachable

    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as database:
            yield database
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreUnreachable(
                f"the MLflow store sqlite:///{file} is in use: {error}; try again later"
            ) from None
        raise StoreRefused(
            f"the MLflow store sqlite:///{file} cannot be read: {error}; accepted: a file "
            "that this user may read and write"
        ) from None
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(
            f"the MLflow store sqlite:///{file} is damaged: {error}; put back a copy of it, or move it "
            "away: a new one is made, without the earlier runs and versions"
        ) from None


def _tables(database: sqlite3.Connection) -> list[str]:
    names = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [name for (name,) in names]


def _rows(database: sqlite3.Connection, table: str) -> int:
    """1 if a table has any row, else 0."""
    return len(database.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchall())


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Holds the right to make a store; the system lets go of it if the process is killed."""
    lock = file.with_name(f".{file.name}.lock")
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _set_aside(file: Path) -> None:
    """Renames a store without all its tables, and its journal: applied to a new store, that would ruin it."""
    aside = f"{file.name}.incomplete-{time.strftime('%Y%m%d-%H%M%S')}"
    if _holds_anything(file):
        logger.warning(
            "the MLflow store sqlite:///%s was never finished and holds nothing: it is %s now, and a new one "
            "is made",
            *(file, aside),
        )
    for companion in _COMPANIONS:
        old = file.with_name(f"{file.name}{companion}")
        if _holds_anything(old):
            old.rename(file.with_name(f"{aside}{companion}"))


def _make(file: Path) -> None:
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    partial = file.with_name(f".{file.name}.partial")
    for companion in _COMPANIONS:
        partial.with_name(f"{partial.name}{companion}").unlink(missing_ok=True)
    engine = create_sqlalchemy_engine(f"sqlite:///{partial}")
    try:
        # No store object: it would also write its default experiment, with a place beside the partial file.
        _initialize_tables(engine)
    finally:
        engine.dispose()
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.rename(file)
