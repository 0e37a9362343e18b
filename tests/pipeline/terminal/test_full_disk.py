"""A disk that is full in the middle of a run."""

import errno
import shutil
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import tfx.v1 as tfx
from rich.console import Console

from components.common.store.publishing import publish
from pipeline import dag
from pipeline.configuration.config_file import load_config
from pipeline.configuration.resolved import ResolvedRun
from pipeline.local.layout import RunLayout
from pipeline.local.runner import RunFailed, _run_pipeline
from pipeline.terminal.ending import unforeseen
from pipeline.terminal.full_disk import full_disk

_MIB = 2**20


def write(uri: str, mebibytes: int) -> None:
    with publish(Path(uri) / "content") as partial:
        partial.write_bytes(b"x" * mebibytes * _MIB)


@tfx.dsl.components.component
def Small(made: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.Model]) -> None:
    write(made.uri, 1)


@tfx.dsl.components.component
def Large(
    given: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    made: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.Model],
) -> None:
    write(made.uri, 6)


def two_nodes(run: ResolvedRun) -> Any:
    small = Small()
    large = Large(given=small.outputs["made"])
    return tfx.dsl.Pipeline(
        pipeline_name="full",
        pipeline_root=str(run.layout.artifacts),
        components=[small, large],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(run.layout.metadata)
        ),
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("filler", [5, 7])
def test_a_run_goes_on_when_there_is_room_again(
    small_disk: Path, filler: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 5 MiB taken there is some room left beside the partial content, with 7 hardly any."""
    monkeypatch.setattr(dag, "create_pipeline", two_nodes)
    layout = RunLayout(small_disk / "run")
    layout.root.mkdir()
    layout.log.touch()
    (small_disk / "filler").write_bytes(b"x" * filler * _MIB)

    def run() -> Any:
        resolved = ResolvedRun.of(load_config("demo"), layout)
        return _run_pipeline(resolved, Console(file=StringIO()), False)[0]

    with pytest.raises(RunFailed) as failed:
        run()
    said = str(failed.value)
    assert said.startswith(f"Large: the disk that holds {layout.root} is full")
    assert "MiB are free there now" in said and "run the same command again" in said
    assert len(said.splitlines()) == 2
    # What was half made is gone.
    assert not [*layout.artifacts.rglob("*.partial")]

    (small_disk / "filler").unlink()
    times = run()
    assert (times.cached, times.executed) == (["Small"], ["Large"])
    (content,) = (layout.artifacts / "Large").rglob("content")
    assert content.stat().st_size == 6 * _MIB


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "{output}/artifacts/a/content"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write/Write']"),
        RuntimeError("sqlite error 13: database or disk is full"),
    ],
)
def test_it_is_told_by_number_or_words_wherever_it_stands_in_the_chain(
    tmp_path: Path, error: Exception
) -> None:
    if isinstance(error, OSError) and error.filename:
        error.filename = str(error.filename).format(output=tmp_path)
    for raised in (error, _from(error), _while(error)):
        said = full_disk(raised, tmp_path)
        assert said.startswith(f"the disk that holds {tmp_path} is full: there was no room for more under ")
        assert "\n" not in said


def test_another_error_is_none(tmp_path: Path) -> None:
    for error in (OSError(errno.EACCES, "Permission denied", "x"), ValueError("space"), KeyError("disk")):
        assert full_disk(error, tmp_path) == "" == full_disk(_from(error), None)


def test_what_may_be_deleted_is_named(tmp_path: Path) -> None:
    scratch = RunLayout(tmp_path).scratch
    scratch.mkdir()
    (scratch / "old").write_bytes(b"x" * 3 * _MIB)
    assert f"{scratch} (3 MiB) may be deleted" in full_disk(OSError(errno.ENOSPC, "full"), tmp_path)


def test_a_publisher_that_meets_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left") as raised, publish(tmp_path / "report") as partial:
        partial.write_text("half")
    assert [*tmp_path.iterdir()] == []
    line = unforeseen(raised.value, tmp_path)
    assert f"; the disk that holds {tmp_path} is full" in line and "\n" not in line


def _from(error: Exception) -> Exception:
    try:
        raise ValueError("wrapped") from error
    except ValueError as wrapped:
        return wrapped


def _while(error: Exception) -> Exception:
    try:
        try:
            raise error
        except Exception:
            raise ValueError("while")  # noqa: B904
    except ValueError as wrapped:
        return wrapped
