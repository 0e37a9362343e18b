"""The log-mels that all trainers share: made once, found by content, whoever is killed or comes at once."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from components.student_trainer import window_store
from components.student_trainer.window_store import WindowStore, open_store
from schemas.distillation_reports import DistillationSetInfo
from schemas.students import FrontEndSpec
from tests.components.student_trainer.conftest import write_distillation_set
from tests.fork_server import Forked, start_python

FRONT_END = FrontEndSpec(frames=40)

# A trainer's pod: its process has the id that every pod's process has.
POD = """
import hashlib, logging, os, sys, time
from pathlib import Path

os.getpid = lambda: 1
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from components.student_trainer import window_store
from schemas.students import FrontEndSpec

class Slow(window_store.LogMel):
    def __call__(self, *given):
        print("half", flush=True)
        time.sleep(float(sys.argv[3]))
        return super().__call__(*given)

window_store.LogMel = Slow
store = window_store.open_store(sys.argv[1], "train", FrontEndSpec(frames=40), Path(sys.argv[2]))
print("digest", hashlib.sha256(store.log_mel.tobytes() + store.target.tobytes()).hexdigest(), flush=True)
"""


def _pod(windows: str, scratch: Path, seconds: float) -> Forked:
    return start_python(["-c", POD, windows, scratch, str(seconds)], stderr=subprocess.DEVNULL)


def _said(pod: Forked) -> list[str]:
    assert pod.stdout is not None
    return pod.stdout.read().split("\n")


def _open(windows: str | Path, scratch: Path, code: str = "") -> WindowStore:
    return open_store(str(windows), "train", FRONT_END, scratch, code)


def _folders(scratch: Path) -> set[str]:
    return {path.name for path in scratch.iterdir()}


def _partials(scratch: Path) -> list[Path]:
    return [path for path in scratch.rglob(".*") if path.suffix in (".partial", ".held")]


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """A set of its own, to be changed."""
    return Path(write_distillation_set(tmp_path / "windows", train=12, held_out=4))


@pytest.mark.slow
def test_pods_that_come_at_once_make_one_store(windows: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    pods = [_pod(str(windows), scratch, 1.0) for _ in range(3)]
    said = [_said(pod) for pod in pods]
    assert [pod.wait(300) for pod in pods] == [0, 0, 0]
    assert sum(line.startswith("computing log-mels") for lines in said for line in lines) == 1
    assert len({line for lines in said for line in lines if line.startswith("digest")}) == 1
    alone, shared = _open(windows, tmp_path / "alone"), _open(windows, scratch)
    assert shared.log_mel.tobytes() == alone.log_mel.tobytes()
    assert shared.target.tobytes() == alone.target.tobytes()
    assert np.abs(shared.log_mel).max() > 0 and not _partials(scratch)


@pytest.mark.slow
def test_a_pod_that_is_killed_half_way_leaves_nothing_to_train_on(windows: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    pod = _pod(str(windows), scratch, 60.0)
    assert pod.stdout is not None and "half\n" in iter(pod.stdout.readline, "")
    pod.kill()
    assert pod.wait(60) == -signal.SIGKILL
    assert _partials(scratch)
    shared, alone = _open(windows, scratch), _open(windows, tmp_path / "alone")
    assert shared.log_mel.tobytes() == alone.log_mel.tobytes() and not _partials(scratch)


def test_who_comes_meanwhile_waits_and_maps_the_same_files(
    windows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    computed: list[str] = []
    original = window_store._compute

    def compute(uri: str, split: str, info: DistillationSetInfo, front_end: FrontEndSpec, at: Path) -> None:
        computed.append(split)
        original(uri, split, info, front_end, at)

    monkeypatch.setattr(window_store, "_compute", compute)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(_open(windows, tmp_path / "scratch").log_mel.tobytes()))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert computed == ["train"]
    assert len(found) == 3 and len(set(found)) == 1


@pytest.mark.parametrize("digest", ["", "d1f7"])
def test_a_copy_of_the_set_is_the_same_set(windows: Path, tmp_path: Path, digest: str) -> None:
    info = DistillationSetInfo.load(windows).model_copy(update={"digest": digest})
    info.save(windows)
    scratch, copy = tmp_path / "scratch", tmp_path / "another" / "pod"
    _open(windows, scratch)
    shutil.copytree(windows, copy, copy_function=shutil.copyfile)  # with times of its own
    info.model_copy(update={"seconds": 99.0}).save(copy)
    before = _folders(scratch)
    _open(copy, scratch)
    assert _folders(scratch) == before and len(before) == 1


def test_whatever_changes_the_arrays_makes_others(windows: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    _open(windows, scratch, "code")
    _open(windows, scratch, "other code")
    assert len(_folders(scratch)) == 2
    info = DistillationSetInfo.load(windows)
    # The same number and sizes of windows, and other sound.
    other = Path(write_distillation_set(tmp_path / "other", train=12, held_out=4, seed=8))
    info.save(other)
    _open(other, scratch, "code")
    assert len(_folders(scratch)) == 3
    for changes in ({"digest": "of other windows"}, {"target_mean": [1.0] * 8}):
        info.model_copy(update=changes).save(windows)
        _open(windows, scratch, "code")
    assert len(_folders(scratch)) == 5


def test_a_full_disk_is_an_error_that_names_the_file(
    windows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    scratch = tmp_path / "scratch"
    with monkeypatch.context() as patched:
        patched.setattr(window_store.os, "posix_fallocate", full)
        with pytest.raises(OSError, match=r"No space left on device \(\d+ bytes are needed\).*log_mel\.npy"):
            _open(windows, scratch)
    assert not _partials(scratch) and not list(scratch.glob("*/train"))
    assert len(_open(windows, scratch)) == 12


def test_the_room_is_taken_before_anything_is_stored_into_the_map(windows: Path, tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    window_store._array(path, (1000, 96, 64))
    assert path.stat().st_blocks * 512 >= path.stat().st_size  # a sparse file would be a promise only
