from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from components.noss_evaluator.clips import WHOLE, ClipStream, Sound, WindowBatch, read_clips
from tests.components.noss_evaluator.helpers import make_clip, tone, tone_tasks, write_examples


def test_the_same_sound_comes_once() -> None:
    one, two = tone(400, 0), tone(500, 1)
    clips = [
        make_clip("x", "train", 0, one, "a"),
        make_clip("x", "test", 1, two, "b"),
        make_clip("y", "test", 2, one.copy(), "c"),
    ]
    stream = ClipStream(clips, window=4000, hop=4000)
    (batch,) = stream.batches(batch_windows=100)
    assert [(sound.clip_id, sound.windows) for sound in stream.sounds] == [("x/train0", 2), ("x/test1", 2)]
    assert stream.sounds[0].digest == hashlib.sha256(one.tobytes()).hexdigest()
    assert (batch.sounds, len(batch.inputs)) == (stream.sounds, 4)
    assert [(entry.clip_id, entry.sound) for entry in stream.entries] == [
        ("x/train0", 0),
        ("x/test1", 1),
        ("y/test2", 0),
    ]


def test_batches_hold_whole_sounds_in_order() -> None:
    # 10, 26 and 7 samples in windows of 10 every 10: 1, 3 (the last one ends with the clip) and 1.
    sounds = [np.arange(length, dtype=np.int16) + length for length in (10, 26, 7)]
    clips = [make_clip("x", "train", i, sound, "a") for i, sound in enumerate(sounds)]
    batches = list(ClipStream(clips, window=10, hop=10).batches(batch_windows=2))
    assert [[(sound.clip_id, sound.windows) for sound in batch.sounds] for batch in batches] == [
        [("x/train0", 1), ("x/train1", 3)],
        [("x/train2", 1)],
    ]
    np.testing.assert_array_equal(batches[0].inputs[3] * 32768, sounds[1][16:])
    np.testing.assert_array_equal(batches[1].inputs[0] * 32768, [7, 8, 9, 10, 11, 12, 13, 0, 0, 0])


def test_windows_are_averaged_over_their_sound() -> None:
    batch = WindowBatch(np.zeros((4, 2), np.float32), [Sound("a", "", 1), Sound("b", "", 3)])
    vectors = np.array([[1.0, 2.0], [1.0, 0.0], [2.0, 0.0], [6.0, 3.0]], np.float32)
    np.testing.assert_allclose(batch.mean_by_sound(vectors), [[1.0, 2.0], [3.0, 1.0]])


def test_reads_all_shards(tmp_path: Path) -> None:
    clips = tone_tasks()
    write_examples(tmp_path, clips)
    assert sorted(clip.clip_id for clip in read_clips(str(tmp_path))) == sorted(
        clip.clip_id for clip in clips
    )


def test_an_absent_split_is_named(tmp_path: Path) -> None:
    write_shard(shard_path(str(tmp_path), "train", 0, 1), [tone_tasks()[0].to_example()])
    with pytest.raises(
        ValueError, match="no records of split 'validation'; needed are train, validation, test"
    ):
        list(read_clips(str(tmp_path)))


def test_whole_sounds_share_a_batch_with_those_of_their_length() -> None:
    lengths = (10, 10, 26, 10)
    sounds = [np.arange(length, dtype=np.int16) + 100 * i for i, length in enumerate(lengths)]
    clips = [make_clip("x", "train", i, sound, "a") for i, sound in enumerate(sounds)]
    batches = list(ClipStream(clips, window=WHOLE, hop=10).batches(batch_windows=1))
    assert [batch.inputs.shape for batch in batches] == [(2, 10), (1, 26), (1, 10)]
    np.testing.assert_array_equal(batches[0].inputs[1] * 32768, sounds[1])
    assert [sound.windows for batch in batches for sound in batch.sounds] == [1, 1, 1, 1]


def test_a_batch_of_whole_sounds_is_no_longer_than_a_minute() -> None:
    sounds = [np.full(25 * 16_000, i, np.int16) for i in range(5)]
    clips = [make_clip("x", "train", i, sound, "a") for i, sound in enumerate(sounds)]
    batches = ClipStream(clips, window=WHOLE, hop=10).batches(batch_windows=100)
    assert [len(batch.inputs) for batch in batches] == [2, 2, 1]
