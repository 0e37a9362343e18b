"""What thresholds on a label's score do, and whether scores are probabilities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2

from components.common.statistics.bootstrap import wilson_95
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.tasks import TaskEvaluation, class_indices
from pipeline.heads.sigmoids import calibrate
from schemas.head_reports import Calibration, CalibrationBin, Detection, Sigmoid, ThresholdRow

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# Labels that stand for everything else.
_REST = frozenset(
    {"other", "others", "background", "noise", "negative", "none", "no", "rest", "unknown", "silence"}
)
_BINS = 10
_LEAST = 1e-7


def positive_label(labels: tuple[str, ...], named: str = "") -> str:
    """The label of two that is detected: the one that is named, else the one that is not a usual rest."""
    if named:
        return named
    wanted = [label for label in labels if not set(label.casefold().replace("-", "_").split("_")) & _REST]
    return wanted[0] if wanted else labels[0]


def detection(windows: TaskEvaluation, positive: str, sigmoids: Sequence[Sigmoid] = ()) -> Detection:
    """The threshold table of a task with two labels.

    Args:
      windows: Each window judged alone; its clip's id stands before the last ``#`` of its own.
      positive: The label that is detected.
      sigmoids: That calibrate the scores, one a label; empty: none do.
    """
    task = windows.task
    index = task.classes.index(positive)
    scores = windows.probabilities[:, index]
    calibrated: list[float | None] = [None] * len(THRESHOLDS)
    if sigmoids:
        column = np.array(THRESHOLDS, np.float32)[:, None]
        calibrated = calibrate(column, sigmoids[index : index + 1])[:, 0].tolist()
    by_clip: dict[str, list[float]] = defaultdict(list)
    clips: dict[str, Entry] = {}
    for window, score in zip(windows.tested, scores, strict=True):
        clip_id = window.clip_id.rpartition("#")[0]
        by_clip[clip_id].append(float(score))
        clips[clip_id] = window
    positives = [np.array(by_clip[one]) for one, window in clips.items() if window.label == positive]
    negatives = [np.array(by_clip[one]) for one, window in clips.items() if window.label != positive]
    seconds = sum(window.duration_s for window in clips.values() if window.label != positive)
    hours = seconds / 3600
    rows = []
    for threshold, shown in zip(THRESHOLDS, calibrated, strict=True):
        alarms = sum(_alarms(one >= threshold) for one in negatives)
        low, high = poisson_95(alarms)
        misses = float(np.mean([not (one >= threshold).any() for one in positives]))
        misses_low, misses_high = wilson_95(misses, len(positives))
        rows.append(
            ThresholdRow(
                threshold=threshold,
                calibrated=shown,
                false_alarms=alarms,
                false_alarms_an_hour=alarms / hours,
                false_alarms_low=low / hours,
                false_alarms_high=high / hours,
                misses=misses,
                misses_low=misses_low,
                misses_high=misses_high,
            )
        )
    return Detection(
        positive=positive,
        n_positive=len(positives),
        n_negative=len(negatives),
        negative_hours=hours,
        rows=rows,
    )


def poisson_95(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean behind a count (Garwood, Biometrika 28, 1936)."""
    low = float(chi2.ppf(0.025, 2 * count) / 2) if count else 0.0
    return low, float(chi2.ppf(0.975, 2 * count + 2) / 2)


def calibration(windows: TaskEvaluation) -> Calibration:
    """Confidence against accuracy of tested windows, in ten ranges of the greatest score."""
    truth = class_indices(windows.task.classes, windows.tested)
    confidence = windows.probabilities.max(axis=1).astype(np.float64)
    right = windows.predicted == truth
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = []
    for index in np.unique(place):
        own = place == index
        bins.append(
            CalibrationBin(
                low=index / _BINS,
                high=(index + 1) / _BINS,
                n=int(own.sum()),
                confidence=float(confidence[own].mean()),
                accuracy=float(right[own].mean()),
            )
        )
    of_label = windows.probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return Calibration(
        expected_error=sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / len(truth),
        log_loss=float(-np.log(np.maximum(of_label, _LEAST)).mean()),
        bins=bins,
    )


def _alarms(raised: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """Runs of windows that raise the alarm."""
    return int(raised[0]) + int((raised[1:] & ~raised[:-1]).sum())
