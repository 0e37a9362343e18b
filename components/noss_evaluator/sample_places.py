"""Where the samples of sounds lie in the shards, so that they can be mapped instead of read again.

A record is a serialised ``tf.train.Example``, its audio a stretch of bytes in it, and a TFRecord file puts
12 bytes before and 4 after each record (https://www.tensorflow.org/tutorials/load_data/tfrecord). Shards
are not compressed, so whoever knows the place has the sound without decoding anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from components.common.store.shards import iterate_examples, list_shards
from components.noss_evaluator.clips import SPLITS
from schemas.records import Audio, NossClip

_BEFORE, _AFTER = 12, 4


@dataclass(frozen=True)
class Place:
    """Samples in a file.

    Attributes:
      shard: The file, from the Examples artifact on: another pod has the artifact elsewhere.
      offset: Their first byte.
      samples: How many there are, int16.
    """

    shard: str
    offset: int
    samples: int


def find_places(examples: str, clip_ids: Sequence[str]) -> list[Place]:
    """The places of clips, in their order.

    Args:
      examples: Uri of the Examples artifact.
      clip_ids: Clips that it holds.
    """
    wanted = set(clip_ids)
    found: dict[str, Place] = {}
    for shard in (path for split in SPLITS for path in list_shards(examples, split)):
        start = 0
        for serialized in iterate_examples([shard]):
            clip = NossClip.from_example(serialized)
            if clip.clip_id in wanted:
                # Wherever the bytes are found first, they are those of the sound.
                offset = start + _BEFORE + serialized.index(clip.audio.tobytes())
                name = shard.relative_to(examples).as_posix()
                found[clip.clip_id] = Place(name, offset, len(clip.audio))
            start += _BEFORE + len(serialized) + _AFTER
    return [found[clip_id] for clip_id in clip_ids]


def map_samples(examples: str, places: Sequence[Place]) -> Iterator[Audio]:
    """The samples at each place, read-only; files are mapped once.

    Args:
      examples: Uri of the Examples artifact.
      places: In it.
    """
    mapped = cache(lambda shard: np.memmap(Path(examples, shard), np.uint8, mode="r"))
    for place in places:
        yield np.frombuffer(mapped(place.shard), "<i2", place.samples, place.offset)
