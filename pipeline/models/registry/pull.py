"""A registered version's files in a folder of somebody's own: verified, whole or not at all."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.package.folders import SUMS_FILE, file_digests
from components.common.tracking.faults import TrackingFault, telling
from pipeline.configuration.config_file import ConfigError
from pipeline.models.registry.files import NEEDED, PUSHED_FILES, SCRIPT_FILE, Tampered, fetch_files
from pipeline.models.registry.uses import mark_used, served_tag
from pipeline.models.registry.versions import find_version
from schemas.push_reports import ModelDescription

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_SUM = re.compile(r"([0-9a-f]{64})  (\S+)")


@dataclass(frozen=True)
class Pulled:
    """What was pulled.

    Attributes:
      version: As in 'tinytrill-host v3'.
      aliases: As in 'champion'.
      folder: Where it lies.
      files: sha256 of each file, by name.
      description: The model.
      served: What it was pulled for; empty: nobody said.
    """

    version: str
    aliases: tuple[str, ...]
    folder: Path
    files: dict[str, str]
    description: ModelDescription
    served: str


def pull(client: MlflowClient, text: str, folder: Path, served: str = "") -> Pulled:
    """Fetches a version's files into a folder and says at the version what they are for.

    The folder is there as a whole or not at all; an earlier pull in it is replaced.

    Args:
      client: Of the store.
      text: Names the version; see :func:`pipeline.models.registry.versions.find_version`.
      folder: New, empty, or an earlier pull that nobody changed.
      served: What the version is pulled for, as 'watch-app 3.2'; empty: not said.

    Raises:
      ConfigError: If there is no such version, or the folder holds something else.
      Tampered: If a file is not the one that was registered; the folder is left as it was.
      TrackingFault: If the store does not respond as expected.
    """
    if served:
        served_tag(served)  # or it would be refused only when all is fetched
    folder = folder.absolute()
    check_folder(folder)
    with telling(client.tracking_uri):
        version = find_version(client, text)
    with _beside(folder) as aside:
        fetched = aside / "new"
        description = fetch_files(client, version, fetched)
        # It runs where MLflow serves the model; here it would be one more thing to explain.
        (fetched / SCRIPT_FILE).unlink(missing_ok=True)
        files = file_digests(fetched)
        if SUMS_FILE in files and sums(fetched) != {n: d for n, d in files.items() if n != SUMS_FILE}:
            raise Tampered(f"{version.name} v{version.version}: {SUMS_FILE} does not list its files")
        check_folder(folder)  # again: fetching takes its time
        _put(fetched, folder, aside / "old")
    if served:
        _say(client, version, served, folder)
    return Pulled(
        f"{version.name} v{version.version}",
        tuple(sorted(version.aliases)),
        folder,
        files,
        description,
        served,
    )


def check_folder(folder: Path) -> None:
    """Makes sure that nothing of somebody else's is lost.

    Raises:
      ConfigError: If the folder is something else than new, empty, or an earlier pull as it was pulled.
    """
    accepted = "accepted: a new or empty folder, or an earlier pull that nobody changed"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder} is no folder; {accepted}")
    if Path.cwd().is_relative_to(folder):
        raise ConfigError(f"{folder} is where you are, and would be replaced; {accepted}, as one below it")
    held = sorted(folder.iterdir()) if folder.exists() else []
    if not held:
        return
    foreign = [path.name for path in held if path.name not in PUSHED_FILES or not path.is_file()]
    absent = sorted(NEEDED - {path.name for path in held})
    if foreign or absent:
        what = f"holds {', '.join(map(repr, foreign[:3]))}" if foreign else f"has no {absent[0]}"
        raise ConfigError(f"{folder} is in use and is not an earlier pull: it {what}; {accepted}")
    recorded = sums(folder) if (folder / SUMS_FILE).is_file() else {}
    changed = [n for n, d in file_digests(folder).items() if n != SUMS_FILE and recorded.get(n) != d]
    if changed:
        raise ConfigError(
            f"{folder} is an earlier pull, but {', '.join(changed)} was changed in it; {accepted}"
        )


def sums(folder: Path) -> dict[str, str]:
    """What a folder's ``SHA256SUMS`` says, by file name."""
    lines = (folder / SUMS_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    return {found[2]: found[1] for line in lines if (found := _SUM.fullmatch(line))}


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder for a while, on the same disk."""
    with _writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent)
    with aside as name:
        yield Path(name)


def _put(fetched: Path, folder: Path, old: Path) -> None:
    """Renames the files into place; what was there comes back if that fails."""
    with _writing(folder):
        if folder.exists():
            folder.rename(old)
        try:
            fetched.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A disk that refuses is the reader's, and not the store's."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error}") from error


def _say(client: MlflowClient, version: ModelVersion, served: str, folder: Path) -> None:
    try:
        with telling(client.tracking_uri):
            mark_used(client, version, served)
    except TrackingFault as fault:
        raise TrackingFault(
            f"the files are in {folder}, but that they are for {served!r} could not be recorded: {fault}"
        ) from None
