"""Pairs: positions, order, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from components.teacher_trainer.pairs import PairReader
from schemas.records import Clip

WINDOW = 1000


@pytest.fixture
def ramps(tmp_path: Path) -> list[Path]:
    """Clips whose samples count up: the first sample of a window is its position. Lengths in windows:
    0.9, 1.4 (both too short), 1.6, 3, 12 and 12.
    """
    lengths = [900, 1400, 1600, 3000, 12_000, 12_000]
    clips = [Clip(f"c{n}", np.arange(n, dtype=np.int16), (), 16_000) for n in lengths]
    path = shard_path(str(tmp_path), "train", 0, 1)
    write_shard(path, (clip.to_example() for clip in clips))
    return [path]


def read(reader: PairReader, epoch: int = 0, size: int = 1, shuffle: int = 0) -> np.ndarray:
    return np.concatenate([batch.numpy() for batch in reader.batches(epoch, size, shuffle)])


def test_leaves_out_clips_too_short_for_a_pair(ramps: list[Path]) -> None:
    reader = PairReader(ramps, WINDOW, 10.0, seed=0)
    assert reader.count() == 4
    assert read(reader).shape == (4, 2, WINDOW)


def test_windows_overlap_only_if_they_must(ramps: list[Path]) -> None:
    reader = PairReader(ramps, WINDOW, 10.0, seed=0)
    gaps = np.stack([np.ptp(read(reader, epoch)[:, :, 0], axis=1) for epoch in range(12)])
    assert (gaps[:, 0] == 600).all()
    assert gaps[:, 1:].min() >= WINDOW
    assert gaps[:, 2:].max() > 5000


def test_windows_are_no_farther_apart_than_allowed(ramps: list[Path]) -> None:
    reader = PairReader(ramps, WINDOW, max_distance_s=0.125, seed=0)
    gaps = np.stack([np.ptp(read(reader, epoch)[:, :, 0], axis=1) for epoch in range(12)])
    assert gaps.max() <= 2000
    assert len(np.unique(gaps)) > 10


def test_windows_may_overlap_where_that_is_asked_for(ramps: list[Path]) -> None:
    reader = PairReader(ramps, WINDOW, max_distance_s=0.0625, seed=0, min_distance_s=0.0125)
    gaps = np.stack([np.ptp(read(reader, epoch)[:, :, 0], axis=1) for epoch in range(40)])
    # 0.0125 s are 200 samples, 0.0625 s are 1000; the shortest clip has room for 600.
    assert gaps.min() >= 200 and gaps.max() <= 1000
    assert gaps[:, 0].max() <= 600
    assert (gaps < 400).any() and (gaps[:, 1:] > 800).any()


def test_windows_are_contiguous_cuts(ramps: list[Path]) -> None:
    pairs = read(PairReader(ramps, WINDOW, 10.0, seed=0))
    np.testing.assert_array_equal(pairs - pairs[:, :, :1], np.broadcast_to(np.arange(WINDOW), pairs.shape))


def test_same_seed_same_pairs_other_epoch_other_pairs(ramps: list[Path]) -> None:
    first = read(PairReader(ramps, WINDOW, 10.0, seed=3), epoch=1, size=2, shuffle=4)
    again = read(PairReader(ramps, WINDOW, 10.0, seed=3), epoch=1, size=2, shuffle=4)
    np.testing.assert_array_equal(first, again)
    assert (read(PairReader(ramps, WINDOW, 10.0, seed=3), epoch=2, size=2, shuffle=4) != first).any()
    assert (read(PairReader(ramps, WINDOW, 10.0, seed=4), epoch=1, size=2, shuffle=4) != first).any()
