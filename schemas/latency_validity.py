"""Whether others had the processor while something was timed: rules that both sides of a report apply.

The reference network does the same work in every invocation. What it takes beyond its own median is time
that was taken from it, and from the models of the same rounds likewise: their medians may bear that, their
higher percentiles speak of the host's other work and not of them.
"""

from __future__ import annotations

import math

from schemas.latency_reports import LatencyMeasurement, LatencyReport

BUSY = "the host was busy"
_TAIL = 0.05


def lost_share(p50_ms: float | None, mean_ms: float, p95_ms: float | None) -> float:
    """Share of its time that a network of constant work lost to interruptions, as far as figures show.

    The mean shows all that was lost. The 95th percentile shows that at least a twentieth of the invocations
    took as long; where the two contradict each other, the larger loss counts.

    Args:
      p50_ms: Median; None, as of a tool that tells means only: nothing can be said, the share is 0.
      mean_ms: Mean.
      p95_ms: 95th percentile, or None.
    """
    if p50_ms is None:
        return 0.0
    least_mean = 0.0 if p95_ms is None else p50_ms + _TAIL * (p95_ms - p50_ms)
    mean = max(mean_ms, least_mean)
    # Not 'mean <= p50': figures that are no numbers show no quiet host.
    return 0.0 if mean <= p50_ms else 1.0 if not math.isfinite(mean) or mean <= 0 else 1 - p50_ms / mean


def busy(p50_ms: float | None, mean_ms: float, p95_ms: float | None, limit: float) -> str:
    """Why the reference network's figures show a busy host; empty if they do not.

    Args:
      p50_ms: The reference network's median; None: not reported.
      mean_ms: Its mean.
      p95_ms: Its 95th percentile; None: not reported.
      limit: Largest share of its time that it may lose.
    """
    share = lost_share(p50_ms, mean_ms, p95_ms)
    if share <= limit:
        return ""
    tail = "" if p95_ms is None else f", 95th percentile {p95_ms:.3g} ms"
    return (
        f"{BUSY}: interruptions took {share:.0%} of the reference model's time (median {p50_ms:.3g} ms, "
        f"mean {mean_ms:.3g} ms{tail}), at most {limit:.0%}"
    )


def measured_on_a_busy_host(report: LatencyReport, measured: LatencyMeasurement) -> str:
    """Why a measurement's rounds were timed on a busy host, by its report alone; empty if they were not.

    Args:
      report: With the reference network's figures, over all and session by session.
      measured: One of its measurements.
    """
    for one in report.conditions:
        if one.session in measured.session_numbers and one.reference_mean_ms is not None:
            told = one.reference_ms, one.reference_mean_ms, one.reference_p95_ms
            if reason := busy(*told, report.max_interruption):
                return f"session {one.session}: {reason}"
    reference = report.reference
    if reference is None:
        return ""
    return busy(reference.p50_ms, reference.mean_ms, reference.p95_ms, report.max_interruption)
