"""What models hear, with a store of log-mels and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.noss_evaluator.clips import read_clips
from components.noss_evaluator.features import ClipFeatures
from schemas.students import FrontEndSpec
from tests.components.noss_evaluator.helpers import make_clip, tone, write_examples


def test_whole_clips_are_the_records_samples_from_the_store_too(tmp_path: Path) -> None:
    clips = [
        make_clip("x", split, index, tone(200.0 + 90 * index, index, seconds), label)
        for index, (split, seconds, label) in enumerate(
            [("train", 0.5, "a"), ("train", 2.5, "b"), ("validation", 1.0, "a"), ("test", 1.0, "b")]
        )
    ]
    write_examples(tmp_path / "examples", clips)
    samples = {clip.clip_id: clip.audio for clip in clips}

    def clip_features() -> ClipFeatures:
        examples = str(tmp_path / "examples")
        return ClipFeatures(
            lambda: read_clips(examples), FrontEndSpec(), 15_360, 8, tmp_path / "store", examples
        )

    fresh, stored = clip_features(), clip_features()
    without = list(fresh.batches("clip"))
    assert not (tmp_path / "store").exists()
    assert (
        sum(len(batch.inputs) for batch in clip_features().batches("log_mel")) == 6
    )  # the long clip has three
    with_store = list(stored.batches("clip"))
    assert (tmp_path / "store").is_dir()

    for batches in (without, with_store):
        heard = [
            (sound.clip_id, row)
            for batch in batches
            for sound, row in zip(batch.sounds, batch.inputs, strict=True)
        ]
        assert sorted(clip_id for clip_id, _ in heard) == sorted(samples)
        for clip_id, row in heard:
            np.testing.assert_array_equal(row * 32768, samples[clip_id])
    assert fresh.entries == stored.entries
