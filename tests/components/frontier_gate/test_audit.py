"""What a search's audit says."""

from __future__ import annotations

import pytest

from components.frontier_gate.audit import audited
from schemas.noss_reports import NossReport
from schemas.search_reports import CandidatePlace, SearchReport
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec
from tests.made_up_runs import make_result
from tests.students import mobilenet

EXPECTED = {"a": 0.2, "b": 0.3, "c": 0.35, "d": 0.4, "e": 0.5, "control": 0.33, "left": 0.1}
# About 0.1 + expected.
REACHED = {"a": 0.301, "b": 0.398, "c": 0.452, "d": 0.499, "e": 0.601}


def search(audit: str) -> SearchReport:
    return SearchReport(
        budget=0.5, short=0.1, chosen=0.3, grid_giga_macs=1.0, audit=audit,
        candidates=[
            CandidatePlace(
                candidate_id=name, chosen=name != "left", why="", mega_macs=1.0, cost=0.1, expected=expected
            )
            for name, expected in EXPECTED.items()
        ],
    )  # fmt: skip


def students(reached: dict[str, float]) -> list[StudentInfo]:
    return [
        StudentInfo(
            candidate_id=name, failure="" if name in reached else "left out", left_out=name not in reached,
            spec=mobilenet("tiny", 0.5), front_end=FrontEndSpec(), parameters=1, target_dim=4,
            target_variance_explained=reached.get(name, 0.0), seed=1, best_epoch=1, epochs=[], steps=1,
            windows_per_second=1.0,
        )
        for name in EXPECTED
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "where"), [(0.431, "within"), (0.47, "above"), (0.39, "below")])
def test_the_audited_candidate_is_held_against_what_the_others_let_expect(value: float, where: str) -> None:
    found = audited(search("control"), students(REACHED | {"control": value}))
    assert f"explains {value:.3f} of its held-out targets' variance, {where} the 0.42" in found.audit_result
    assert "the 5 other trained candidates let expect" in found.audit_result
    assert found.audit_failed == (where == "above")
    assert found.audit_deviation is not None
    outside = abs(found.audit_deviation) > 1
    assert (found.audit_deviation > 0) == (value > 0.43) and outside == (where != "within")


def test_an_audit_that_cannot_tell_says_so() -> None:
    few = {name: REACHED[name] for name in ("a", "b", "c")} | {"control": 0.9}
    found = audited(search("control"), students(few))
    assert "3 trained candidates are too few" in found.audit_result and not found.audit_failed
    assert found.audit_deviation is None
    assert "failed" in audited(search("control"), students(REACHED)).audit_result
    assert "No candidate could be audited" in audited(search(""), students(REACHED)).audit_result
    assert "0 trained" in audited(search("control"), students({"control": 0.4})).audit_result


def scored(scores: dict[str, float]) -> list[NossReport]:
    """Reports of candidates with two files: the first has the given score, the other a worse one."""
    return [
        NossReport(
            protocol="strict",
            results=[
                make_result(name, score - loss, variant)
                for variant, loss in (("core-float32", 0.0), ("core-int8", 0.3))
            ],
        )
        for name, score in scores.items()
    ]


def test_a_search_that_goes_by_something_else_than_the_tasks_says_so() -> None:
    alike = audited(search("control"), students(REACHED), scored({"a": 0.5, "b": 0.6, "d": 0.7, "e": 0.8}))
    assert alike.rank_correlation == pytest.approx(1.0) and "hardly orders" not in alike.audit_result
    other = audited(search("control"), students(REACHED), scored({"a": 0.8, "b": 0.6, "d": 0.7, "e": 0.5}))
    assert other.rank_correlation == pytest.approx(-0.8)
    assert "its rank correlation with their validation scores is -0.80" in other.audit_result
    few = audited(search("control"), students(REACHED), scored({"a": 0.8, "b": 0.6, "d": 0.7}))
    assert few.rank_correlation is None and "hardly orders" not in few.audit_result
