from __future__ import annotations

import numpy as np
import pytest

from components.common.statistics.sessions import interval, over_sessions, paired_ratio, sessions_to_tell
from schemas.latency_reports import LatencyMeasurement
from tests.made_up_runs import Made, make_measurement


def timed(round_ms: np.ndarray, sessions: list[int] | None = None) -> LatencyMeasurement:
    """A measurement of ``(sessions, rounds)`` milliseconds."""
    return make_measurement("small", Made(0.7, 1.0), "a" * 64).model_copy(
        update={
            "round_ms": round_ms.tolist(),
            "session_numbers": sessions or list(range(1, len(round_ms) + 1)),
        }
    )


def test_students_t_by_hand() -> None:
    """10, 11, 12: s = 1, t(2) = 4.3027."""
    found = over_sessions([10.0, 11.0, 12.0])
    assert (found.value, found.high - 11) == pytest.approx((11.0, 4.3027 / np.sqrt(3)), rel=1e-4)
    assert found.low == pytest.approx(22 - found.high)
    with pytest.raises(ValueError, match="at least 2 sessions, got 1"):
        over_sessions([1.0])


def test_how_many_sessions_would_tell() -> None:
    """On logarithms s = 0.05, to be told from 0.05: t(5) s / root 6 = 0.0525, t(6) s / root 7 = 0.0462."""
    high = 8 * np.exp(4.3027 * 0.05 / np.sqrt(3))
    assert sessions_to_tell(8.0, high, 3, 8 * np.exp(0.05)) == 7
    assert sessions_to_tell(8.0, high, 3, high * 1.001) == 3
    assert sessions_to_tell(8.0, high, 3, 8.000001) is None, "too close"
    assert sessions_to_tell(8.0, high, 3, 7.9) is None, "beyond"
    assert sessions_to_tell(8.0, high, 3, 8.0) is None


def test_a_pair_is_compared_in_the_rounds_it_shares() -> None:
    rng = np.random.default_rng(1)
    slow = np.exp(rng.normal(0, 0.2, (5, 4)))
    found = paired_ratio(timed(3 * slow), timed(2 * slow[1:4], [2, 3, 4]))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))


def test_what_shares_too_little_is_no_pair() -> None:
    ones = np.ones((3, 4))
    assert paired_ratio(timed(ones), timed(ones, [3, 4, 5])) is None, "one session"
    assert paired_ratio(timed(ones), timed(ones[:, :3])) is None, "other rounds"
    untold = timed(ones).model_copy(update={"round_ms": [], "session_numbers": []})
    assert paired_ratio(timed(ones), untold) is None


def test_a_pair_tells_what_the_way_over_the_reference_hides() -> None:
    """3 % apart, three sessions, 1 % noise a round; the reference alone wanders by 2 % a session."""
    rng = np.random.default_rng(4)
    pairs = over_reference = 0
    for trial in range(100):
        noise = rng.normal(0, 0.01, (3, 3, 10))
        reference = np.exp(rng.normal(0, 0.02, (3, 1)) + noise[0])
        fast, slow = np.exp(noise[1]), 1.03 * np.exp(noise[2])
        paired = paired_ratio(timed(slow), timed(fast), trial)
        assert paired is not None
        pairs += paired.low > 1
        by_reference = [interval(list(np.log(own / reference)), trial) for own in (fast, slow)]
        over_reference += by_reference[1].low > by_reference[0].high
    assert pairs >= 85
    assert over_reference <= 10
