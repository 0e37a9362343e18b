"""Pairs of windows from clip records, streamed: a corpus larger than memory works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from schemas.records import SAMPLE_RATE


@dataclass(frozen=True)
class PairReader:
    """Draws two windows from each clip that is long enough.

    Attributes:
      shards: Files of clip records.
      window: Samples of a window.
      max_distance_s: Seconds between the starts of the two windows at most.
      seed: Of order and positions.
      min_distance_s: Seconds between them at least; none: a window.
    """

    shards: Sequence[Path]
    window: int
    max_distance_s: float
    seed: int
    min_distance_s: float | None = None

    def count(self) -> int:
        """Clips long enough for a pair."""
        return int(self._clips().reduce(0, lambda total, _: total + 1))

    def batches(self, epoch: int, size: int, shuffle: int = 0) -> tf.data.Dataset:
        """Batches of int16 pairs ``(size, 2, window)``, no clip twice in an epoch.

        Args:
          epoch: Other positions, and another order, each.
          size: Clips a batch; what does not fill one is left out.
          shuffle: Clips held to draw the order from; 0 keeps the order of the files.
        """
        clips = self._clips()
        if shuffle:
            clips = clips.shuffle(shuffle, seed=self.seed + epoch)
        pairs = clips.enumerate().map(
            lambda index, audio: self._draw(audio, tf.stack([self.seed * 10_007 + epoch, index])),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return pairs.batch(size, drop_remainder=True).prefetch(2)

    def _clips(self) -> tf.data.Dataset:
        """Audio of the clips at least one and a half windows long."""
        shortest = self.window + self.window // 2
        records = tf.data.TFRecordDataset([str(shard) for shard in self.shards])
        return records.map(_audio, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).filter(
            lambda audio: tf.shape(audio)[0] >= shortest
        )

    def _draw(self, audio: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Two windows, nearer to each other than asked only if the clip leaves no choice."""
        room = tf.shape(audio)[0] - self.window
        farthest = tf.minimum(room, max(1, round(self.max_distance_s * SAMPLE_RATE)))
        least = self.window if self.min_distance_s is None else round(self.min_distance_s * SAMPLE_RATE)
        nearest = tf.minimum(farthest, least)
        uniform = tf.random.stateless_uniform((2,), seed)
        gap = nearest + _below(uniform[0], farthest - nearest)
        first = _below(uniform[1], room - gap)
        return tf.stack([audio[start : start + self.window] for start in (first, first + gap)])


def _audio(record: tf.Tensor) -> tf.Tensor:
    features = tf.io.parse_single_example(record, {"audio": tf.io.FixedLenFeature((), tf.string)})
    return tf.io.decode_raw(features["audio"], tf.int16)


def _below(uniform: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """A whole number from 0 to ``limit``, both included."""
    drawn = tf.cast(tf.floor(uniform * tf.cast(limit + 1, tf.float32)), tf.int32)
    return tf.minimum(drawn, limit)
