"""TensorFlow Hub handles, resolved in the hub library's own cache.

The folder of a module is named by the SHA-1 of its handle, as ``tensorflow_hub`` names it, so either
finds what the other downloaded. The library itself is not used: its 0.15 does not import beside a
setuptools without ``pkg_resources``.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from components.common.modeling.teachers.base import TeacherError
from components.common.store.publishing import publish, sweep

CACHE_VARIABLE = "TFHUB_CACHE_DIR"

_TIMEOUT_S = 20.0

log = logging.getLogger("tinytrill.modeling")


def resolve_handle(handle: str) -> Path:
    """Folder of a module's SavedModel; downloaded if the cache does not hold it.

    The cache is ``TFHUB_CACHE_DIR``, else ``tinytrill/tfhub`` in the user's own cache (``XDG_CACHE_HOME``,
    ``~/.cache``).

    Raises:
      TeacherError: If the handle is not a web address, the module cannot be had, or others may write to
        the cache.
    """
    if not handle.startswith(("http://", "https://")):
        raise TeacherError(
            f"TensorFlow Hub handle {handle!r}: expected an address that starts with https://; "
            "for a folder use kind: savedmodel"
        )
    cache = _cache()
    folder = cache / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
    if folder.exists():
        _check_owner(folder)
    if not (folder / "saved_model.pb").is_file():
        log.info("downloading %s", handle)
        try:
            _download(handle, folder)
        except (OSError, tarfile.TarError, urllib.error.URLError) as error:
            raise TeacherError(
                f"cannot download the teacher {handle} ({error}). Without a network: download the module "
                "elsewhere (the address with ?tf-hub-format=compressed gives a .tar.gz), unpack it and "
                f"either give its folder as `kind: savedmodel, path: <folder>`, or unpack it into {folder} "
                f"({CACHE_VARIABLE} chooses the cache, now {cache})"
            ) from error
    return folder


def _cache() -> Path:
    """The folder of all modules, made for this user alone if it does not exist.

    Raises:
      TeacherError: If it cannot be made, is another user's, or others may write to it.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    # As the XDG specification has it, a relative path counts as none.
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        own = given if given.is_absolute() else Path.home() / ".cache"
        cache = Path(chosen) if chosen else own / "tinytrill" / "tfhub"
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        cache.mkdir(exist_ok=True, mode=0o700)
    except (OSError, RuntimeError) as error:
        raise TeacherError(
            f"the cache of TensorFlow Hub modules cannot be made: {error}; {CACHE_VARIABLE} chooses another "
            "folder"
        ) from error
    _check_owner(cache)
    return cache


def _check_owner(folder: Path) -> None:
    """Refuses a folder whose content another user may have chosen: a model is code.

    A folder that ``TFHUB_CACHE_DIR`` chooses may be shared with a group, as volumes of a cluster are. A
    link has to be the user's as much as what it leads to.

    Raises:
      TeacherError: Naming the owner or the permissions, and what is accepted.
    """
    shared = bool(os.environ.get(CACHE_VARIABLE))
    others = stat.S_IWOTH if shared else stat.S_IWOTH | stat.S_IWGRP
    accepted = (
        "accepted: a folder of this user or of root that nobody else may write to (chmod 700); "
        f"{CACHE_VARIABLE} chooses another"
    )
    found = folder.stat()
    strangers = {folder.lstat().st_uid, found.st_uid} - {os.getuid(), 0}
    if strangers:
        raise TeacherError(
            f"the cache of TensorFlow Hub modules {folder} belongs to the user with id {min(strangers)}, who "
            f"may put any model there; {accepted}"
        )
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & others:
        raise TeacherError(
            f"the cache of TensorFlow Hub modules {folder} ({stat.filemode(found.st_mode)}) can be "
            f"written by others, or is no folder; {accepted}"
        )


def _download(handle: str, folder: Path) -> None:
    address = urllib.parse.urlsplit(handle)
    query = "&".join(part for part in (address.query, "tf-hub-format=compressed") if part)
    sweep(folder.parent, folder.name)
    with publish(folder) as partial:
        partial.mkdir(mode=0o700)
        url = urllib.parse.urlunsplit(address._replace(query=query))
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,
            tarfile.open(fileobj=response, mode="r|*") as archive,
        ):
            _unpack(archive, partial)
        if not (partial / "saved_model.pb").is_file():
            raise OSError("the archive holds no saved_model.pb")
        if not (folder / "saved_model.pb").is_file():  # left by whoever unpacked it by half
            shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Writes the plain files of an archive; tarfile has filters of its own from Python 3.11.4 on only.

    Raises:
      OSError: If a name leads out of the folder.
    """
    for member in archive:
        target = (folder / member.name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise OSError(f"the archive holds {member.name!r}, which lies outside of it")
        content = archive.extractfile(member) if member.isfile() else None
        if content is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(content, file)
