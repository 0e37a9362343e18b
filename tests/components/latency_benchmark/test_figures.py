from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.common.statistics.sessions import Interval, interval
from components.latency_benchmark import figures
from components.latency_benchmark.backends.base import Burst
from components.latency_benchmark.figures import Timings

SESSIONS, ROUNDS = 3, 10


def timings(milliseconds: np.ndarray) -> Timings:
    """Bursts of one invocation of ``(sessions, rounds)`` milliseconds."""
    return {
        (session + 1, number + 1): Burst(1, 1e3 * value, 1e3 * value, 1e3 * value, 1e3 * value)
        for (session, number), value in np.ndenumerate(milliseconds)
    }


def summaries(told: Timings) -> Timings:
    """The same bursts as tools that keep no samples tell them."""
    return {place: replace(burst, samples_us=()) for place, burst in told.items()}


def means(told: Timings) -> Timings:
    """The same bursts as the oldest tools tell them."""
    return {
        place: replace(burst, samples_us=(), median_us=None, p95_us=None) for place, burst in told.items()
    }


def test_percentiles_are_those_of_all_samples() -> None:
    told = {
        (1, 1): Burst.of_samples([1e3, 2e3, 3e3]),
        (1, 2): Burst.of_samples([4e3]),
        (2, 1): Burst.of_samples([5e3, 96e3]),
    }
    found = figures.summary(told)
    # Sorted: 1 2 3 4 5 96. The median lies between 3 and 4; the 90th percentile at 0.9 * 5 = 4.5, between
    # 5 and 96; the 95th at 4.75; the 99th at 4.95.
    assert (found.n, found.statistic) == (6, "median")
    assert found.p50_ms == pytest.approx(3.5)
    assert found.p90_ms == pytest.approx(5 + 0.5 * 91)
    assert found.p95_ms == pytest.approx(5 + 0.75 * 91)
    assert found.p99_ms == pytest.approx(5 + 0.95 * 91)
    assert found.mean_ms == pytest.approx(111 / 6)
    assert found.seconds == pytest.approx(0.111)
    assert found.typical_ms == found.p50_ms


def test_of_summaries_only_what_they_tell() -> None:
    told = summaries(
        {
            (1, 1): Burst.of_samples([1e3] * 20),
            (1, 2): Burst.of_samples([3e3] * 20),
            (2, 1): Burst.of_samples([2e3] * 40),
        }
    )
    found = figures.summary(told)
    # Of 80 invocations a quarter took 3 ms.
    assert (found.p50_ms, found.p95_ms, found.p90_ms, found.p99_ms) == (2.0, 3.0, None, None)
    assert (found.statistic, found.n, found.mean_ms) == ("median", 80, 2.0)

    found = figures.summary(means(told))
    assert (found.p50_ms, found.p95_ms, found.statistic) == (None, None, "mean")
    assert found.typical_ms == found.mean_ms == 2.0


def test_a_figure_that_not_every_round_tells_is_not_told() -> None:
    told = {(1, 1): Burst.of_samples([1e3] * 20), (1, 2): Burst.of_samples([3e3] * 20)}
    some = {**told, (1, 2): means(told)[1, 2]}
    assert (figures.summary(some).p50_ms, figures.summary(some).p95_ms) == (None, None)
    some = {**told, (1, 2): summaries(told)[1, 2]}
    assert (figures.summary(some).p50_ms, figures.summary(some).p90_ms) == (2.0, None)


def test_a_tool_that_tells_summaries_gets_the_95th_percentile_of_raw_samples() -> None:
    """30 % of the rounds at 16 ms, the others at 8: the middle round's 95th percentile is 8.2."""
    rng = np.random.default_rng(3)
    told = {
        (session, number): Burst.of_samples(
            ((16e3 if number > 7 else 8e3) * rng.normal(1, 0.01, 60)).tolist()
        )
        for session in (1, 2, 3)
        for number in range(1, 11)
    }
    raw, of_tool = figures.summary(told), figures.summary(summaries(told))
    assert raw.p95_ms is not None
    assert raw.p95_ms > 16
    assert of_tool.p95_ms == pytest.approx(raw.p95_ms, rel=0.01)
    assert of_tool.p50_ms == pytest.approx(raw.p50_ms, rel=0.01)
    own, other = figures.intervals_ms(told, 0)["p95"], figures.intervals_ms(summaries(told), 0)["p95"]
    assert other == pytest.approx(own, rel=0.01)


def test_percentiles_have_the_interval_of_their_sessions() -> None:
    """Sessions at 10, 11 and 12 ms: on logarithms s = 0.0912, t(2) s / root 3 = 0.2266 about 10.970."""
    told = {(session, 1): Burst.of_samples([1e3 * (9 + session)] * 20) for session in (1, 2, 3)}
    found = figures.intervals_ms(told, 0)
    assert list(found) == ["p50", "p90", "p95", "p99", "mean"]
    assert found["mean"] == pytest.approx((10.970 * np.exp(-0.2266), 10.970 * np.exp(0.2266)), rel=1e-3)
    assert found["p95"][1] == pytest.approx(found["mean"][1])
    assert found["p95"][0] <= 12, "widened to hold the percentile over all sessions, which is 12"
    assert list(figures.intervals_ms(summaries(told), 0)) == ["p50", "p95", "mean"]
    assert list(figures.intervals_ms(means(told), 0)) == ["mean"]


def test_the_upper_end_of_a_95th_percentile_is_rarely_too_low() -> None:
    """200 invocations a session at 8 ms, 6 % of them interrupted for some 3 ms; 300 times."""
    rng = np.random.default_rng(5)

    def samples(n: int) -> np.ndarray:
        return rng.normal(8, 0.1, n) + (rng.random(n) < 0.06) * rng.exponential(3, n)

    truth = np.percentile(samples(400_000), 95)
    above = point = 0
    for _ in range(300):
        told = {(session, 1): Burst.of_samples((1e3 * samples(200)).tolist()) for session in (1, 2, 3)}
        above += figures.intervals_ms(told, 0)["p95"][1] >= truth
        p95 = figures.summary(told).p95_ms
        point += p95 is not None and p95 >= truth
    assert above >= 0.93 * 300
    assert point < 0.7 * 300, "the figure alone is as likely below as above"


def test_nothing_timed_has_no_figures() -> None:
    with pytest.raises(ValueError, match="not timed"):
        figures.summary({})


def test_a_session_is_the_median_of_its_rounds() -> None:
    assert figures.session_ms(timings(np.array([[1.0, 2.0, 90.0], [4.0, 3.0, 5.0]]))) == {1: 2.0, 2: 4.0}


def test_the_interval_by_hand() -> None:
    """Sessions whose rounds are equal leave Student's t alone: 10, 11, 12 have s = 1, t(2) = 4.303."""
    found = interval([np.full(5, 10.0), np.full(5, 11.0), np.full(5, 12.0)], seed=0)
    assert found.value == 11
    assert found.low == pytest.approx(11 - 4.3027 / np.sqrt(3), abs=1e-3)
    assert found.high == pytest.approx(11 + 4.3027 / np.sqrt(3), abs=1e-3)


def test_sessions_that_agree_by_chance_promise_no_more_than_their_rounds() -> None:
    rounds = np.array([9.0, 9.5, 10.0, 10.5, 11.0])
    found = interval([rounds, rounds, rounds], seed=0)
    assert found.value == 10
    assert 9 < found.low < 9.9
    assert 10.1 < found.high < 11


def test_one_session_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2 sessions, got 1"):
        interval([np.ones(5)], seed=0)


def test_the_ratio_is_free_of_what_slows_both() -> None:
    rng = np.random.default_rng(0)
    slow = np.exp(np.cumsum(rng.normal(0, 0.2, 30))).reshape(SESSIONS, ROUNDS)
    found = figures.ratio(timings(3 * slow), timings(2 * slow), seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))
    apart = figures.difference_ms(timings(slow + 0.5), timings(slow), seed=0)
    assert (apart.value, apart.low, apart.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_model_is_once_as_fast_as_itself() -> None:
    told = timings(np.random.default_rng(0).lognormal(0, 0.3, (SESSIONS, ROUNDS)))
    assert figures.ratio(told, told, seed=0) == Interval(1, 1, 1)


def test_only_the_same_rounds_compare() -> None:
    told = timings(np.ones((SESSIONS, ROUNDS)))
    fewer = {place: burst for place, burst in told.items() if place != (2, 3)}
    for compare in (figures.ratio, figures.difference_ms):
        with pytest.raises(ValueError, match="30 rounds of the one, 29 of the other, 29 in common"):
            compare(told, fewer, 0)


def test_the_typical_latency_lies_in_its_interval() -> None:
    """Slow rounds with many samples draw the pooled median above every session's."""
    told = {
        (session, number): Burst.of_samples([2e3] * 50 if number == 1 else [1e3])
        for session in (1, 2, 3)
        for number in (1, 2, 3)
    }
    found = figures.typical_ms(told, seed=0)
    assert (found.value, found.low) == (2.0, 1.0)
    assert found.high >= 2.0


@pytest.mark.parametrize(
    ("session_effect", "noise", "correlated", "outliers", "drift", "widest"),
    [
        (0.0, 0.01, 0.0, 0.0, 0.0, 0.015),
        (0.01, 0.01, 0.0, 0.0, 0.01, 0.04),
        (0.01, 0.02, 0.0, 0.1, 0.01, 0.06),
        (0.0, 0.02, 0.8, 0.05, 0.01, 0.06),
        (0.01, 0.02, 0.8, 0.05, 0.02, 0.08),
        (0.015, 0.05, 0.5, 0.2, 0.05, 0.16),
    ],
)
def test_intervals_of_equal_models_contain_one(
    session_effect: float, noise: float, correlated: float, outliers: float, drift: float, widest: float
) -> None:
    """At least 93 of 100; ``widest`` bounds the median half width, so that nothing is bought by width."""
    rng = np.random.default_rng(20)
    trials = 300

    def one_model() -> np.ndarray:
        rounds = rng.normal(0, noise, (trials, SESSIONS, ROUNDS))
        for number in range(1, ROUNDS):
            fresh = np.sqrt(1 - correlated**2) * rounds[..., number]
            rounds[..., number] = correlated * rounds[..., number - 1] + fresh
        rounds += rng.normal(0, session_effect, (trials, SESSIONS, 1))
        hit = rng.random(rounds.shape) < outliers
        return rounds + hit * rng.exponential(0.3, rounds.shape)

    # The machine's speed wanders; either model may come first in a round.
    walk = np.cumsum(rng.normal(0, drift, (trials, SESSIONS * ROUNDS * 2)), axis=1)
    both = rng.permuted(walk.reshape(trials, SESSIONS, ROUNDS, 2), axis=3)
    first, second = np.exp(one_model() + both[..., 0]), np.exp(one_model() + both[..., 1])
    found = [figures.ratio(timings(a), timings(b), seed=0) for a, b in zip(first, second, strict=True)]
    assert np.mean([one.low <= 1 <= one.high for one in found]) >= 0.93
    assert np.median([one.high / one.low - 1 for one in found]) / 2 <= widest
