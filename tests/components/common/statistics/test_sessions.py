from __future__ import annotations

import numpy as np
import pytest

from components.common.statistics.sessions import over_sessions, sessions_to_tell


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
