from __future__ import annotations

import numpy as np
import pytest

from pipeline.heads.sigmoids import calibrate, fit_sigmoids
from schemas.head_reports import Sigmoid


def two_labels(logits: np.ndarray) -> np.ndarray:
    first = 1 / (1 + np.exp(-logits))
    return np.stack([first, 1 - first], axis=1).astype(np.float32)


def test_calibrated_scores_by_hand() -> None:
    # logit(0.8) = ln 4, and half of it ln 2, whose sigmoid is 2/3.
    # logit(0.5) = 0, and the sigmoid of ln 3 is 3/4.
    scores = np.array([[0.8, 0.5]], np.float32)
    found = calibrate(scores, [Sigmoid(slope=0.5, offset=0), Sigmoid(slope=2, offset=np.log(3))])
    assert found == pytest.approx(np.array([[2 / 3, 3 / 4]]), abs=1e-6)


def test_scores_that_are_saturated_stay_finite_and_keep_their_order() -> None:
    scores = np.array([[0.0], [1e-30], [0.2], [1.0]], np.float32)
    found = calibrate(scores, [Sigmoid(slope=0.1, offset=0)])[:, 0]
    assert np.isfinite(found).all()
    # log(0) is 2 log(1e-16) - log(2e-16) = -37.53, as MediaPipe continues it: 1 / (1 + e^3.753) = 0.0229.
    assert found[0] == pytest.approx(0.0229, abs=1e-4) and found[3] == pytest.approx(0.9771, abs=1e-4)
    assert found[0] <= found[1] < found[2] < found[3]


def test_overconfident_scores_are_found_out() -> None:
    generator = np.random.default_rng(0)
    # The truth follows the logit; the scores tell three times of it, and one more.
    logits = generator.normal(0, 1.5, 4000)
    truth = (generator.uniform(size=4000) > 1 / (1 + np.exp(-logits))).astype(int)
    scores = two_labels(3 * logits + 1)
    first, second = fit_sigmoids(scores, truth, ["a", "b"])
    # Standard errors, by the inverse of the information matrix: about 0.013 for a slope of 1/3.
    assert first.slope == pytest.approx(1 / 3, abs=0.04) and first.offset == pytest.approx(-1 / 3, abs=0.12)
    # The other label's logit is the same with the other sign: so is its sigmoid, and both sum to one.
    assert second.slope == pytest.approx(first.slope, rel=1e-3)
    assert second.offset == pytest.approx(-first.offset, abs=1e-3)
    assert calibrate(scores, [first, second]).sum(axis=1) == pytest.approx(np.ones(4000), abs=1e-3)


def test_a_few_windows_that_are_told_apart_give_a_finite_sigmoid() -> None:
    scores = two_labels(np.array([9.0, 8.0, -9.0, -8.0]))
    first, _ = fit_sigmoids(scores, np.array([0, 0, 1, 1]), ["a", "b"])
    # By Platt's targets 3/4 and 1/4, logits of about +-8.5 become ln 3: the slope is 1.0986 / 8.5 or so.
    assert first.slope == pytest.approx(1.0986 / 8.5, rel=0.03)


def test_scores_that_say_the_opposite_are_refused() -> None:
    scores = two_labels(np.array([2.0, 1.0, -1.0, -2.0]))
    with pytest.raises(ValueError, match="scores of 'a' are no higher on its own windows than on others"):
        fit_sigmoids(scores, np.array([1, 1, 0, 0]), ["a", "b"])
