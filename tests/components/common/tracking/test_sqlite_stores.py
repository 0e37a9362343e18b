"""MLflow's SQLite files are made whole or not at all, and an unusable one is recognised."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from components.common.tracking.faults import StoreDamaged
from components.common.tracking.stores import open_client, sqlite_file

OPEN = """
import sys
from components.common.tracking.stores import open_client
print(open_client(sys.argv[1]).search_experiments()[0].name)
"""


def opening(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, f"sqlite:///{file}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def unfinished(file: Path) -> None:
    """A store as a process leaves it that is killed while MLflow makes its tables."""
    import sqlalchemy
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    engine.dispose()


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


def test_a_kill_while_the_tables_are_made_leaves_no_store(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    partial = tmp_path / ".mlflow.db.partial"
    process = opening(file)
    while not (partial.exists() and partial.stat().st_size > 8192):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not file.exists()
    assert open_client(f"sqlite:///{file}").search_experiments()[0].name == "Default"
    assert not partial.exists()


def test_two_processes_make_one_store(tmp_path: Path) -> None:
    processes = [opening(tmp_path / "mlflow.db") for _ in range(2)]
    for process in processes:
        out, err = process.communicate()
        assert (out, process.returncode) == ("Default\n", 0), err
    assert not list(tmp_path.glob("*incomplete*"))


def test_an_unfinished_store_that_holds_nothing_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "mlflow.db"
    unfinished(file)
    before = file.read_bytes()
    # As a kill leaves it: replayed into the new store, it would ruin it.
    (tmp_path / "mlflow.db-wal").write_bytes(b"")
    assert open_client(f"sqlite:///{file}").search_experiments()[0].name == "Default"
    (aside,) = tmp_path.glob("mlflow.db.incomplete-*")
    assert aside.read_bytes() == before
    assert "was never finished and holds nothing" in caplog.text


def test_an_unfinished_store_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    unfinished(file)
    execute(file, "INSERT INTO metrics (key, value, timestamp, run_uuid) VALUES ('loss', 1.0, 1, 'r')")
    before = file.read_bytes()
    with pytest.raises(
        StoreDamaged, match=r"lacks tables .* holds entries in metrics\. Copy the file, .*upgrade"
    ):
        open_client(f"sqlite:///{file}")
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*incomplete*"))


def test_a_store_of_no_experiment_is_no_unfinished_store(tmp_path: Path, empty_store: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_store.read_bytes())
    execute(file, "DELETE FROM experiments")
    assert open_client(f"sqlite:///{file}").search_experiments()[0].name == "Default"
    assert not list(tmp_path.glob("*incomplete*"))


def test_a_store_of_an_earlier_mlflow_is_left_alone(tmp_path: Path, empty_store: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_store.read_bytes())
    execute(file, "UPDATE alembic_version SET version_num = '0a8213491aaa'")
    with pytest.raises(Exception, match="0a8213491aaa"):
        open_client(f"sqlite:///{file}").search_experiments()
    assert not list(tmp_path.glob("*incomplete*"))


@pytest.mark.parametrize("content", [b"not a database " * 1000, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_a_damaged_store_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(content)
    with pytest.raises(
        StoreDamaged, match=r"mlflow\.db is damaged: .*; put back a copy of it, or move it away"
    ):
        open_client(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.touch()
    assert open_client(f"sqlite:///{file}").search_experiments()[0].name == "Default"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mlflow.db.lock", "mlflow.db"]


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "http://host"])
def test_no_file_is_no_file(uri: str) -> None:
    assert sqlite_file(uri) is None


def test_options_of_the_address_are_no_part_of_the_file() -> None:
    assert sqlite_file("sqlite:////a/b.db?timeout=5") == Path("/a/b.db")
