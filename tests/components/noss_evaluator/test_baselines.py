from __future__ import annotations

import numpy as np
import pytest

from components.noss_evaluator.baselines import baseline_under_test, mfcc_with_slopes, random_vectors
from components.noss_evaluator.clips import Sound, WindowBatch
from components.noss_evaluator.embedding import Embeddings
from components.noss_evaluator.settings import Baseline


def _patches(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 96, 64)).astype(np.float32)


def _of_one_sound(name: Baseline, patches: np.ndarray) -> np.ndarray:
    under_test = baseline_under_test(name, workers=2)
    batch = WindowBatch(patches, [Sound("x", "", len(patches))])
    embedded = Embeddings(under_test)
    embedded.add(batch.sounds, batch.mean_by_sound(under_test.networks[0](patches)))
    return embedded.matrix[0]


def test_log_mel_statistics_are_over_all_frames_of_a_clip() -> None:
    patches = _patches()
    frames = patches.reshape(-1, 64).astype(np.float64)
    expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
    np.testing.assert_allclose(_of_one_sound("logmel", patches), expected, rtol=1e-5, atol=1e-6)


def test_mfcc_statistics_are_over_all_frames_of_a_clip() -> None:
    patches = _patches()
    frames = mfcc_with_slopes(patches).reshape(-1, 40)
    expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
    np.testing.assert_allclose(_of_one_sound("mfcc", patches), expected, rtol=1e-4, atol=1e-5)


def test_mfcc_are_cosine_transforms() -> None:
    # A flat spectrum of level 2 has only coefficient 0: 2 * sqrt(64). One ripple cos(pi (k + 1/2) 3 / 64)
    # has only coefficient 3: sqrt(64 / 2).
    flat = np.full((1, 5, 64), 2.0, np.float32)
    ripple = np.cos(np.pi * (np.arange(64) + 0.5) * 3 / 64).astype(np.float32)
    found = mfcc_with_slopes(np.concatenate([flat, np.tile(ripple, (1, 5, 1))]))
    assert found.shape == (2, 5, 40)
    expected = np.zeros((2, 20))
    expected[0, 0], expected[1, 3] = 16.0, np.sqrt(32)
    np.testing.assert_allclose(found[:, 2, :20], expected, atol=1e-5)
    np.testing.assert_allclose(found[:, :, 20:], 0.0, atol=1e-6)


def test_slopes_are_those_of_a_line() -> None:
    # The level rises by 1 a frame, coefficient 0 by sqrt(64) = 8. At the edge the first frame is repeated:
    # (0 * -2 + 0 * -1 + 8 * 1 + 16 * 2) / 10 = 4.
    rising = np.arange(7, dtype=np.float32)[None, :, None] * np.ones((1, 1, 64), np.float32)
    slopes = mfcc_with_slopes(rising)[0, :, 20]
    np.testing.assert_allclose(slopes[2:5], 8.0, rtol=1e-6)
    assert slopes[0] == pytest.approx(4.0)


def test_random_numbers_are_the_sounds_own_and_normal() -> None:
    digests = np.array([f"{i:064x}" for i in range(200)])
    vectors = random_vectors(digests)
    assert vectors.shape == (200, 128) and vectors.dtype == np.float32
    np.testing.assert_array_equal(random_vectors(digests[::-1])[::-1], vectors)
    assert abs(vectors.mean()) < 0.02 and vectors.std() == pytest.approx(1.0, abs=0.02)
    unrelated = np.corrcoef(vectors)[~np.eye(200, dtype=bool)]
    assert np.abs(unrelated).max() < 0.5
