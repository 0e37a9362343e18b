"""What a killed training goes on from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from components.common.modeling import checkpoint
from components.common.modeling.checkpoint import Checkpoints, TrainingState
from components.common.store.arrays import Weights
from schemas.training_reports import EpochMetrics


def _progress(epochs: int) -> TrainingState:
    return TrainingState(
        epochs=[
            EpochMetrics(
                epoch=number, phase="float", loss=1.0, validation_loss=1.0, learning_rate=0.1, seconds=1.0
            )
            for number in range(1, epochs + 1)
        ],
        steps=10 * epochs,
    )


def _save(checkpoints: Checkpoints, epochs: int) -> None:
    checkpoints.save(_progress(epochs), [np.full(3, epochs)], [np.full(2, epochs)])


def _done(checkpoints: Checkpoints) -> int:
    state = checkpoints.load()
    if state is None:
        return 0
    progress, variables, best = state
    assert variables[0].tolist() == [len(progress.epochs)] * 3
    assert best[0].tolist() == [len(progress.epochs)] * 2
    return len(progress.epochs)


def test_the_newest_is_gone_on_from_and_only_it_is_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints.of(str(tmp_path), "key")
    assert _done(checkpoints) == 0
    for epochs in (1, 2, 12, 100):
        _save(checkpoints, epochs)
        assert _done(checkpoints) == epochs
        assert len(list(checkpoints.folder.iterdir())) == 1
    checkpoints.remove()
    assert _done(checkpoints) == 0 and not checkpoints.folder.exists()


@pytest.mark.parametrize("moment", ["variables.npz", "best.npz", "published"])
def test_whoever_is_killed_while_saving_leaves_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    checkpoints = Checkpoints.of(str(tmp_path), "key")
    _save(checkpoints, 1)
    original = checkpoint.write_arrays

    class Killed(BaseException):
        """No cleaning up in between: what a partial leaves is tested with SIGKILL elsewhere."""

    def write(path: Path, arrays: Weights) -> None:
        if path.name == moment:
            path.write_bytes(b"half")
            raise Killed
        original(path, arrays)

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_arrays", write)
        if moment == "published":
            patched.setattr(checkpoint.shutil, "rmtree", rmtree)
        with pytest.raises(Killed):
            _save(checkpoints, 2)
    assert _done(checkpoints) == (2 if moment == "published" else 1)
    _save(checkpoints, 3)
    assert _done(checkpoints) == 3 and len(list(checkpoints.folder.iterdir())) == 1


def test_two_at_the_same_training_do_not_disturb_each_other(tmp_path: Path) -> None:
    ahead, behind = (Checkpoints.of(str(tmp_path), "key") for _ in range(2))
    _save(ahead, 5)
    _save(behind, 1)
    assert _done(ahead) == _done(behind) == 5
    _save(ahead, 6)
    _save(behind, 2)
    _save(behind, 6)
    assert _done(ahead) == _done(behind) == 6


def test_a_checkpoint_that_goes_while_it_is_read_gives_way_to_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints.of(str(tmp_path), "key")
    _save(checkpoints, 1)
    original = checkpoint.read_arrays
    moved: list[Path] = []

    def read(path: Path) -> Weights:
        if not moved:
            moved.append(path)
            _save(checkpoints, 2)
            shutil.rmtree(path.parent, ignore_errors=True)
        return original(path)

    monkeypatch.setattr(checkpoint, "read_arrays", read)
    assert _done(checkpoints) == 2


@pytest.mark.parametrize("file", ["progress.json", "variables.npz", "best.npz"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"PK\x03\x04 cut short"])
def test_a_checkpoint_that_cannot_be_read_is_none(tmp_path: Path, file: str, content: bytes | None) -> None:
    checkpoints = Checkpoints.of(str(tmp_path), "key")
    _save(checkpoints, 1)
    (path,) = checkpoints.folder.glob(f"*/{file}")
    path.unlink() if content is None else path.write_bytes(content)
    assert checkpoints.load() is None
