"""What a TFMA evaluation says, as a typed report: slices with intervals, thresholds with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.common.statistics.bootstrap import wilson_95
from components.noss_evaluator.settings import TfmaSettings
from schemas.noss_reports import SliceFigure, SliceInterval, TfmaSummary

TASK, ACCURACY, TEACHER = "task", "accuracy", "teacher"

_COUNT = "example_count"


def summarise(folder: Path, settings: TfmaSettings, thresholds: list[str]) -> TfmaSummary:
    """Reads what TFMA wrote into ``folder``.

    Args:
      folder: Of the evaluation.
      settings: Which slices are listed, which intervals TFMA made.
      thresholds: What was asked, in words.
    """
    import tfx.v1  # noqa: F401, I001
    import tensorflow_model_analysis as tfma

    figures = [_figure(one, settings) for one in tfma.load_metrics(str(folder))]
    whole = {figure.task: figure.accuracy for figure in figures if figure.feature is None}
    slices = [
        figure.model_copy(update={"gap": figure.accuracy - whole[figure.task]})
        for figure in figures
        if figure.feature is None or figure.n >= settings.min_slice
    ]
    slices.sort(key=lambda one: (one.task, one.feature is not None, one.gap, one.feature or "", one.value))
    reasons = list(_reasons(tfma.load_validation_result(str(folder)))) if thresholds else []
    return TfmaSummary(
        min_slice=settings.min_slice,
        slices=slices,
        left_out=len(figures) - len(slices),
        thresholds=thresholds,
        validated=not reasons,
        reasons=reasons,
    )


def _figure(metrics: Any, settings: TfmaSettings) -> SliceFigure:
    """One slice of TFMA's ``MetricsForSlice``; the gap is filled in when the whole task is known."""
    key = {part.column: part.bytes_value.decode() for part in metrics.slice_key.single_slice_keys}
    task = key.pop(TASK)
    feature, value = next(iter(key.items()), (None, ""))
    ours = {
        pair.key.name: pair
        for pair in metrics.metric_keys_and_values
        if not pair.key.is_diff and pair.key.model_name != TEACHER
    }
    teachers = [
        pair.value.double_value.value
        for pair in metrics.metric_keys_and_values
        if pair.key.name == ACCURACY and pair.key.model_name == TEACHER and not pair.key.is_diff
    ]
    n = round(ours[_COUNT].value.double_value.value)
    accuracy = ours[ACCURACY].value.double_value.value
    low, high, interval = _interval(ours[ACCURACY].confidence_interval, accuracy, n, settings)
    return SliceFigure(
        task=task, feature=feature, value=value, n=n, accuracy=accuracy, low=low, high=high,
        interval=interval, gap=0.0, teacher=teachers[0] if teachers else None,
    )  # fmt: skip


def _interval(
    given: Any, accuracy: float, n: int, settings: TfmaSettings
) -> tuple[float, float, SliceInterval]:
    """TFMA's interval; Wilson's where it gives none or one without width, as on slices of few clips."""
    low, high = given.lower_bound.double_value.value, given.upper_bound.double_value.value
    if settings.confidence == "off" or not high > low:
        return (*wilson_95(accuracy, n), "wilson")
    return max(0.0, low), min(1.0, high), settings.confidence


def _reasons(validation: Any) -> Iterator[str]:
    """The failures of TFMA's ``ValidationResult`` in words."""
    for failed in validation.metric_validations_per_slice:
        task = next(p.bytes_value.decode() for p in failed.slice_key.single_slice_keys if p.column == TASK)
        for failure in failed.failures:
            value, asked = failure.metric_value.double_value.value, failure.metric_threshold
            if failure.metric_key.is_diff:
                allowed = -asked.change_threshold.absolute.value
                yield f"{task}: accuracy is {-value:.4f} below the teacher's, allowed are {allowed:.4f}"
            else:
                floor = asked.value_threshold.lower_bound.value
                yield f"{task}: accuracy {value:.4f} is below the floor of {floor:g}"
    for missing in validation.missing_slices:
        for task in missing.feature_values.values():
            yield f"{task}: has a floor, but was not evaluated"
