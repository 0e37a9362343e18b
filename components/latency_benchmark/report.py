"""The latency report of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from components.common.statistics.sessions import Interval
from components.latency_benchmark import figures
from components.latency_benchmark.attempts import Measured, partner
from components.latency_benchmark.backends.base import ModelUnderTest
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import AdbDevice, Device, HostDevice, ReplayDevice
from schemas.latency_reports import ColdStart, LatencyMeasurement, LatencyReport, Machine, OperatorTime


def not_reached(name: str, device: Device) -> Machine:
    """What is known of a device that did not answer."""
    return Machine(
        profile=name,
        backend="host" if isinstance(device, ReplayDevice) else device.backend,
        name="not reached",
        os="",
        runtime="",
        threads=device.threads if isinstance(device, AdbDevice | HostDevice) else 0,
        is_device=isinstance(device, AdbDevice),
        ambient=device.ambient,
        replayed_from=device.report if isinstance(device, ReplayDevice) else "",
    )


def make_report(
    machine: Machine,
    measured: Measured,
    reference: ModelUnderTest,
    models: Sequence[ModelUnderTest],
    settings: MeasurementSettings,
    seed: int,
    failures: Mapping[str, str],
    operators: Mapping[str, list[OperatorTime]],
) -> LatencyReport:
    """Puts everything together.

    Args:
      machine: What was measured on.
      measured: What was found; without figures of the reference nothing was.
      reference: The reference model.
      models: The models.
      settings: Sessions, rounds, and what is valid.
      seed: Of the bootstrap.
      failures: Why files could not even be tried, by key.
      operators: Where the time of a model goes, by key.
    """
    conditions = measured.conditions()
    found = reference.key in measured.pooled
    failure = "" if found else measured.lost or measured.failures[reference.key]
    timed = [model for model in models if model.key in measured.pooled] if found else []
    return LatencyReport(
        machine=machine,
        started=conditions[0].started if conditions else "",
        sessions=settings.sessions,
        rounds=settings.rounds,
        min_runs=settings.min_runs,
        min_seconds=settings.min_seconds,
        max_interruption=settings.max_interruption,
        max_disagreement=settings.max_disagreement,
        max_reference_drift=settings.max_reference_drift,
        reference=_measurement(reference, measured, seed, []) if found else None,
        measurements=[_measurement(model, measured, seed, operators.get(model.key, [])) for model in timed],
        failures={
            **failures,
            **{
                model.key: measured.failures.get(model.key) or failure or measured.lost
                for model in models
                if not found or model.key not in measured.pooled
            },
        },
        failure=failure,
        lost=measured.lost,
        conditions=conditions,
    )


def _measurement(
    model: ModelUnderTest, measured: Measured, seed: int, operators: list[OperatorTime]
) -> LatencyMeasurement:
    pooled = measured.pooled[model.key]
    timings = pooled.timings
    starts = list(pooled.starts.values())
    init_ms = figures.of_starts([start.init_ms for start in starts])
    peak_mib = figures.of_starts([start.peak_mib for start in starts])
    assert init_ms is not None, "every start tells it"
    summary = figures.summary(timings)
    typical = figures.typical_ms(timings, seed)
    ratio = figures.ratio(timings, pooled.reference, seed)
    front_end = _front_end(model, measured, seed)
    reasons = list(pooled.reasons)
    if model.key in measured.failures:
        reasons.append(f"measured again, and failed: {measured.failures[model.key]}")
    if reasons and measured.lost:
        reasons.append(f"not measured again: {measured.lost}")
    return LatencyMeasurement(
        candidate_id=model.candidate_id,
        variant=model.variant,
        input=model.input,
        sha256=model.sha256,
        bytes=model.bytes,
        valid=not reasons,
        reasons=reasons,
        attempts=measured.times[model.key],
        sessions=len(pooled.sessions),
        session_numbers=pooled.sessions,
        n=summary.n,
        seconds=summary.seconds,
        statistic=summary.statistic,
        p50_ms=summary.p50_ms,
        p90_ms=summary.p90_ms,
        p95_ms=summary.p95_ms,
        p99_ms=summary.p99_ms,
        mean_ms=summary.mean_ms,
        intervals_ms=figures.intervals_ms(timings, seed),
        spread_low_ms=typical.low,
        spread_high_ms=typical.high,
        session_ms=list(figures.session_ms(timings).values()),
        round_ms=figures.round_ms(timings),
        disagreement=pooled.disagreement,
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        sound_seconds=model.sound_seconds,
        init_ms=init_ms.value,
        init_low_ms=init_ms.low,
        init_high_ms=init_ms.high,
        first_ms=float(np.median([start.first_ms for start in starts])),
        peak_mib=peak_mib.value if peak_mib else None,
        peak_low_mib=peak_mib.low if peak_mib else None,
        peak_high_mib=peak_mib.high if peak_mib else None,
        cold_starts={
            session.conditions.session: ColdStart(**asdict(session.starts[model.key]))
            for session in measured.sessions
            if model.key in session.starts
        },
        front_end_ms=front_end.value if front_end else None,
        front_end_low_ms=front_end.low if front_end else None,
        front_end_high_ms=front_end.high if front_end else None,
        operators=operators,
    )


def _front_end(model: ModelUnderTest, measured: Measured, seed: int) -> Interval | None:
    """What a wave file takes beyond its core file, in all believed sessions that timed both.

    Those in which one was measured along for the other's sake count where there are not enough without. None
    for other files, and where one of the two is not valid.
    """
    core = partner(model)
    if model.input != "wave" or not (measured.is_valid(model.key) and measured.is_valid(core)):
        return None
    faults = measured.faults()
    for own in (True, False):
        wave, beside = measured.rounds(model.key, own), measured.rounds(core, own)
        both = [session for session in wave if session in beside and not faults[session]]
        if len(both) >= measured.settings.sessions:
            return figures.difference_ms(
                {place: burst for session in both for place, burst in wave[session].items()},
                {place: burst for session in both for place, burst in beside[session].items()},
                seed,
            )
    return None
