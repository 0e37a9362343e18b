"""Windows of a distillation set: held-out ones to compare on, training ones to find ranges with."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from components.common.audio.framing import to_float
from components.common.store.shards import iterate_examples, list_shards
from schemas.records import DistillationWindow

HELD_OUT = "eval"
TRAINING = "train"

Waveforms = np.ndarray[Any, np.dtype[np.float32]]


def draw_windows(windows_uri: str, split: str, count: int, samples: int, seed: int) -> Waveforms:
    """Draws windows of a split, the same for the same seed, each cut to its first patch.

    Shards are read in an order drawn by the seed, and no more of them than are needed.

    Args:
      windows_uri: Folder of a ``DistillationSet``.
      split: Of the set.
      count: How many; all of a split that has fewer.
      samples: Samples of a patch.
      seed: Of the draw.

    Returns:
      Waveforms ``(n, samples)`` in [-1, 1).

    Raises:
      ValueError: If the split is empty or a window is shorter than a patch.
    """
    generator = random.Random(seed)
    shards = list_shards(windows_uri, split)
    pool: list[bytes] = []
    for shard in generator.sample(shards, len(shards)):
        pool += iterate_examples([shard])
        if len(pool) >= count:
            break
    if not pool:
        raise ValueError(f"{windows_uri} holds no window in split {split!r}")
    drawn = generator.sample(pool, min(count, len(pool)))
    return np.stack([_patch(DistillationWindow.from_example(example), samples) for example in drawn])


def _patch(window: DistillationWindow, samples: int) -> Waveforms:
    if len(window.audio) < samples:
        raise ValueError(
            f"window {window.clip_id}+{window.offset} has {len(window.audio)} samples, "
            f"the student takes {samples}"
        )
    return to_float(window.audio[:samples])
