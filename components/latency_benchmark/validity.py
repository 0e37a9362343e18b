"""When a measurement may not be believed, and why.

Pure functions of what was timed. MLPerf Tiny and Mobile refuse runs by the same kinds of rules: too short,
too few, not repeatable.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.common.statistics.sessions import Interval
from components.latency_benchmark.figures import Summary, Timings
from components.latency_benchmark.settings import MeasurementSettings
from schemas.latency_validity import busy

# Tools that stop by the clock and not by the sum of their timings fall short by their own work.
_SHORT_BY = 0.05

Sessions = Mapping[int, float]
"""A figure of each session, by its number."""


def common_drift(typical_ms: Mapping[str, Sessions], reference: str) -> dict[int, float]:
    """How much slower each session was for all models alike, 1 for the middle one.

    The median over the models of a session's typical latency against that model's middle session. One
    model's change would be half of the median of two, so with fewer than three the reference speaks alone.

    Args:
      typical_ms: Of each session, by model; all models were timed in the same sessions.
      reference: The reference model's key.
    """
    if len(typical_ms) < 3:
        typical_ms = {reference: typical_ms[reference]}
    changes = [
        {session: one / np.median(list(own.values())) for session, one in own.items()}
        for own in typical_ms.values()
    ]
    return {session: float(np.median([one[session] for one in changes])) for session in changes[0]}


def disagreement(own_ms: Sessions, drift: Sessions) -> float:
    """Largest over least session, minus 1, once each is divided by what drifts along."""
    settled = [one / drift[session] for session, one in own_ms.items()]
    return max(settled) / min(settled) - 1


def half_width(ratio: Interval) -> float:
    """How far a ratio may lie from its estimate, as a share: the root of upper over lower end, minus 1."""
    return float(np.sqrt(ratio.high / ratio.low)) - 1


def faults(timings: Timings, uncertain: float, settings: MeasurementSettings) -> list[str]:
    """Why one model's figures may not be believed; empty if they may.

    Args:
      timings: Of all its sessions.
      uncertain: Half the width of its ratio's interval over them, as a share.
      settings: The least count and time of a session, and the largest such share.
    """
    found = []
    for session in sorted({session for session, _ in timings}):
        bursts = [burst for (number, _), burst in timings.items() if number == session]
        runs, seconds = sum(burst.count for burst in bursts), sum(burst.seconds for burst in bursts)
        if runs < settings.min_runs:
            found.append(
                f"too few: {runs} timed invocations in session {session}, at least {settings.min_runs}"
            )
        if seconds < settings.min_seconds * (1 - _SHORT_BY):
            found.append(
                f"too short: {seconds:.3g} timed seconds in session {session}, "
                f"at least {settings.min_seconds:g}"
            )
    # Not '>': a figure that is not a number must not pass.
    if not uncertain <= settings.max_disagreement:
        sessions = len({session for session, _ in timings})
        found.append(
            f"its sessions disagree by {uncertain:.1%} either way (95 % interval of its ratio to the "
            f"reference model, {sessions} sessions), at most {settings.max_disagreement:.1%}"
        )
    return found


def busy_sessions(reference: Mapping[int, Summary], settings: MeasurementSettings) -> dict[int, str]:
    """Why the host was busy in a session, by session; those in which it was not are left out.

    Args:
      reference: What the reference model took, by session.
      settings: The largest share of its time that may be lost.
    """
    reasons = {
        session: busy(told.p50_ms, told.mean_ms, told.p95_ms, settings.max_interruption)
        for session, told in reference.items()
    }
    return {session: reason for session, reason in reasons.items() if reason}


def session_faults(
    reference_ms: Sessions,
    throttled: Mapping[int, bool | None],
    settings: MeasurementSettings,
    interrupted: Mapping[int, str] | None = None,
) -> dict[int, list[str]]:
    """Why nothing measured in the sessions of an attempt may be believed, by session.

    Args:
      reference_ms: The reference model's typical latency in each session.
      throttled: What the device told of itself; None: nothing, and that is not a fault.
      settings: How far the reference may move.
      interrupted: Why the host was busy, of the sessions in which it was.
    """
    found: dict[int, list[str]] = {session: [] for session in reference_ms}
    for session in reference_ms:
        if throttled[session]:
            found[session].append("the device throttled")
        if interrupted and session in interrupted:
            found[session].append(interrupted[session])
    left = dict(reference_ms)
    while not _apart(left) <= settings.max_reference_drift:
        least, largest, middle = min(left.values()), max(left.values()), np.median(list(left.values()))
        # Of two the slower one: it was disturbed rather than the other one helped.
        beyond = left if len(left) == 2 else {one: abs(np.log(ms / middle)) for one, ms in left.items()}
        farthest = max(beyond, key=lambda one: beyond[one])
        del left[farthest]
        found[farthest].append(
            f"the reference model took {reference_ms[farthest]:.4g} ms, {least:.4g} to {largest:.4g} ms in "
            f"the attempt's sessions: {largest / least - 1:.1%} apart, "
            f"at most {settings.max_reference_drift:.1%}"
        )
    return found


def _apart(sessions: Sessions) -> float:
    return max(sessions.values()) / min(sessions.values()) - 1
