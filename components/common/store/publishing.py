"""Files and folders that appear whole or not at all, also where many processes and machines make them.

What is made lies aside under a name that nobody else can have, and gets its own name by one rename. A reader
never sees half of it, and of two makers of the same name one is first. Process ids are no such names: the
first process of every container has the same one.

Locks save work and find what killed makers left; nothing that is published depends on them. The kernel lets
go of a lock when its holder ends, however it ends. Where a file system knows no locks, two may do the same
work, and what a killed maker on another machine left waits for an hour.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_PARTIAL, _HELD = ".partial", ".held"
# .<name>.<kernel>-<unique>.partial, and beside it .held, which its maker keeps locked.
_TOKEN = re.compile(r"\.(?P<kernel>[0-9a-f]{8})-[0-9a-f]{32}(?:\.partial|\.held)$")
_ABANDONED_S = 3600.0
_UNUSED_S = 30 * 24 * 3600.0
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF})

log = logging.getLogger("tinytrill.publishing")


@contextmanager
def publish(target: Path, replace: bool = False) -> Iterator[Path]:
    """Gives a place to make a file or a folder in, and publishes it when the block ends.

    If the block raises, what it made is removed and nothing is published. A file takes the place of another
    one. A folder does so only if asked to: content that is keyed by its name needs no second copy.

    Args:
      target: Where it is to appear; its folder is made.
      replace: Let a folder take the place of one that is there. Between the two there is a moment without
        either, and a maker that is killed in it leaves neither.

    Yields:
      A path beside the target at which nothing is.

    Raises:
      OSError: If it cannot be written or published.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, held, lock = _reserve(target)
    try:
        yield partial
        _appear(partial, target, replace)
    finally:
        _remove(partial)
        held.unlink(missing_ok=True)
        os.close(lock)


def make_once(target: Path, make: Callable[[Path], None]) -> bool:
    """Makes a file or a folder, unless it is there; who comes meanwhile waits and finds it.

    What makers of the same target left that were killed is removed first.

    Args:
      target: What is to be there; its name says all that its content depends on.
      make: Makes it at the path that it is given, at which nothing is.

    Returns:
      Whether it was made now.

    Raises:
      OSError: If it cannot be written or published.
    """
    if target.exists():
        return False
    with locked(target):
        if target.exists():
            return False
        sweep(target.parent, target.name)
        with publish(target) as partial:
            make(partial)
    return True


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Holds the lock ``.<name>.lock`` beside a target; waits for whoever else holds it.

    Raises:
      OSError: If the lock file cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = _hold(target.with_name(f".{target.name}.lock"), target.name)
    try:
        yield
    finally:
        os.close(lock)


def sweep(folder: Path, name: str = "") -> None:
    """Removes what killed makers left in a folder; what somebody still makes stays.

    Args:
      folder: Where the targets lie; it need not be there.
      name: Of the target; empty: of all targets.
    """
    with suppress(FileNotFoundError):
        for path in [*folder.iterdir()]:
            ours = path.name.startswith(".") and path.suffix in (_PARTIAL, _HELD)
            if ours and name in ("", _target_of(path)):
                _remove_if_abandoned(path)


def clear(folder: Path) -> None:
    """Removes what has not been published from a folder in which all is there that was wanted.

    Unlike :func:`sweep` it does not ask whether somebody is still at it: a worker that its runner has given
    up may be, also on another machine, and what it makes has been made by another one meanwhile.

    Args:
      folder: Where the targets lie.
    """
    for path in [*folder.iterdir()]:
        if _TOKEN.search(path.name):
            _remove(path)


def forget_unused(folder: Path, pattern: str) -> None:
    """Removes folders that nobody has marked as used for 30 days: of code or sound that is no more.

    Args:
      folder: Where they lie; it need not be there.
      pattern: Of their names.
    """
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            if path.is_dir() and time.time() - path.stat().st_mtime > _UNUSED_S:
                log.info("removing %s: unused for 30 days", path)
                shutil.rmtree(path, ignore_errors=True)


def mark_used(folder: Path) -> None:
    """Says that a folder is used now, for :func:`forget_unused`."""
    with suppress(OSError):
        os.utime(folder)


def _target_of(path: Path) -> str:
    """The name of what was to be published; earlier releases put a process id behind it, or nothing."""
    name, ours = _TOKEN.subn("", path.name)
    return name[1:] if ours else re.sub(r"(\.\d+)?\.partial$", "", name)[1:]


def _reserve(target: Path) -> tuple[Path, Path, int]:
    """A name for a new partial, the file that says that it is being made, and that file's lock."""
    token = f"{_kernel()}-{uuid.uuid4().hex}"
    partial = target.with_name(f".{target.name}.{token}{_PARTIAL}")
    held = partial.with_suffix(_HELD)
    return partial, held, _hold(held, target.name)


def _appear(partial: Path, target: Path, replace: bool) -> None:
    while True:
        try:
            partial.replace(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if not replace:
                return  # another maker was first
        old = target.with_name(f".{target.name}.{_kernel()}-{uuid.uuid4().hex}{_PARTIAL}")
        with suppress(FileNotFoundError):
            target.rename(old)
        _remove(old)


def _remove_if_abandoned(path: Path) -> None:
    """Removes a partial that nobody makes any more, or the file ``.held`` of one that is gone."""
    match, held = _TOKEN.search(path.name), path.with_suffix(_HELD)
    if match is None:
        _remove(path)  # an earlier release named it
    elif match["kernel"] != _kernel():
        # Not every file system tells machines of each other's locks.
        if time.time() - _changed_s(path) > _ABANDONED_S:
            _remove(path)
    else:
        try:
            lock = os.open(held, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENOENT:  # it is made before a partial, and goes after it
                _remove(path)
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path.with_suffix(_PARTIAL))
            held.unlink(missing_ok=True)  # with the lock: its maker, if it only begins, sees that it is gone
        except OSError:
            return
        finally:
            os.close(lock)


def _changed_s(path: Path) -> float:
    """When a file, or anything in a folder, was last changed; now, if it goes meanwhile."""
    try:
        return max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:
        return time.time()


def _hold(path: Path, name: str) -> int:
    """Opens and locks a file, made if need be; the lock goes with the descriptor."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("waiting for %s, which another process makes", name)
                fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(lock)
                raise
        except BaseException:
            os.close(lock)
            raise
        # Who cleared the folder meanwhile left us the lock of a file that is gone.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@cache
def _kernel() -> str:
    """Tells machines apart, and not the containers of one: they share its locks."""
    try:
        return uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip()).hex[:8]
    except (OSError, ValueError):
        return f"{uuid.getnode():012x}"[:8]
