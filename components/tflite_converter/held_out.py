"""The held-out windows on which a TFLite file is compared with its student."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from components.audio.framing import to_float
from schemas.records import DistillationWindow, iterate_examples, list_shards

SPLIT = "eval"

Waveforms = np.ndarray[Any, np.dtype[np.float32]]


def held_out_windows(windows_uri: str, count: int, samples: int, seed: int) -> Waveforms:
    """Draws windows of the eval split, the same for the same seed.

    Args:
      windows_uri: Folder of a ``DistillationSet``.
      count: How many; all of a split that has fewer.
      samples: Samples that a window must have.
      seed: Of the draw.

    Returns:
      Waveforms ``(n, samples)`` in [-1, 1), in the order of the split.

    Raises:
      ValueError: If the split is empty or its windows have another length.
    """
    shards = list_shards(windows_uri, SPLIT)
    total = sum(1 for _ in iterate_examples(shards))
    if total == 0:
        raise ValueError(f"{windows_uri} holds no window in split {SPLIT!r}: nothing to compare a student on")
    chosen = set(random.Random(seed).sample(range(total), min(count, total)))
    drawn = [
        DistillationWindow.from_example(example)
        for index, example in enumerate(iterate_examples(shards))
        if index in chosen
    ]
    for window in drawn:
        if len(window.audio) != samples:
            raise ValueError(
                f"window {window.clip_id}+{window.offset} has {len(window.audio)} samples, "
                f"the student hears {samples}"
            )
    return np.stack([to_float(window.audio) for window in drawn])
