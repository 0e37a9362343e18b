"""A run's folder as somebody names it: whether it can be one, who holds it, and its temporary files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.configuration.config_file import ConfigError
from pipeline.local.layout import RunLayout
from schemas.bounded import bounded

# TFX and Beam take the first three for patterns of file names, the address of a SQLite store ends at '?', and
# that of MLflow's artifacts at '#'; a '%' begins an escape in both, and quotes end the strings of JSON.
_REFUSED = '*?[]{}#%\\"'
_PROBE_BYTES = 1 << 20


class FolderHeld(ConfigError):
    """Another process is writing into the run's folder."""


def run_folder(path: Path) -> RunLayout:
    """The layout of a folder that a run may use; nothing is made.

    Raises:
      ConfigError: If its path holds characters that a library of the pipeline cannot take, or names a file.
    """
    try:
        root = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"--output {bounded(str(path))}: {error}") from None
    for character in str(root):
        if character in _REFUSED or not character.isprintable():
            raise ConfigError(
                f"--output {bounded(str(root))}: {character!r} cannot be part of the path of a run's folder; "
                f"accepted: printable characters other than {' '.join(_REFUSED)}"
            )
    try:
        if root.exists() and not root.is_dir():
            raise ConfigError(f"--output {bounded(str(root))}: is a file; accepted: a folder, or a new name")
    except OSError as error:
        raise ConfigError(f"--output {bounded(str(root))}: {error.strerror}") from None
    return RunLayout(root)


def make_run_folder(layout: RunLayout) -> None:
    """Makes the folder, and sees that something can be written there.

    Raises:
      ConfigError: If it cannot be made or written, or its disk is full.
    """
    probe = layout.root / ".probe"
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("wb") as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--output {bounded(str(layout.root))}: cannot be written: {error.strerror}; accepted: a folder "
            "on a disk with room that this user may write"
        ) from None


@contextmanager
def exclusive(layout: RunLayout) -> Iterator[None]:
    """Holds the folder; the system lets go of it even if the process is killed.

    Raises:
      FolderHeld: If another run holds it.
    """
    with layout.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderHeld(f"another run is writing into {layout.root}") from None
        yield


@contextmanager
def temporary_files(layout: RunLayout) -> Iterator[None]:
    """Lets this process and those it starts put their temporary files into the run's folder.

    What a killed run left there goes at the beginning, all else at the end: TensorFlow, Beam and their
    workers leave files in the system's own folder when they are killed.

    Args:
      layout: Of a folder that this process holds.
    """
    folder = layout.temporary
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    before, cached = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = cached
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
        shutil.rmtree(folder, ignore_errors=True)
