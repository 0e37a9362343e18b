"""The figures of points and registered versions that the picture and the page's charts can show."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from schemas.latency_reports import Machine
from schemas.tensors import VariantInput
from schemas.verdicts import DeviceVerdict, FrontierPoint, RegisteredPoint

Interval = tuple[float, float, float]

QUALITY = "quality"
LATENCY = "latency"
MACS = "macs"
TASK = "task:"
MIB = 2**20


@dataclass(frozen=True)
class Measure:
    """A figure of a point that may stand on the axis of costs: the smaller the better.

    Attributes:
      key: Name in the page's data.
      label: With its unit.
      of: The figure with its interval, or None where it was not measured.
    """

    key: str
    label: str
    of: Callable[[FrontierPoint], Interval | None]


def _alone(value: float | None) -> Interval | None:
    """A figure without an interval."""
    return None if value is None or not math.isfinite(value) else (value, value, value)


def _between(value: float | None, low: float | None, high: float | None) -> Interval | None:
    """A figure with its interval; None where the device measures none."""
    return None if value is None or low is None or high is None else (value, low, high)


# A chart begins with the first that its device has; the label of the latency says whose it is.
MEASURES = (
    Measure(
        LATENCY,
        "latency, ms a window",
        lambda p: _between(p.latency_ms, p.latency_low_ms, p.latency_high_ms),
    ),
    Measure(MACS, "multiply-accumulates a window, millions", lambda p: _alone(p.mega_macs)),
    Measure("arena", "tensor arena, KiB", lambda p: _alone(p.arena_kib)),
    Measure("p90", "latency p90, ms a window", lambda p: _alone(p.p90_ms)),
    Measure("p95", "latency p95, ms a window", lambda p: _alone(p.p95_ms)),
    Measure("p99", "latency p99, ms a window", lambda p: _alone(p.p99_ms)),
    Measure(
        "ratio",
        "latency as a ratio to the reference model's",
        lambda p: _between(p.latency_ratio, p.latency_ratio_low, p.latency_ratio_high),
    ),
    Measure("rtf", "real-time factor", lambda p: _alone(p.real_time_factor)),
    Measure("mib", "size of the file, MiB", lambda p: _alone(p.bytes / MIB)),
    Measure("peak", "peak memory, MiB", lambda p: _alone(p.peak_mib)),
    Measure("init", "load and prepare, ms", lambda p: _alone(p.init_ms)),
)


def cost_key(machine: Machine) -> str:
    """The cost that a device's points are shown against first: latency, or arithmetic without it."""
    return LATENCY if machine.measures_time else MACS


def point_figures(point: FrontierPoint) -> dict[str, Interval]:
    """A point's figures that an axis may show, by the axis' key."""
    found = {measure.key: measure.of(point) for measure in MEASURES}
    found |= {QUALITY: (point.quality, point.quality_low, point.quality_high)}
    found |= {TASK + task: _alone(score) for task, score in point.tasks.items()}
    return {key: figure for key, figure in found.items() if figure}


def registered_figures(point: RegisteredPoint, reference_ms: float | None) -> dict[str, Interval]:
    """A registered version's figures by the key of the measure.

    It was timed in another session, so it stands where its ratio to the reference model, by which it is
    judged, puts it in this session.
    """
    ratio = _between(point.latency_ratio, point.latency_ratio_low, point.latency_ratio_high)
    found: dict[str, Interval | None] = {
        QUALITY: (point.quality, point.quality_low, point.quality_high),
        "ratio": ratio,
        "mib": _alone(point.bytes / MIB),
        "peak": _alone(point.peak_mib),
        MACS: _alone(point.mega_macs),
        "arena": _alone(point.arena_kib),
    }
    if reference_ms is not None and ratio is not None:
        value, low, high = ratio
        found[LATENCY] = (value * reference_ms, low * reference_ms, high * reference_ms)
    return {key: figure for key, figure in found.items() if figure}


def figures_on(device: DeviceVerdict, kind: VariantInput) -> list[dict[str, Interval]]:
    """The figures of all that compete with one input: the run's points, then what is registered."""
    own = [point_figures(point) for point in device.points if point.input == kind]
    rivals = [point for point in device.registered if point.competes and point.input == kind]
    return own + [registered_figures(rival, device.reference_ms) for rival in rivals]
