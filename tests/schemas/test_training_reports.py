"""What a training cost is told only where all of it was measured."""

from __future__ import annotations

from schemas.training_reports import EpochMetrics, cpu_seconds_of


def epoch(cpu_seconds: float | None) -> EpochMetrics:
    return EpochMetrics(
        epoch=1,
        phase="float",
        loss=1.0,
        validation_loss=1.0,
        learning_rate=0.1,
        seconds=2.0,
        cpu_seconds=cpu_seconds,
    )


def test_processor_time_is_that_of_all_epochs_or_of_none() -> None:
    assert cpu_seconds_of([epoch(3.0), epoch(4.0)]) == 7.0
    assert cpu_seconds_of([epoch(3.0), epoch(None)]) is None
    assert cpu_seconds_of([]) is None


def test_an_epoch_of_before_it_was_measured_is_read() -> None:
    old = epoch(3.0).model_dump()
    del old["cpu_seconds"]
    assert EpochMetrics.model_validate(old).cpu_seconds is None
