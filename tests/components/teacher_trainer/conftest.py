"""Clips that a small teacher can tell apart: each has its own pitch and timbre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from schemas.records import Clip


def voice(seed: int, seconds: float) -> np.ndarray:
    """A vibrato tone with formants of its own, in noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16_000)) / 16_000
    pitch = rng.uniform(90, 350)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(2, 6) * time))) / 16_000
    centre, width = rng.uniform(400, 3500), rng.uniform(200, 800)
    wave = np.zeros_like(time)
    for harmonic in range(1, 20):
        wave += np.exp(-(((harmonic * pitch - centre) / width) ** 2)) * np.sin(harmonic * phase)
    wave *= np.abs(np.sin(2 * np.pi * rng.uniform(0.5, 2) * time + rng.uniform(0, 6)))
    wave += rng.normal(0, 0.05, len(time))
    return (wave / np.abs(wave).max() * 20_000).astype(np.int16)


def write_clips(folder: Path, train: int, held_out: int, seconds: float = 3.0) -> str:
    """Clip records in two shards a split."""
    for split, count, first in (("train", train, 0), ("eval", held_out, 10_000)):
        clips = [
            Clip(f"{split}{n}_0_{seconds * 1000:.0f}", voice(first + n, seconds), ("/m/09x0r",), 16_000)
            for n in range(count)
        ]
        for shard in range(2):
            records = (clip.to_example() for clip in clips[shard::2])
            write_shard(shard_path(str(folder), split, shard, 2), records)
    return str(folder)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of an ``Examples`` artifact: 64 train and 24 eval clips of 3 s."""
    return write_clips(tmp_path_factory.mktemp("clips"), 64, 24)
