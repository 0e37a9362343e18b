"""The triplet loss against distances worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.teacher_trainer.triplets import semi_hard_loss, squared_distances, triplet_accuracy


def unit(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def chord(degrees: float) -> float:
    """Squared distance of two unit vectors at an angle: 2 - 2 cos."""
    return float(2 - 2 * np.cos(np.radians(degrees)))


def test_distances_ignore_length() -> None:
    distances = squared_distances(3 * unit(0, 90), 7 * unit(0, 180))
    np.testing.assert_allclose(distances, [[0, 4], [2, 2]], atol=1e-6)


def test_takes_the_nearest_negative_beyond_the_positive() -> None:
    anchors, positives = unit(0, 90, 200), unit(40, 110, 20)
    # Angles, anchors down, positives across, those of the same clip in brackets:
    #     0: (40) 110   20   -> 110, for 20 is nearer than the positive
    #    90:  50 (20)   70   -> 50
    #   200: 160   90 (180)  -> all nearer: 160
    # columns: 40 against 50, 160 -> 50; 20 against 110, 90 -> 90; 180 against 20, 70 -> all nearer: 70
    margin = 1.0
    rows = [chord(40) - chord(110), chord(20) - chord(50), chord(180) - chord(160)]
    columns = [chord(40) - chord(50), chord(20) - chord(90), chord(180) - chord(70)]
    expected = np.mean([max(0.0, value + margin) for value in rows + columns])
    assert float(semi_hard_loss(anchors, positives, margin)) == pytest.approx(expected, abs=1e-5)


def test_takes_the_farthest_negative_if_all_are_nearer() -> None:
    anchors, positives = unit(0, 170, 160), unit(180, 10, 20)
    # Row 0: positive 180, negatives 10 and 20 -> 20. Row 1: positive 160, negatives 10 (180) and 150 -> 150.
    # Row 2: positive 140, negatives 20 (180) and 150 (10): the nearest beyond 140 is 150.
    # Column 0: positive 180, negatives 10, 20 -> 20. Column 1: 160; 10, 150 -> 150. Column 2: 140; 20, 150.
    expected = np.mean([chord(180) - chord(20), chord(160) - chord(150), chord(140) - chord(150)]) + 0.5
    assert float(semi_hard_loss(anchors, positives, 0.5)) == pytest.approx(expected, abs=1e-5)


def test_accuracy_counts_triplets() -> None:
    # Row 0: positive 0, negatives 40 and 90: two right. Row 1: positive 30 (10 to 40), negatives 10 and 80:
    # one right. Row 2: positive 0, negatives 90 and 50: two right. 5 of 6.
    accuracy = triplet_accuracy(unit(0, 10, 90), unit(0, 40, 90))
    assert float(accuracy) == pytest.approx(5 / 6)
