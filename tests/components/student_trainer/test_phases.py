"""The plan of a training and its schedules."""

from __future__ import annotations

import pytest

from components.student_trainer.phases import Phase, learning_rate, plan_phases, refit_steps, svd_alpha
from components.student_trainer.settings import PruningSchedule, SvdSchedule, TrainingSettings
from schemas.students import StudentSpec


def test_without_compression_there_is_one_phase() -> None:
    assert plan_phases(StudentSpec(), TrainingSettings(epochs=5)) == [Phase("float", 0, 4)]


def test_svd_and_qat_come_one_after_the_other() -> None:
    # Shares 0.2, 0.6, 0.75, 1 of 20 epochs end at 4, 12, 15 and 20.
    phases = plan_phases(StudentSpec(svd_rank=100, qat="bottleneck"), TrainingSettings(epochs=20))
    assert phases == [
        Phase("float", 0, 3),
        Phase("annealed", 4, 11),
        Phase("factored", 12, 14),
        Phase("qat", 15, 19),
    ]


@pytest.mark.parametrize("epochs", [4, 5, 6, 7, 9, 13])
def test_every_phase_has_an_epoch_and_every_epoch_a_phase(epochs: int) -> None:
    phases = plan_phases(StudentSpec(svd_rank=100, qat="bottleneck"), TrainingSettings(epochs=epochs))
    covered = [epoch for phase in phases for epoch in range(phase.first, phase.last + 1)]
    assert covered == list(range(epochs))
    assert all(phase.first <= phase.last for phase in phases)


def test_too_few_epochs_are_refused_with_the_phases() -> None:
    with pytest.raises(ValueError, match=r"small-w1-gap-e2048-svd100-qat: training.epochs is 3.*at least 4"):
        plan_phases(StudentSpec(svd_rank=100, qat="bottleneck"), TrainingSettings(epochs=3))


def test_alpha_falls_from_one_to_exactly_zero() -> None:
    values = [svd_alpha(step, 5) for step in range(5)]
    assert values == [1.0, 0.75, 0.5, 0.25, 0.0]
    # The original formatted its step of 0.01 as an integer, so that alpha stayed 1.
    assert svd_alpha(1, 101) == pytest.approx(0.99)
    assert svd_alpha(0, 1) == 0.0


def test_a_cosine_fades_slowly_at_both_ends() -> None:
    values = [svd_alpha(step, 5, "cosine") for step in range(5)]
    # Half of 1 + cos of 0, 45, 90, 135 and 180 degrees.
    assert values == pytest.approx([1.0, 0.853553, 0.5, 0.146447, 0.0], abs=1e-6)
    assert values[-1] == 0.0


def test_factors_are_refitted_a_few_times_only() -> None:
    assert refit_steps(1000, 4) == {0, 250, 500, 750}


def test_the_rate_rises_then_falls() -> None:
    settings = TrainingSettings(learning_rate=1.0, warmup=0.1, final_rate=0.0)
    assert learning_rate(0, 100, settings) == pytest.approx(0.1)
    assert learning_rate(9, 100, settings) == pytest.approx(1.0)
    assert learning_rate(55, 100, settings) == pytest.approx(0.5)
    assert learning_rate(100, 100, settings) == pytest.approx(0.0)


def test_quantising_before_the_factors_are_trained_out_is_refused() -> None:
    with pytest.raises(ValueError, match=r"svd.end 0.6 must not be after qat_begin 0.5"):
        TrainingSettings(qat_begin=0.5)


def test_pruning_before_there_are_factors_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pruning.end 0.5 must be after svd.end 0.6"):
        TrainingSettings(pruning=PruningSchedule(end=0.5))


@pytest.mark.parametrize("schedule", [SvdSchedule, PruningSchedule])
def test_a_schedule_that_ends_before_it_begins_is_refused(
    schedule: type[SvdSchedule] | type[PruningSchedule],
) -> None:
    with pytest.raises(ValueError, match=r"begin 0.5 must be below end 0.4"):
        schedule(begin=0.5, end=0.4)
