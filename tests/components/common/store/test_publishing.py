"""Files and folders that appear whole or not at all, made by real processes that collide and are killed."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.common.store import publishing
from components.common.store.publishing import forget_unused, locked, make_once, mark_used, publish, sweep

ROOT = Path(__file__).resolve().parents[4]

# Makes a folder of two files that must be of one maker; slow enough that several are at it at once.
MAKER = """
import os, sys, time
from pathlib import Path
from components.common.store import publishing
from components.common.store.publishing import make_once, publish

target, who, how, seconds = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
os.getpid = lambda: 1  # as in every container
if how == "without locks":
    def refuse(*_):
        raise OSError(38, "Function not implemented")
    publishing.fcntl.flock = refuse

def make(folder):
    folder.mkdir()
    (folder / "first").write_text(who)
    print("half", flush=True)
    time.sleep(seconds)
    (folder / "second").write_text(who)

if how == "replace":
    with publish(target, replace=True) as partial:
        make(partial)
    print("made", flush=True)
else:
    print("made" if make_once(target, make) else "found", flush=True)
print((target / "first").read_text() + (target / "second").read_text(), flush=True)
"""


def _start(target: Path, who: str, how: str = "once", seconds: float = 0.3) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKER, str(target), who, how, str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _said(process: subprocess.Popen[str]) -> list[str]:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return said.split()


def _killed_half_way(target: Path, how: str = "once") -> None:
    process = _start(target, "killed", how, 60)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def _visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _partials(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix in (".partial", ".held")]


# --- collisions


def test_of_those_who_come_at_once_one_makes_and_the_others_find(tmp_path: Path) -> None:
    processes = [_start(tmp_path / "store", f"<{number}>") for number in range(4)]
    said = [_said(process) for process in processes]
    assert sorted(words[-2] for words in said) == ["found", "found", "found", "made"]
    assert len({words[-1] for words in said}) == 1
    assert sum("half" in words for words in said) == 1
    assert _visible(tmp_path) == ["store"] and not _partials(tmp_path)


def test_without_locks_nothing_is_mixed(tmp_path: Path) -> None:
    processes = [_start(tmp_path / "store", f"<{number}>", "without locks") for number in range(4)]
    said = [_said(process)[-1] for process in processes]
    assert len(set(said)) == 1  # everyone reads what the first one published
    first = said[0][: len(said[0]) // 2]
    assert said[0] == first + first
    assert _visible(tmp_path) == ["store"] and not _partials(tmp_path)


def test_who_replaces_at_once_with_others_leaves_one_whole_folder(tmp_path: Path) -> None:
    target = tmp_path / "store"
    processes = [_start(target, f"<{number}>", "replace", 0.1 * number) for number in range(4)]
    for process in processes:
        process.communicate(timeout=60)
    assert (target / "first").read_text() == (target / "second").read_text()
    assert _visible(tmp_path) == ["store"] and not _partials(tmp_path)


def test_a_reader_sees_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "record"
    end = time.monotonic() + 1.0
    torn: list[str] = []

    def read() -> None:
        while time.monotonic() < end:
            text = target.read_text() if target.exists() else ""
            if (text and len(set(text)) > 1) or len(text) not in (0, 200_000):
                torn.append(text[:20])

    reader = threading.Thread(target=read)
    reader.start()
    letters = iter("abcdefghij" * 10_000)
    while time.monotonic() < end:
        with publish(target) as partial, partial.open("w") as file:
            letter = next(letters)
            for _ in range(20):
                file.write(letter * 10_000)
                file.flush()
    reader.join()
    assert not torn and target.exists()


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    made: list[str] = []

    def make(path: Path) -> None:
        time.sleep(0.2)
        made.append(str(path))
        path.write_text("whole")

    threads = [threading.Thread(target=make_once, args=(tmp_path / "one", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 1


# --- makers that are killed, or fail


def test_a_killed_maker_blocks_nobody_and_its_remains_go(tmp_path: Path) -> None:
    _killed_half_way(tmp_path / "store")
    assert _visible(tmp_path) == [] and len(_partials(tmp_path)) == 2
    begun = time.monotonic()
    assert _said(_start(tmp_path / "store", "next"))[-2:] == ["made", "nextnext"]
    assert time.monotonic() - begun < 30
    assert _visible(tmp_path) == ["store"] and not _partials(tmp_path)


def test_who_waits_for_one_who_is_killed_makes_it(tmp_path: Path) -> None:
    first = _start(tmp_path / "store", "killed", seconds=60)
    assert first.stdout is not None and first.stdout.readline() == "half\n"
    second = _start(tmp_path / "store", "second")
    time.sleep(0.5)
    assert second.poll() is None
    first.kill()
    first.communicate(timeout=60)
    assert _said(second)[-2:] == ["made", "secondsecond"]


def test_sweeping_spares_what_somebody_still_makes(tmp_path: Path) -> None:
    _killed_half_way(tmp_path / "killed")
    alive = _start(tmp_path / "alive", "alive", seconds=2)
    assert alive.stdout is not None and alive.stdout.readline() == "half\n"
    sweep(tmp_path)
    assert {path.name.split(".")[1] for path in _partials(tmp_path)} == {"alive"}
    assert _said(alive)[-2:] == ["made", "alivealive"]


def test_sweeping_for_one_target_spares_the_others(tmp_path: Path) -> None:
    for name in ("store", "store.2", "other"):
        _killed_half_way(tmp_path / name, "replace")
    sweep(tmp_path, "store")
    assert {path.name.rpartition(".")[0].rpartition(".")[0] for path in _partials(tmp_path)} == {
        ".store.2",
        ".other",
    }
    sweep(tmp_path / "absent")


def test_what_another_machine_makes_is_left_alone_for_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed_half_way(tmp_path / "store")
    monkeypatch.setattr(publishing, "_kernel", lambda: "0" * 8)
    sweep(tmp_path)
    assert len(_partials(tmp_path)) == 2
    long_ago = time.time() - 2 * 3600
    for path in _partials(tmp_path):
        for each in (*path.rglob("*"), path):
            os.utime(each, (long_ago, long_ago))
    newest = next(path for path in _partials(tmp_path) if path.is_dir())
    os.utime(newest / "first")
    sweep(tmp_path)
    assert newest in _partials(tmp_path)  # somebody still writes into it
    for each in (newest / "first", newest):
        os.utime(each, (long_ago, long_ago))
    sweep(tmp_path)
    assert not _partials(tmp_path)


def test_remains_of_earlier_releases_go(tmp_path: Path) -> None:
    for name in (".store.partial", ".store.17.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / ".other.json.17.partial").write_text("{")
    sweep(tmp_path, "store")
    assert [path.name for path in tmp_path.iterdir()] == [".other.json.17.partial"]
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_maker_that_fails_publishes_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").write_text("of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            make_once(tmp_path / "store", fail)
        assert [path.name for path in tmp_path.iterdir()] == [".store.lock"]


def test_a_failed_replacement_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "store"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(KeyboardInterrupt), publish(target, replace=True) as partial:
        partial.mkdir()
        raise KeyboardInterrupt
    assert (target / "old").exists() and not _partials(tmp_path)


def test_what_nobody_uses_is_forgotten_after_a_month(tmp_path: Path) -> None:
    long_ago = time.time() - 31 * 24 * 3600
    for name in ("store-old", "store-used", "store-new", "other-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        if name != "store-new":
            os.utime(tmp_path / name, (long_ago, long_ago))
    mark_used(tmp_path / "store-used")
    forget_unused(tmp_path, "store-*")
    assert _visible(tmp_path) == ["other-old", "store-new", "store-used"]
    forget_unused(tmp_path / "absent", "*")


# --- the rules


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_takes_the_place_of_another_only_if_asked_to(tmp_path: Path, replace: bool) -> None:
    for name in ("old", "new"):
        with publish(tmp_path / "store", replace=replace) as partial:
            partial.mkdir()
            (partial / name).touch()
    assert [path.name for path in (tmp_path / "store").iterdir()] == (["new"] if replace else ["old"])
    assert not _partials(tmp_path)


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with publish(tmp_path / "deep" / "file") as partial:
            assert not partial.exists()
            partial.write_text(text)
    assert (tmp_path / "deep" / "file").read_text() == "new"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


def test_names_differ_although_machine_and_process_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(socket, "gethostname", lambda: "pod")
    with publish(tmp_path / "store") as one, publish(tmp_path / "store") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "store").read_text() in ("one", "other")


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    with locked(tmp_path / "store"):
        (tmp_path / ".store.lock").unlink()
        with locked(tmp_path / "store"):
            assert (tmp_path / ".store.lock").exists()


def test_a_maker_that_only_begins_is_not_taken_for_a_killed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def open_and_be_swept(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = opened(path, flags, mode)
        if flags & os.O_CREAT and path.suffix == ".held" and not swept:
            swept.append(path)
            sweep(tmp_path)  # between the file and its lock
            assert not path.exists()
        return descriptor

    swept: list[Path] = []
    monkeypatch.setattr(publishing.os, "open", open_and_be_swept)
    with publish(tmp_path / "store") as partial:
        partial.write_text("whole")
        sweep(tmp_path)
        assert partial.exists()
    assert swept and (tmp_path / "store").read_text() == "whole"


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) <= before
