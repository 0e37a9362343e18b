from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.noss_evaluator.clips import Entry
from pipeline.heads.detection import calibration, detection, poisson_95, positive_label


def judged(clips: list[tuple[str, list[float]]], seconds: float = 3.0) -> Any:
    """Windows of clips of (label, scores of 'cough')."""
    tested: list[Entry] = []
    scores: list[list[float]] = []
    for number, (label, of_windows) in enumerate(clips):
        for window, score in enumerate(of_windows):
            tested.append(
                Entry(
                    f"t/{number}#{window:04d}",
                    "t",
                    "test",
                    label,
                    f"t/{number}",
                    len(tested),
                    duration_s=seconds,
                )
            )
            scores.append([score, 1 - score])
    probabilities = np.array(scores, np.float32)
    return SimpleNamespace(
        task=SimpleNamespace(classes=("cough", "other")),
        tested=tuple(tested),
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
    )


def test_alarms_are_rows_of_windows_and_misses_are_clips() -> None:
    found = detection(
        judged(
            [
                ("cough", [0.1, 0.85, 0.2]),
                ("cough", [0.3, 0.2, 0.1]),
                ("other", [0.85, 0.85, 0.1, 0.85]),  # two alarms at 0.8: the first lasts two windows
                ("other", [0.1, 0.2, 0.1, 0.1]),
            ],
            seconds=1800.0,
        ),
        "cough",
    )
    assert (found.n_positive, found.n_negative, found.negative_hours) == (2, 2, 1.0)
    rows = {row.threshold: row for row in found.rows}
    assert (rows[0.8].false_alarms, rows[0.8].false_alarms_an_hour, rows[0.8].misses) == (2, 2.0, 0.5)
    assert (rows[0.95].false_alarms, rows[0.95].misses) == (0, 1.0)
    # At 0.05 each clip is one row of windows.
    assert (rows[0.05].false_alarms, rows[0.05].misses) == (2, 0.0)


def test_no_alarm_is_no_promise() -> None:
    # Garwood: none seen is 0 to -ln(0.025) = 3.689; ten seen 4.795 to 18.39 (tables).
    assert poisson_95(0) == pytest.approx((0, 3.689), abs=1e-3)
    assert poisson_95(10) == pytest.approx((4.795, 18.390), abs=1e-3)


def test_calibration_by_hand() -> None:
    # Greatest scores 0.9 (right), 0.9 (wrong), 0.6 (right): |0.9 - 0.5| * 2/3 + |0.6 - 1| / 3 = 0.4.
    found = calibration(judged([("cough", [0.9]), ("other", [0.9]), ("cough", [0.6])]))
    assert found.expected_error == pytest.approx(0.4, abs=1e-6)
    assert found.log_loss == pytest.approx(-(np.log(0.9) + np.log(0.1) + np.log(0.6)) / 3, abs=1e-6)
    assert [(one.n, one.accuracy) for one in found.bins] == [(1, 1.0), (2, 0.5)]


def test_the_label_that_is_detected() -> None:
    assert positive_label(("background", "cough")) == "cough"
    assert positive_label(("cough", "no-cough")) == "cough"
    assert positive_label(("calm", "happy")) == "calm"
    assert positive_label(("calm", "happy"), "happy") == "happy"
