"""What is decided by the reports of short trainings."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.frontier_search.choice import TooSmallBudget
from components.frontier_search.executor import Executor, Trainings, decide
from components.frontier_search.settings import SearchSettings
from schemas.artifacts import SearchDecision, StudentModel
from schemas.search_reports import LEFT_OUT, SearchReport
from schemas.student_reports import Screen, ScreenedStudent, StudentInfo
from schemas.students import FrontEndSpec
from tests.students import mobilenet

TRAININGS = Trainings(full=10, warm=4)


def network(width: float, macs: float, explained: float | None) -> StudentInfo:
    """A network of which a student with a cut bottleneck computes a tenth less."""
    spec = mobilenet("tiny", width, embedding_width=64)
    name = spec.candidate_id
    share = None if explained is None else explained - 0.002
    siblings = [
        ScreenedStudent(candidate_id=name, explained=explained, mega_macs=macs),
        ScreenedStudent(candidate_id=f"{name}-svd8-warm", explained=share, mega_macs=0.9 * macs),
    ]
    return StudentInfo(
        candidate_id=name, failure="" if explained else "the loss is nan", spec=spec,
        front_end=FrontEndSpec(), parameters=1, target_dim=4,
        target_variance_explained=explained or 0.0, seed=1, best_epoch=1, epochs=[], steps=1,
        windows_per_second=1.0, screen=Screen(siblings=siblings, epochs=1.5, fit_epochs=0.0),
    )  # fmt: skip


def _siblings(info: StudentInfo) -> list[ScreenedStudent]:
    return info.screen.siblings if info.screen else []


NETWORKS = [network(0.25, 1, 0.3), network(0.5, 2, 0.4), network(1.0, 4, 0.41)]
GRID = 10 * 1.9 * (1 + 2 + 4)


def test_costs_are_shares_of_training_all_in_full() -> None:
    report = decide(NETWORKS, SearchSettings(budget=0.9, audit=False), TRAININGS, seed=0)
    assert report.short == pytest.approx(1.5 * 7 / GRID)
    costs = {one.candidate_id: one.cost for one in report.candidates}
    assert costs["tiny-w0.5-gap-e64"] == pytest.approx(10 * 2 / GRID)
    assert costs["tiny-w0.5-gap-e64-svd8-warm"] == pytest.approx(4 * 0.9 * 2 / GRID)
    assert report.grid_giga_macs == pytest.approx(GRID / 10 / 1e3)
    assert report.chosen == pytest.approx(sum(one.cost for one in report.trained))
    assert report.spent <= 0.9
    assert len(report.trained) == len(report.candidates) == 6 and not report.untrained


def test_what_is_fitted_costs_its_fit_and_no_epoch() -> None:
    networks = []
    for one in NETWORKS:
        assert one.screen is not None
        first, cut = one.screen.siblings
        siblings = [first, cut.model_copy(update={"learns": False})]
        screen = one.screen.model_copy(update={"siblings": siblings, "fit_epochs": 0.2})
        networks.append(one.model_copy(update={"screen": screen}))
    report = decide(networks, SearchSettings(budget=0.9, audit=False), TRAININGS, seed=0)
    costs = {one.candidate_id: one.cost for one in report.candidates}
    assert costs["tiny-w0.5-gap-e64"] == pytest.approx(10.2 * 2 / GRID)
    assert costs["tiny-w0.5-gap-e64-svd8-warm"] == pytest.approx(0.2 * 0.9 * 2 / GRID)


def test_what_is_left_out_is_told_why() -> None:
    report = decide(NETWORKS, SearchSettings(budget=0.6, audit=False), TRAININGS, seed=0)
    assert {one.candidate_id for one in report.trained} == {
        "tiny-w0.25-gap-e64", "tiny-w0.25-gap-e64-svd8-warm", "tiny-w1-gap-e64",
        "tiny-w1-gap-e64-svd8-warm",
    }  # fmt: skip
    assert [one.expected for one in report.untrained] == [0.4, 0.398]
    why = report.left_out("tiny-w0.5-gap-e64")
    assert why.startswith(f"{LEFT_OUT}: promises 0.400 of the targets' variance for 2 MMAC a window")
    assert report.left_out("tiny-w1-gap-e64") == report.left_out("who") == ""
    # A worse one is told which is better.
    poor = [*NETWORKS[:2], network(1.0, 4, 0.2), network(0.75, 3, 0.5)]
    why = decide(poor, SearchSettings(budget=0.6, audit=False), TRAININGS, 0).left_out("tiny-w1-gap-e64")
    assert "tiny-w0.75-gap-e64 promises as much (0.500 of the targets' variance, 0.200) for 3 MMAC" in why


def test_a_budget_that_pays_for_all_trains_all_and_audits_nothing() -> None:
    poor = [*NETWORKS[:2], network(1.0, 4, 0.2)]
    report = decide(poor, SearchSettings(budget=0.9), TRAININGS, 0)
    assert not report.untrained and report.audit == "" and report.spent <= 0.9
    # A little less, and what promises nothing is left out.
    assert decide(poor, SearchSettings(budget=0.75), TRAININGS, 0).untrained


def test_a_budget_that_does_not_reach_both_ends_is_refused() -> None:
    with pytest.raises(TooSmallBudget, match=r"tiny-w0.25-gap-e64 and tiny-w1-gap-e64, both ends"):
        decide(NETWORKS, SearchSettings(budget=0.3), TRAININGS, 0)


def test_what_no_device_can_take_is_not_trained_and_said() -> None:
    slow = {"tiny-w1-gap-e64": "takes at least 9 ms", "tiny-w1-gap-e64-svd8-warm": "takes at least 8 ms"}
    report = decide(NETWORKS, SearchSettings(budget=0.6, audit=False), TRAININGS, 0, slow)
    # The best network that remains is now the other end.
    assert {one.candidate_id for one in report.trained} == {
        f"tiny-w{width}-gap-e64{tail}" for width in ("0.25", "0.5") for tail in ("", "-svd8-warm")
    }
    assert [one.candidate_id for one in report.candidates if not one.fits] == list(slow)
    # Both ends are those of what fits: the slow network's would cost more than there is.
    less = decide(NETWORKS, SearchSettings(budget=0.33, audit=False), TRAININGS, 0, slow)
    assert {"tiny-w0.25-gap-e64", "tiny-w0.5-gap-e64"} <= {one.candidate_id for one in less.trained}
    assert less.untrained and len(less.trained) < 4
    assert report.left_out("tiny-w1-gap-e64") == f"{LEFT_OUT}: takes at least 9 ms"
    assert all(
        decide(NETWORKS, SearchSettings(budget=0.9), TRAININGS, seed, slow).audit not in slow
        for seed in range(9)
    )


def test_a_network_is_trained_if_only_another_of_its_students_fits() -> None:
    slow = {one.candidate_id: "is slow" for info in NETWORKS for one in _siblings(info)}
    del slow["tiny-w1-gap-e64-svd8-warm"]
    report = decide(NETWORKS, SearchSettings(budget=0.9, audit=False), TRAININGS, 0, slow)
    assert {one.candidate_id for one in report.trained} == {"tiny-w1-gap-e64", "tiny-w1-gap-e64-svd8-warm"}
    first = next(one for one in report.candidates if one.candidate_id == "tiny-w1-gap-e64")
    assert first.why == "others start from it; itself, it is slow" and not first.fits


def test_a_search_in_which_nothing_can_keep_to_the_budgets_is_refused() -> None:
    slow = {one.candidate_id: "is slow" for info in NETWORKS for one in _siblings(info)}
    with pytest.raises(ValueError, match=r"no candidate can .* tiny-w0.25-gap-e64-svd8-warm, .* is slow"):
        decide(NETWORKS, SearchSettings(budget=0.9), TRAININGS, 0, slow)


def test_the_audit_is_within_the_budget_and_said() -> None:
    audits = set()
    for seed in range(12):
        report = decide(NETWORKS, SearchSettings(budget=0.7), TRAININGS, seed)
        assert report.spent <= 0.7
        audits.add(report.audit)
        control = next(one for one in report.candidates if one.candidate_id == report.audit)
        assert control.chosen and control.why == "drawn for the audit"
    assert len(audits) > 1


def test_a_failed_short_training_costs_its_network_only(tmp_path: Path) -> None:
    inputs = []
    for number, info in enumerate([*NETWORKS, network(0.75, 3, None)]):
        model = StudentModel()
        model.uri = str(tmp_path / str(number))
        info.save(model.uri)
        inputs.append(model)
    decision = SearchDecision()
    decision.uri = str(tmp_path / "decision")
    Executor().Do(
        {f"network_{number:03d}": [model] for number, model in enumerate(inputs)},
        {"decision": [decision]},
        {
            "settings": SearchSettings(budget=1.0).to_parameter(),
            "epochs": 10,
            "warm_epochs": 4,
            "seed": 0,
            "code_digest": "",
        },
    )
    report = SearchReport.load(decision.uri)
    assert "the short training of its network failed" in report.left_out("tiny-w0.75-gap-e64")
    assert "failed" in report.left_out("tiny-w0.75-gap-e64-svd8-warm")
    assert len(report.trained) == 6
    # Its multiply-accumulates count: they would have been trained.
    assert report.grid_giga_macs == pytest.approx((GRID + 10 * 1.9 * 3) / 10 / 1e3)
