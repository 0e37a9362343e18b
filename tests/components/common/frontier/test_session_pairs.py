"""Latency of a pair by the rounds that both were timed in, and not over the reference network."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from components.common.frontier.dominance import Comparison, find_frontier
from components.common.frontier.scales import Axis, Floats, Scale
from components.common.statistics.sessions import exponential, interval, over_sessions
from schemas.latency_reports import LatencyMeasurement
from tests.components.frontier_gate.judging import SMALL, TINY, device_of, point_of, registered_from
from tests.made_up_runs import Made, Run, make_run

FIRST, SECOND = np.array([0]), np.array([1])
ASKED = np.ones((1, 1), dtype=np.bool_)


def axis_of(log_ms: Floats, margin: float, reference: Floats | None = None) -> Axis:
    """Latencies ``(n, sessions, rounds)`` as the gate places them, with intervals over the reference's."""
    ratios = log_ms if reference is None else log_ms - reference
    told = [exponential(interval(list(one), 0)) for one in ratios]
    values, low, high = (np.array([getattr(one, end) for one in told]) for end in ("value", "low", "high"))
    return Axis("latency", values, margin, low, high, larger_is_better=False, relative=True, rounds=log_ms)


def leads(axis: Axis) -> bool:
    return bool(Scale(axis, 2).better(FIRST, SECOND, ASKED)[0, 0])


def not_inferior(axis: Axis) -> bool:
    return bool(Scale(axis, 2).not_inferior(FIRST, SECOND, ASKED)[0, 0])


@pytest.mark.parametrize(("margin", "lead"), [(0.0, True), (0.04, True), (0.06, False)])
def test_students_t_by_hand(margin: float, lead: bool) -> None:
    # Sessions differ by 0.04, 0.05, 0.06 in logarithms: s = 0.01, and t(2) s / root 3 = 0.0248 and 0.0169.
    session = np.array([0.3, -0.2, 0.7])[:, None]
    rounds = np.array([0.0, 0.5, -0.5, 0.0])
    fast = session + rounds
    slow = fast + np.array([0.04, 0.05, 0.06])[:, None]
    axis = axis_of(np.stack([fast, slow]), margin)
    assert leads(axis) is lead
    wider = replace(axis, rounds=np.stack([fast, slow + np.array([-0.011, 0, 0.011])[:, None]]))
    assert not leads(wider), "t(2) 0.021 / root 3 = 0.0522"


@pytest.mark.parametrize(("behind", "shown"), [(0.031, True), (0.033, False)])
def test_the_one_sided_bound_by_hand(behind: float, shown: bool) -> None:
    # log 1.05 = 0.0488; t(2) one-sided 2.92 s / root 3 = 0.0169 for s = 0.01.
    fast = np.zeros((3, 4)) + np.array([0.3, -0.2, 0.7])[:, None]
    slow = fast + np.array([-0.01, 0.0, 0.01])[:, None] + behind
    assert not_inferior(axis_of(np.stack([slow, fast]), 0.05)) is shown


def test_the_middle_round_decides_and_not_an_outlier() -> None:
    rng = np.random.default_rng(1)
    fast = rng.normal(0, 0.001, (3, 5))
    slow = fast + 0.1 + rng.normal(0, 0.001, (3, 5))
    slow[0, 0] -= 3.0
    assert leads(replace(axis_of(np.stack([fast, fast + 0.1]), 0.05), rounds=np.stack([fast, slow])))


def test_only_shared_sessions_count_and_one_is_too_few() -> None:
    rng = np.random.default_rng(2)
    common = rng.normal(0, 0.5, (5, 1)) + np.zeros((5, 4))
    log_ms = np.stack([common, common + 0.1 + rng.normal(0, 0.002, (5, 4))])
    axis = axis_of(log_ms, 0.05)
    assert leads(axis)
    assert not leads(replace(axis, rounds=None)), "the two intervals alone are far too wide"
    for left, apart in (([0, 1], True), ([4], False), ([], False)):
        some = log_ms.copy()
        some[1, [i for i in range(5) if i not in left]] = np.nan
        assert leads(replace(axis, rounds=some)) is apart
    other_rounds = log_ms.copy()
    other_rounds[1, :, 3] = np.nan
    assert not leads(replace(axis, rounds=other_rounds)), "rounds that differ in number are not the same"


def test_three_per_cent_are_told_by_pairs_and_not_over_the_reference() -> None:
    """Three sessions of ten rounds, 1 % of noise a round, the reference alone wanders 2 % a session.

    Expected: 7 % over the reference, 91 % by pairs.
    """
    rng = np.random.default_rng(4)
    runs = 200
    pairs = over_reference = 0
    for _ in range(runs):
        noise = rng.normal(0, 0.01, (3, 3, 10))
        reference = rng.normal(0, 0.02, (3, 1)) + noise[0]
        axis = axis_of(np.stack([noise[1], noise[2] + np.log(1.03)]), 0.01, reference)
        pairs += leads(axis)
        over_reference += leads(replace(axis, rounds=None))
    assert pairs >= 0.85 * runs
    assert over_reference <= 0.1 * runs


def test_equal_pairs_do_not_lead_more_often_than_stated() -> None:
    """Without a margin 2.5 % may lead on each side, whatever all models of a session have in common."""
    rng = np.random.default_rng(5)
    n, runs = 40, 40
    false = 0
    everyone = np.arange(n)
    for _ in range(runs):
        log_ms = rng.normal(0, 0.03, (1, 3, 1)) + rng.normal(0, 0.004, (n, 3, 1)) + np.zeros((n, 3, 5))
        log_ms = log_ms + rng.normal(0, 0.01, (n, 3, 5))
        better = Scale(axis_of(log_ms, 0.0), 2).better(everyone, everyone, np.ones((n, n), dtype=np.bool_))
        false += int(better.sum())
    assert 0.015 <= false / (runs * n * (n - 1)) <= 0.03


def test_a_loss_of_ten_per_cent_is_rarely_taken_for_none() -> None:
    """Behind by twice the margin: at most 5 % may pass the one-sided bound; equal ones mostly pass."""
    rng = np.random.default_rng(6)
    passed = {0.0: 0, 0.05: 0, 0.1: 0}
    for behind in passed:
        for _ in range(200):
            log_ms = rng.normal(0, 0.01, (2, 3, 1)) + rng.normal(0, 0.01, (2, 3, 5))
            log_ms[0] += np.log1p(behind)
            passed[behind] += not_inferior(axis_of(log_ms, 0.05))
    assert passed[0.0] >= 150
    assert passed[0.05] <= 20
    assert passed[0.1] <= 2


def test_each_pair_comes_out_the_same_whatever_stands_beside_it() -> None:
    rng = np.random.default_rng(7)
    n = 30
    log_ms = rng.normal(0, 0.02, (n, 12, 1)) + rng.normal(0, 0.01, (n, 12, 6))
    log_ms[rng.random((n, 12)) < 0.4] = np.nan
    values = np.exp(rng.normal(0, 0.05, n))
    axis = Axis("latency", values, 0.01, values * 0.9, values * 1.1, False, True, rounds=log_ms)
    everyone, all_pairs = np.arange(n), np.ones((n, n), dtype=np.bool_)
    scale = Scale(axis, 2)
    for relation in (scale.better, scale.not_inferior):
        together = relation(everyone, everyone, all_pairs)
        for a, b in rng.integers(0, n, (100, 2)):
            alone = relation(np.array([a]), np.array([b]), ASKED)
            assert alone[0, 0] == together[a, b]


def test_a_pair_is_what_students_t_says_of_its_sessions() -> None:
    rng = np.random.default_rng(8)
    n = 25
    log_ms = rng.normal(0, 0.02, (n, 4, 1)) + rng.normal(0, 0.01, (n, 4, 6))
    log_ms[rng.random((n, 4)) < 0.2] = np.nan
    values = np.exp(np.arange(n) / 1e6)
    everyone, all_pairs = np.arange(n), np.ones((n, n), dtype=np.bool_)
    axis = Axis("latency", values, 0.0, values, values, False, True, rounds=log_ms)
    better = Scale(axis, 2).better(everyone, everyone, all_pairs)
    for a in range(n):
        for b in range(a + 1, n):
            both = np.isfinite(log_ms[a, :, 0]) & np.isfinite(log_ms[b, :, 0])
            if both.sum() >= 2:
                told = over_sessions(np.median(log_ms[b, both] - log_ms[a, both], axis=1).tolist())
                assert better[a, b] == (told.low > 0)


def test_impossible_rounds() -> None:
    good = Axis("latency", [1.0, 2.0], relative=True, rounds=np.zeros((2, 3, 4)))
    for bad in (
        replace(good, rounds=np.zeros((1, 3, 4))),
        replace(good, rounds=np.zeros((2, 3))),
        replace(good, relative=False),
        replace(good, draws=np.zeros((2, 4))),
    ):
        with pytest.raises(ValueError, match=r"axis 'latency': rounds of shape .* accepted: logarithms"):
            Comparison([bad])


def test_a_thousand_points_in_seconds() -> None:
    rng = np.random.default_rng(9)
    n = 1000
    true = rng.normal(0, 0.5, n)
    log_ms = true[:, None, None] + rng.normal(0, 0.01, (n, 5, 10))
    values = np.exp(np.median(log_ms, axis=2).mean(axis=1))
    quality = 0.7 + 0.05 * true + rng.normal(0, 0.01, n)
    axes = [
        Axis("quality", quality, 0.005),
        Axis("latency", values, 0.05, values * 0.98, values * 1.02, False, True, rounds=log_ms),
    ]
    began = time.perf_counter()
    assert find_frontier(Comparison(axes)).frontier
    assert time.perf_counter() - began < 20


def with_rounds(run: Run) -> Run:
    """The run with rounds that all models share; the sessions wander by 20 %."""
    (latency,) = run.latencies

    def one(measured: LatencyMeasurement) -> LatencyMeasurement:
        rng = np.random.default_rng(list(measured.candidate_id.encode()))
        noise = np.exp(rng.normal(0, 0.002, (3, 5)))
        rounds = measured.typical_ms * np.array([[0.8], [1.0], [1.25]]) * noise
        medians = np.median(rounds, axis=1)
        return measured.model_copy(
            update={
                "round_ms": rounds.tolist(),
                "session_numbers": [1, 2, 3],
                "session_ms": medians.tolist(),
                "spread_low_ms": float(medians.min()),
                "spread_high_ms": float(medians.max()),
                "ratio_low": measured.ratio * 0.8,
                "ratio_high": measured.ratio * 1.25,
            }
        )

    drifting = [
        condition.model_copy(update={"reference_ms": condition.reference_ms * factor})
        for condition, factor in zip(latency.conditions, (0.8, 1.0, 1.25), strict=True)
        if condition.reference_ms
    ]
    reference = latency.reference
    assert reference is not None
    update = {
        "measurements": [one(measured) for measured in latency.measurements],
        "conditions": drifting,
        "reference": one(reference),
        "max_reference_drift": 1.0,
    }
    run.latencies = [latency.model_copy(update=update)]
    return run


def test_a_verdict_rests_on_the_rounds_of_this_run() -> None:
    """20 % faster and of the same quality on exact clips, with intervals of 20 % either way."""
    run = with_rounds(make_run({SMALL: [Made(0.75, 5.0)], TINY: [Made(0.75, 4.0)]}))
    axes = ({"metric": "latency"},)
    apart = point_of(device_of(run, axes=axes), SMALL)
    assert not apart.on_frontier and apart.dominated_by == [f"{TINY.candidate_id}/wave-float32"]
    (latency,) = run.latencies
    silent = [one.model_copy(update={"round_ms": []}) for one in latency.measurements]
    run.latencies = [latency.model_copy(update={"measurements": silent})]
    assert point_of(device_of(run, axes=axes), SMALL).on_frontier


def test_a_registered_model_of_another_run_has_no_rounds_to_share() -> None:
    made = {SMALL: [Made(0.75, 5.0)]}
    champion = registered_from(with_rounds(make_run({TINY: [Made(0.75, 4.0)]})), "3", ("champion",))
    run = with_rounds(make_run(made))
    device = device_of(run, registered=(champion,), axes=({"metric": "latency"},))
    assert [point.on_frontier for point in device.points] == [True], "intervals of 20 % touch"
