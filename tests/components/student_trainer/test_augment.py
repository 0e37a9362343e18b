"""Changes of log-mels in the graph, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.student_trainer import augment
from components.student_trainer.settings import BatchAugmentation, TrainingSettings

OFFSET = 0.001
SEED = tf.constant([3, 4])


def _log_mel(windows: int = 5, frames: int = 20, mels: int = 8) -> np.ndarray:
    magnitude = np.random.default_rng(1).gamma(1.0, 1.0, (windows, frames, mels))
    return np.log(magnitude + OFFSET).astype(np.float32)


@pytest.mark.parametrize("sound", ["mixing", "noise", "gain"])
def test_a_window_is_not_changed_into_one_that_its_target_does_not_belong_to(sound: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)augment.{sound}.*not permitted"):
        TrainingSettings.model_validate({"augment": {sound: {"probability": 0.5}}})


def _settings(**operations: dict[str, object]) -> BatchAugmentation:
    return BatchAugmentation.model_validate(operations)


def test_a_random_crop_is_a_piece_of_its_window() -> None:
    log_mel = _log_mel(windows=40)
    cut = augment.random_crop(tf.constant(log_mel), 12, SEED).numpy()
    starts = [
        next(start for start in range(9) if np.array_equal(window[start : start + 12], piece))
        for window, piece in zip(log_mel, cut, strict=True)
    ]
    assert len(set(starts)) > 4


def test_the_middle_and_all_patches() -> None:
    log_mel = _log_mel()
    np.testing.assert_array_equal(augment.middle_crop(tf.constant(log_mel), 12), log_mel[:, 4:16])
    folded = augment.fold_patches(tf.constant(log_mel), 6).numpy()
    assert folded.shape == (15, 6, 8)
    np.testing.assert_array_equal(folded[4], log_mel[1, 6:12])  # second patch of the second window


def test_without_settings_nothing_changes() -> None:
    log_mel = tf.constant(_log_mel())
    np.testing.assert_array_equal(augment.mask(log_mel, BatchAugmentation(), SEED), log_mel)


def test_masks_are_stripes_of_the_patch_mean() -> None:
    log_mel = _log_mel(windows=50)
    settings = _settings(spec_time={"count": 1, "width": 5}, spec_frequency={"count": 1, "width": 3})
    masked = augment.mask(tf.constant(log_mel), settings, SEED).numpy()
    for before, after in zip(log_mel, masked, strict=True):
        hit = after != before
        np.testing.assert_allclose(after[hit], before.mean(), rtol=1e-5)
        frames, bands = np.flatnonzero(hit.all(axis=1)), np.flatnonzero(hit.all(axis=0))
        assert len(frames) <= 5 and len(bands) <= 3
        for places in (frames, bands):
            assert len(places) == 0 or np.ptp(places) == len(places) - 1  # in one piece
        assert hit.sum() == len(frames) * 8 + len(bands) * 20 - len(frames) * len(bands)
    assert (masked != log_mel).any()


def test_the_same_seed_gives_the_same_change_and_another_step_another_one() -> None:
    log_mel = tf.constant(_log_mel())
    settings = _settings(spec_time={"count": 1, "width": 5}, spec_frequency={"count": 1, "width": 3})
    first, again, other = (
        augment.mask(log_mel, settings, tf.constant([3, step])).numpy() for step in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
