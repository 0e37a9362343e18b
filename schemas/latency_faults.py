"""What a latency report says that cannot be true, and whether its own samples and sessions make it valid.

Nothing is taken over from ``valid``: counts, seconds, sessions and their conditions are asked again.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence

from schemas import faults
from schemas.footprint_faults import footprint_report_faults
from schemas.latency_reports import LatencyMeasurement, LatencyReport, Machine, SessionConditions
from schemas.latency_validity import busy

# Tools that stop by the clock and not by the sum of their timings fall short by their own work.
_SHORT_BY = 0.05
# A ratio is made round by round, here it is made of sessions: so far the two may lie apart, in logarithms,
# beside what the intervals leave open.
_APART, _MOST_APART = 0.05, 0.25
# Half of the invocations take the median or longer, so the mean is at least half of it.
_LEAST_MEAN = 0.45
_UNEVEN = 0.02
# Rounds are kept to the nanosecond, and a session's figure is the median of its rounds.
_OF_ROUNDS = 1e-3
_RUNTIMES = {"host": "LiteRT", "adb": "benchmark_model", "micro": "TensorFlow Lite Micro"}


def machine_faults(machine: Machine) -> list[str]:
    """What of a machine contradicts its back end, which alone says whether it is a device."""
    if found := faults.malformed(machine):
        return found
    found = []
    if machine.is_device != (machine.backend == "adb"):
        called = "a device" if machine.is_device else "no device"
        found.append(f"figures of the back end {machine.backend!r} are called those of {called}")
    runtime = _RUNTIMES[machine.backend]
    if not machine.runtime.startswith(runtime):
        by = machine.runtime or "nothing"
        found.append(f"the back end {machine.backend!r} runs models by {runtime}, not by {by}")
    if machine.os.startswith("Android") != (machine.backend == "adb") or not machine.os:
        found.append(f"the back end {machine.backend!r} says that it ran on {machine.os or 'no system'}")
    if not machine.name:
        found.append("the machine has no name")
    if machine.threads < 1:
        found.append(f"models ran in {machine.threads} threads")
    return found


def measurement_faults(measured: LatencyMeasurement) -> list[str]:
    """What one measurement says of itself that cannot be true; empty if it can."""
    if found := faults.malformed(measured):
        return found
    if measured.n < 1:
        return ["no timed invocation"]
    percentiles = {name: getattr(measured, name) for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms")}
    interval = ("mean_ms", "spread_low_ms", "spread_high_ms", "ratio", "ratio_low", "ratio_high")
    positive: dict[str, float | None] = {
        **percentiles,
        **{name: getattr(measured, name) for name in interval},
    }
    positive |= {f"session_ms[{i}]": value for i, value in enumerate(measured.session_ms)}
    names = ("init_ms", "first_ms", "peak_mib", "seconds", "sound_seconds", "disagreement")
    not_negative = {name: getattr(measured, name) for name in names}
    front_end = {n: getattr(measured, n) for n in ("front_end_low_ms", "front_end_ms", "front_end_high_ms")}
    if found := faults.not_finite({**positive, **not_negative, **front_end}):
        return found
    found = faults.not_above_zero({**positive, "bytes": measured.bytes}) + faults.below_zero(not_negative)
    if found:
        return found
    found = faults.not_rising(percentiles) + faults.not_rising(front_end)
    low, high = measured.spread_low_ms, measured.spread_high_ms
    # A mean over all invocations gives rounds of many their weight, the interval gives all the same.
    slack = 1.0 if measured.statistic == "median" else 1 + _UNEVEN
    found += faults.outside("typical latency", measured.typical_ms, low / slack, high * slack)
    found += faults.outside("ratio", measured.ratio, measured.ratio_low, measured.ratio_high)
    if measured.session_ms:
        found += faults.outside("the mean of its sessions", _geometric_mean(measured.session_ms), low, high)
    if measured.p50_ms is not None and measured.mean_ms < _LEAST_MEAN * measured.p50_ms:
        found.append(f"mean_ms {measured.mean_ms:.6g} is below half of p50_ms {measured.p50_ms:.6g}")
    together = measured.n * measured.mean_ms / 1e3
    if abs(measured.seconds - together) > _SHORT_BY * together:
        found.append(f"seconds is {measured.seconds:.6g}, but n times mean_ms is {together:.6g}")
    if measured.statistic != ("mean" if measured.p50_ms is None else "median"):
        found.append(f"its typical latency is called a {measured.statistic}, and it is not")
    found += faults.no_sha256("sha256", measured.sha256)
    return found + _round_faults(measured) + _operator_faults(measured)


def _round_faults(measured: LatencyMeasurement) -> list[str]:
    """How the rounds contradict the sessions they are of; reports may be without them."""
    numbers, rounds = measured.session_numbers, measured.round_ms
    if len(set(numbers)) < len(numbers):
        return [f"session_numbers names a session twice: {numbers}"]
    if not rounds:
        return []
    if not len(rounds) == len(numbers) == len(measured.session_ms):
        return [
            f"it has rounds of {len(rounds)} sessions, names {len(numbers)} and has figures of "
            f"{len(measured.session_ms)}"
        ]
    for number, of_session, typical in zip(numbers, rounds, measured.session_ms, strict=True):
        told = {f"round_ms[{i}] of session {number}": one for i, one in enumerate(of_session)}
        if found := faults.not_finite(told) or faults.not_above_zero(told):
            return found
        if not of_session:
            return [f"session {number} has no round"]
        if abs(statistics.median(of_session) / typical - 1) > _OF_ROUNDS:
            return [
                f"session {number} took {typical:.6g} ms, but the median of its rounds is "
                f"{statistics.median(of_session):.6g}"
            ]
    return []


def report_faults(report: LatencyReport) -> list[str]:
    """What a whole report says that cannot be true: nothing of it may decide then; empty if it can."""
    if report.failure:
        there = report.reference is not None or report.measurements or report.footprints
        return (
            [f"it says that nothing could be measured ({report.failure}), and has figures"] if there else []
        )
    found = machine_faults(report.machine)
    if not report.machine.measures_time:
        return found + footprint_report_faults(report)
    if report.footprints:
        found.append(f"the back end {report.machine.backend!r} times files, and the report has footprints")
    if report.sessions < 2 or report.rounds < 1 or report.min_runs < 0 or not report.min_seconds >= 0:
        found.append(
            f"it was taken in {report.sessions} sessions of {report.rounds} rounds, of at least "
            f"{report.min_runs} runs and {report.min_seconds} seconds: too few to tell anything"
        )
    if report.lost:
        found.append(f"the device was lost before the end: {report.lost}")
    found += [
        f"session {one.session}: {words}" for one in report.conditions for words in _session_faults(one)
    ]
    numbers = Counter(one.session for one in report.conditions)
    found += [f"session {number} is reported {count} times" for number, count in numbers.items() if count > 1]
    return found + _reference_faults(report)


def faults_in_report(measured: LatencyMeasurement, report: LatencyReport) -> list[str]:
    """Why a measurement is not valid in its report, asked anew of counts, sessions and the reference.

    Args:
      measured: One of the report's, without faults of its own.
      report: Without faults as a whole.
    """
    found = _validity_faults(measured, report)
    if [one.key for one in report.measurements].count(measured.key) > 1:
        found.append("it is reported more than once")
    if measured.key in report.failures:
        found.append(f"it is also reported to have failed: {report.failures[measured.key]}")
    sessions = _sessions_of(measured, report)
    if len(sessions) != measured.sessions:
        return [*found, f"of its {measured.sessions} sessions {len(sessions)} are reported"]
    found += _session_set_faults(sessions, report)
    reference_ms = [one.reference_ms for one in sessions if one.reference_ms]
    if len(reference_ms) == len(measured.session_ms) and report.reference:
        found += _ratio_faults(measured, reference_ms, report.reference)
    return found


def _validity_faults(measured: LatencyMeasurement, report: LatencyReport) -> list[str]:
    found = []
    if measured.valid and measured.reasons:
        found.append(f"it is called valid, with reasons against it: {'; '.join(measured.reasons)}")
    if not measured.sessions == len(measured.session_ms) >= report.sessions:
        found.append(
            f"{report.sessions} sessions were requested, it says {measured.sessions} and has figures of "
            f"{len(measured.session_ms)}"
        )
    runs = measured.sessions * max(report.min_runs, report.rounds)
    if measured.n < runs:
        found.append(f"too few: {measured.n} timed invocations in all sessions, at least {runs}")
    seconds = measured.sessions * report.min_seconds
    if measured.seconds < seconds * (1 - _SHORT_BY):
        found.append(f"too short: {measured.seconds:.3g} timed seconds in all sessions, at least {seconds:g}")
    uncertain = math.sqrt(measured.ratio_high / measured.ratio_low) - 1
    if not uncertain <= report.max_disagreement:
        found.append(
            f"its sessions disagree by {uncertain:.1%} either way, at most {report.max_disagreement:.1%}"
        )
    return found


def _reference_faults(report: LatencyReport) -> list[str]:
    reference = report.reference
    if reference is None:
        return ["the reference model was not timed: there is nothing to compare with"]
    found = measurement_faults(reference)
    if not faults.malformed(reference):
        told = reference.p50_ms, reference.mean_ms, reference.p95_ms
        found += filter(None, [busy(*told, report.max_interruption)])
    if not found:
        found = _validity_faults(reference, report)
        if not reference.valid and not reference.reasons:
            found.append("it is invalid, no reason given")
        found += [] if reference.valid else reference.reasons
        if reference.input is not None:
            found.append(f"it is called a {reference.input} file of a student")
        if abs(reference.ratio - 1) > _APART:
            found.append(f"its ratio to itself is {reference.ratio:.6g}")
        sessions = _sessions_of(reference, report)
        found += _session_set_faults(sessions, report)
        if not _same_sessions(reference.session_ms, sessions):
            found.append("its sessions are not those that are reported")
    return [f"the reference model: {words}" for words in found]


def _same_sessions(own_ms: Sequence[float], sessions: Sequence[SessionConditions]) -> bool:
    told = [one.reference_ms or math.nan for one in sessions]
    return len(told) == len(own_ms) and all(
        abs(math.log(own / other)) <= _APART for own, other in zip(own_ms, told, strict=True)
    )


def _sessions_of(measured: LatencyMeasurement, report: LatencyReport) -> list[SessionConditions]:
    """The sessions that figures are of; where their numbers are not told, those of its last attempt."""
    told = sorted(report.conditions, key=lambda one: one.session)
    if measured.session_numbers:
        return [one for one in told if one.session in measured.session_numbers]
    return [one for one in told if one.attempt == measured.attempts]


def _session_faults(one: SessionConditions) -> list[str]:
    if found := faults.malformed(one):
        return found
    ends = [end for pair in one.temperatures_c.values() for end in pair]
    figures = {"seconds": one.seconds, "reference_ms": one.reference_ms, "drift": one.drift}
    if found := faults.not_finite({**figures, **{f"temperature {i}": end for i, end in enumerate(ends)}}):
        return found
    told = {"reference_ms": one.reference_ms, "drift": one.drift}
    counts = {"attempt": one.attempt, "session": one.session, "models": one.models}
    return faults.not_above_zero({**told, **counts}) + faults.below_zero({"seconds": one.seconds})


def _session_set_faults(sessions: Sequence[SessionConditions], report: LatencyReport) -> list[str]:
    """Why nothing measured in these sessions is valid; the reference may drift from attempt to attempt."""
    found = []
    for one in sessions:
        if one.throttled and not one.reasons:
            found.append(f"session {one.session}: the device throttled")
        if one.reference_ms is None:
            found.append(f"session {one.session}: the reference model has no figure")
        found += [f"session {one.session}: {reason}" for reason in one.reasons]
        if one.reference_mean_ms is not None and not one.reasons:
            reason = busy(
                one.reference_ms, one.reference_mean_ms, one.reference_p95_ms, report.max_interruption
            )
            found += [f"session {one.session}: {reason}"] if reason else []
    for attempt in sorted({one.attempt for one in sessions}):
        typical = [one.reference_ms for one in sessions if one.attempt == attempt and one.reference_ms]
        apart = max(typical) / min(typical) - 1 if typical else 0.0
        if not apart <= report.max_reference_drift:
            limit = report.max_reference_drift
            found.append(f"the reference model's sessions are {apart:.1%} apart, at most {limit:.1%}")
    return found


def _ratio_faults(
    measured: LatencyMeasurement, reference_ms: Sequence[float], reference: LatencyMeasurement
) -> list[str]:
    pairs = zip(measured.session_ms, reference_ms, strict=True)
    expected = _geometric_mean([own / other for own, other in pairs])
    widths = (math.log(one.spread_high_ms / one.spread_low_ms) / 2 for one in (measured, reference))
    if abs(math.log(measured.ratio / expected)) <= min(_APART + sum(widths), _MOST_APART):
        return []
    return [f"its ratio is {measured.ratio:.4g}, but its sessions over the reference model's {expected:.4g}"]


def _operator_faults(measured: LatencyMeasurement) -> list[str]:
    for one in measured.operators:
        figures = {"mean_us": one.mean_us, "share": one.share}
        found = faults.not_finite(figures) or [
            *faults.below_zero({"mean_us": one.mean_us}),
            *faults.no_shares({"share": one.share}),
            *faults.not_above_zero({"count": one.count}),
        ]
        if found:
            return [f"operator {one.name}: {words}" for words in found]
    together = sum(one.share for one in measured.operators)
    return [f"its operators' shares come to {together:.4g}"] if together > 1.001 else []


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values))
