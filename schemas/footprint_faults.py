"""What a footprint, or the report of a device that measures no time, says that cannot be true."""

from __future__ import annotations

import math

from schemas import faults
from schemas.footprints import Footprint
from schemas.latency_reports import LatencyReport


def footprint_faults(footprint: Footprint) -> list[str]:
    """What one footprint says of itself that cannot be true; empty if it can."""
    if found := faults.malformed(footprint):
        return found
    counts = ("bytes", "arena_bytes", "shared_bytes", "persistent_bytes", "windows")
    found = faults.not_above_zero({name: getattr(footprint, name) for name in counts})
    not_negative = {"multiply_accumulates": footprint.multiply_accumulates, **footprint.allocations}
    measured = {name: getattr(footprint, name) for name in ("difference", "golden_difference")}
    found += faults.not_finite(measured) or faults.below_zero({**not_negative, **measured})
    if footprint.step is not None and not (footprint.step > 0 and math.isfinite(footprint.step)):
        found.append(f"its embedding has steps of {footprint.step}")
    together = footprint.shared_bytes + footprint.persistent_bytes
    if together != footprint.arena_bytes:
        found.append(f"arena_bytes is {footprint.arena_bytes}, but shared and persistent are {together}")
    kinds = sum(footprint.allocations.values())
    if kinds > footprint.persistent_bytes:
        found.append(
            f"its allocations come to {kinds} bytes, but {footprint.persistent_bytes} are persistent"
        )
    return found + faults.no_sha256("sha256", footprint.sha256)


def footprint_report_faults(report: LatencyReport) -> list[str]:
    """What a whole report without times says that cannot be true; nothing of it may decide then."""
    found = []
    if report.measurements or report.reference or report.conditions or report.sessions:
        found.append(f"the back end {report.machine.backend!r} measures no time, and the report has times")
    keys = [one.key for one in report.footprints]
    found += [f"{key} is reported more than once" for key in sorted({k for k in keys if keys.count(k) > 1})]
    both = sorted(set(keys) & report.failures.keys())
    found += [f"{key} is also reported to have failed: {report.failures[key]}" for key in both]
    return found
