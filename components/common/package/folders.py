"""Versioned folders: written aside, then renamed; the same file with the same facts is never pushed twice."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.push_reports import FrontierIndex, ModelDescription
from schemas.tflite_reports import TfliteVariant

MODEL_FILE = "model.tflite"
GOLDEN_FILE = "golden.npz"
NOTICE_FILE = "NOTICE.txt"
CARD_FILE = "MODEL_CARD.md"
EXAMPLE_FILE = "example.py"
STREAMING_FILE = "streaming.py"
C_ARRAY_FILE = "model_data.cc"
SUMS_FILE = "SHA256SUMS"
INCOMING = ".incoming"
LOCK = ".lock"
SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


def sha256_of(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checked_file(folder: str | Path, variant: TfliteVariant, expected: str) -> Path:
    """The variant's file, if it is the very file that was judged.

    Args:
      folder: The converter's artifact.
      variant: Its entry.
      expected: sha256 of the verdict.

    Raises:
      ValueError: If a name could leave the folder, the file is absent, or its sha256 is another.
    """
    for name in (variant.name, variant.file, variant.golden):
        if not SAFE_NAME.match(name):
            raise ValueError(
                f"name {name!r} in {folder} is not accepted: letters, digits, '.', '_' and '-' only"
            )
    path = Path(folder) / variant.file
    if not path.is_file():
        raise ValueError(f"the blessed file {path} is absent")
    found = sha256_of(path)
    if found != expected:
        raise ValueError(
            f"{path} is not the file that was judged: its sha256 is {found}, the verdict's "
            f"{expected}; nothing is pushed"
        )
    return path


def file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of a version's folder, by name."""
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


def push(
    destination: Path, description: ModelDescription, model: Path, golden: Path, texts: Mapping[str, str]
) -> Path:
    """Pushes one model as a new version, or finds the version that already holds it.

    Args:
      destination: Folder of all versions.
      description: Of the model; becomes ``model.json``.
      model: The TFLite file.
      golden: Its golden vectors.
      texts: What else lies beside them, by file name. ``SHA256SUMS`` is added.

    Returns:
      The version's folder ``<destination>/<candidate id>/<variant>/<version>``.

    Raises:
      ValueError: If the candidate's or variant's name could leave the destination.
    """
    for name in (description.candidate_id, description.variant):
        if not SAFE_NAME.match(name):
            raise ValueError(f"name {name!r} is not accepted: letters, digits, '.', '_' and '-' only")
    destination.mkdir(parents=True, exist_ok=True)
    with _locked(destination):
        variant = destination / description.candidate_id / description.variant
        versions = _versions(variant)
        for version in versions.values():
            if _holds(version, description):
                return version
        aside = destination / INCOMING / f"{description.candidate_id}.{description.variant}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        shutil.copyfile(model, aside / MODEL_FILE)
        shutil.copyfile(golden, aside / GOLDEN_FILE)
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8")
        description.save(str(aside))
        (aside / SUMS_FILE).write_text(_sums(aside), encoding="utf-8")
        for path in aside.iterdir():
            _flush(path)
        variant.mkdir(parents=True, exist_ok=True)
        final = variant / str(max(versions, default=0) + 1)
        aside.rename(final)
        _flush(variant)
        return final


def write_index(destination: Path, index: FrontierIndex) -> None:
    """Replaces ``frontier.json`` as a whole."""
    with _locked(destination):
        aside = destination / INCOMING
        index.save(str(aside))
        _flush(aside / FrontierIndex.FILE)
        (aside / FrontierIndex.FILE).replace(destination / FrontierIndex.FILE)
        _flush(destination)


def _versions(variant: Path) -> dict[int, Path]:
    if not variant.is_dir():
        return {}
    return {
        int(path.name): path for path in sorted(variant.iterdir()) if path.name.isdigit() and path.is_dir()
    }


def _holds(version: Path, description: ModelDescription) -> bool:
    """Whether a version is this file, described alike, and as it was pushed.

    Which run described it so first makes no difference.
    """
    try:
        held = ModelDescription.load(version)
        whole = (version / SUMS_FILE).read_text(encoding="utf-8") == _sums(version)
    except (OSError, ValueError):  # cut short, or of another release
        return False
    who = {"run_name": "", "run_key": ""}
    return whole and held.model_copy(update=who) == description.model_copy(update=who)


def _sums(folder: Path) -> str:
    """sha256 of all other files, as 'sha256sum --check' reads it."""
    digests = {name: digest for name, digest in file_digests(folder).items() if name != SUMS_FILE}
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


@contextlib.contextmanager
def _locked(destination: Path) -> Iterator[None]:
    """One pusher at a time; a killed one leaves no lock."""
    destination.mkdir(parents=True, exist_ok=True)
    with (destination / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _flush(path: Path) -> None:
    """Makes a file or a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
