"""Epochs read long runs, and yet neighbours in a batch hardly ever come from one clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from components.student_trainer.reading_order import epoch_order, mixed_places
from components.student_trainer.window_store import open_store
from schemas.distillation_reports import DistillationSetInfo
from schemas.records import DistillationWindow
from schemas.students import FrontEndSpec

CLIPS, OF_A_CLIP = 2_000, 10
RUN, BUFFER = 64, 32


def stored_clips() -> np.ndarray:
    """The clip of each stored window; in the set a clip's windows come one after the other."""
    clips = np.empty(CLIPS * OF_A_CLIP, np.int64)
    clips[mixed_places(len(clips))] = np.arange(CLIPS).repeat(OF_A_CLIP)
    return clips


def order(epoch: int, count: int = CLIPS * OF_A_CLIP) -> np.ndarray:
    return epoch_order(count, np.random.default_rng([1, epoch]), RUN, BUFFER)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 192, 20_000])
def test_every_window_is_read_once(count: int) -> None:
    np.testing.assert_array_equal(np.sort(order(0, count)), np.arange(count))
    np.testing.assert_array_equal(np.sort(mixed_places(count)), np.arange(count))


def test_an_epoch_is_the_same_again_and_the_next_one_is_another() -> None:
    np.testing.assert_array_equal(order(3), order(3))
    assert np.mean(order(3) == order(4)) < 0.01
    np.testing.assert_array_equal(mixed_places(1000), mixed_places(1000))


def test_neighbours_hardly_ever_come_from_one_clip() -> None:
    read = stored_clips()[order(0)]
    # By pure chance 9 of the 19,999 other windows are of the same clip: 9 of 20,000 pairs. As they are in the
    # set it is 9 pairs in 10.
    assert np.mean(read[1:] == read[:-1]) < 0.002
    # Of 512 windows 512 * 511 / 2 * 9 / 19,999 = 59 pairs are of one clip by chance; of 512 that are not
    # mixed 51 * 45 = 2,300.
    batches = read[: len(read) // 512 * 512].reshape(-1, 512)
    pairs = [sum(n * (n - 1) / 2 for n in np.unique(batch, return_counts=True)[1]) for batch in batches]
    assert np.mean(pairs) == pytest.approx(59, rel=0.1)
    assert max(pairs) < 120


def test_windows_that_met_in_a_batch_part_in_the_next_epoch() -> None:
    batch_of = np.empty((2, CLIPS * OF_A_CLIP), np.int64)
    for epoch in range(2):
        batch_of[epoch, order(epoch)] = np.arange(CLIPS * OF_A_CLIP) // 512
    together = batch_of[1][order(0)[:512]]
    # 40 batches: by pure chance 1 in 40 of the others; those of a run stay within 4 batches of one buffer.
    share = np.mean(together[:, None] == together) - 1 / 512
    assert share < 3 / 40


def test_reading_is_in_runs() -> None:
    read = order(0, 320 * RUN)
    for first in range(0, len(read), RUN * BUFFER):
        places = np.sort(read[first : first + RUN * BUFFER])
        jumps = np.count_nonzero(np.diff(places) > 1)
        assert jumps < BUFFER  # of 2,048 windows; nearly all of them in an order that is not in runs
    scattered = np.sort(np.random.default_rng(0).permutation(len(read))[: RUN * BUFFER])
    assert np.count_nonzero(np.diff(scattered) > 1) > 50 * BUFFER / 2


@pytest.mark.parametrize("storage", ["pcm16", "flac"])
def test_the_store_is_mixed_and_keeps_sound_and_target_together(tmp_path: Path, storage: str) -> None:
    front_end = FrontEndSpec()
    count = 40
    windows = []
    for number in range(count):
        level = 30 * 1.2**number
        audio = (np.random.default_rng(number).standard_normal(front_end.window_samples) * level).astype(
            np.int16
        )
        windows.append(
            DistillationWindow(f"c{number // 4}", number % 4, audio, np.array([number / 8], np.float16))
        )
    for split in ("train", "eval"):
        for shard in range(2):
            part = windows[shard * 20 : shard * 20 + 20]
            write_shard(
                shard_path(str(tmp_path / "set"), split, shard, 2),
                (window.to_example(storage) for window in part),  # type: ignore[arg-type]
            )
    DistillationSetInfo(
        teacher="level", teacher_digest="0" * 64, window_samples=front_end.window_samples, hop_samples=1,
        target_dim=1, target_blocks=[1], target_mean=[0.0], target_std=[1.0], synthetic=True, seconds=0.0,
        windows={"train": count, "eval": count}, augmented={"train": 0, "eval": 0},
    ).save(tmp_path / "set")  # fmt: skip
    store = open_store(str(tmp_path / "set"), "train", front_end, tmp_path / "scratch")
    numbers = np.rint(store.target[:, 0].astype(np.float32) * 8).astype(int)
    assert sorted(numbers) == list(range(count))
    assert np.mean(np.diff(numbers) == 1) < 0.2
    # Louder with each number: the sound is where its target is.
    loudness = store.log_mel.astype(np.float32).mean(axis=(1, 2))
    np.testing.assert_array_equal(np.argsort(loudness), np.argsort(numbers))
