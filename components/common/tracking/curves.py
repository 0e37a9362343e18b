"""A training's epochs as MLflow has them: the same whether they are sent live or with the run's record."""

from __future__ import annotations

import math

from schemas.run_records import MetricPoint
from schemas.training_reports import EpochMetrics

EPOCH_FIGURES = ("loss", "validation_loss", "learning_rate", "svd_alpha", "seconds")


def epoch_points(epoch: EpochMetrics, second: float) -> list[MetricPoint]:
    """The figures of an epoch that are numbers.

    Args:
      epoch: The epoch.
      second: Seconds of training up to its end, interruptions left out.
    """
    values = {name: float(getattr(epoch, name)) for name in EPOCH_FIGURES}
    return [
        MetricPoint(name=f"training/{name}", value=value, step=epoch.epoch, second=second)
        for name, value in values.items()
        if math.isfinite(value)
    ]
