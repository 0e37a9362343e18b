"""Which folders a run may have, and what is left in them and elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import pipeline_runner
from pipeline.local.layout import RunLayout
from pipeline.local.run_folder import FolderHeld, exclusive, make_run_folder, run_folder, temporary_files
from tests.fork_server import run_python


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert pipeline_runner.main(arguments) == 2
    said = capsys.readouterr()
    # What takes seconds is said before anything is looked at.
    assert [line for line in said.out.splitlines() if "loading TensorFlow and TFX" not in line] == []
    assert said.err.count("\n") == 1
    assert len(said.err) < 1500
    assert said.err.startswith("refused: ")
    return said.err


@pytest.mark.parametrize(
    "name", ["a?b", "a*", "[a]", "a#b", "50%", "a\nb", "a\x1b[31mb", "a\udcffb", "{a}", 'a"b']
)
@pytest.mark.parametrize("command", ["demo", "report", "registry"])
def test_names_that_a_library_cannot_take_are_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, command: str
) -> None:
    words = ["registry", "ls"] if command == "registry" else [command]
    said = refused(capsys, *words, "--output", str(tmp_path / name / "run"))
    assert "cannot be part of the path of a run's folder; accepted: printable characters" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a b", "o'clock", "ä-語", "a&b;c$d", "a@1", "-a", "a+b=c,d", "~a"])
def test_other_names_are_taken(tmp_path: Path, name: str) -> None:
    layout = run_folder(tmp_path / name)
    make_run_folder(layout)
    assert list(layout.root.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/run", "/dev/full", "/proc/run", "x" * 300])
def test_what_cannot_be_a_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    said = refused(capsys, "demo", "--output", str(tmp_path / place))
    assert Path(place).name[:20] in said
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    # A limit of the size of files answers as a full disk does, at the first write.
    code = (
        "import resource, sys, pipeline_runner\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "sys.exit(pipeline_runner.main(['demo', '--output', sys.argv[1]]))\n"
    )
    done = run_python("-c", code, str(tmp_path / "run"))
    assert done.returncode == 2, done.stderr
    assert "cannot be written: File too large; accepted: a folder on a disk with room" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "run").iterdir()) == []


def test_a_held_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = RunLayout(tmp_path)
    with exclusive(layout):
        with pytest.raises(FolderHeld, match=f"another run is writing into {tmp_path}"), exclusive(layout):
            pass
        said = refused(capsys, "demo", "--output", str(tmp_path))
    assert said == f"refused: another run is writing into {tmp_path}\n"


@pytest.mark.parametrize(
    "content",
    [b"no database " * 500, b"SQLite format 3\x00" + b"\xff" * 9000],
    ids=["no database", "damaged"],
)
@pytest.mark.parametrize("command", ["demo", "report", "lineage"])
def test_damaged_metadata_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, command: str
) -> None:
    (tmp_path / "metadata.db").write_bytes(content)
    arguments = ["lineage", str(tmp_path)] if command == "lineage" else [command, "--output", str(tmp_path)]
    said = refused(capsys, *arguments)
    assert f"{tmp_path}/metadata.db: this is not valid ML Metadata: " in said
    assert (tmp_path / "metadata.db").read_bytes() == content


def test_a_database_of_something_else_is_no_metadata(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_store: Path
) -> None:
    (tmp_path / "metadata.db").write_bytes(empty_store.read_bytes())
    assert "a database of something else" in refused(capsys, "report", "--output", str(tmp_path))


def test_temporary_files_are_the_folders_own_and_go(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "run")
    layout.temporary.mkdir(parents=True)
    (layout.temporary / "of a killed run").touch()
    before = (os.environ.get("TMPDIR"), tempfile.gettempdir())
    with temporary_files(layout):
        assert list(layout.temporary.iterdir()) == []
        child = "import tempfile; print(tempfile.mkstemp()[1])"
        made = [
            tempfile.mkstemp()[1],
            subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout,
        ]
        assert {Path(file).parent for file in made} == {layout.temporary}
    assert not layout.temporary.exists()
    assert (os.environ.get("TMPDIR"), tempfile.gettempdir()) == before
