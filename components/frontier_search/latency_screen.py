"""What no device can take within its budgets, known before it is trained.

Latency hardly depends on weights. So the files of each network's first student, trained shortly, are timed on
every device, and a student that certainly misses a budget everywhere is not trained:

- its multiply-accumulates, which are counted, exceed what a board allows; or
- each file of its network's first student misses a limit of time by more than its 95 % interval. A student
  that computes more than the first is taken to be as fast as that. One that computes less, because its head
  is smaller, may save more time than arithmetic, since the weights of a dense layer are read for a single
  window: up to 4.4 times its share was measured (tiny 1.0, embedding 1024, rank 64, float32), and five times
  are allowed for.

What is not known rules nothing out: a device without budgets or without an answer, a file that was refused
or could not be timed. What is left is measured again by the final benchmark, on the files that ship.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.frontier_search.settings import DeviceBudgets
from schemas.devices import Budget
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.student_reports import Screen, ScreenedStudent

# Counts of networks and of their files differ by what a converter fuses or adds.
_COUNT_SLACK = 1.05
# Time that a smaller head saves, as a multiple of its share of the multiply-accumulates.
_MOST_SAVED = 5.0


def ruled_out(
    screens: Mapping[str, Screen],
    budgets: DeviceBudgets,
    reports: Sequence[LatencyReport],
) -> dict[str, str]:
    """Candidates that miss a budget on every device, with the reason on the device that is nearest to it.

    Args:
      screens: Of each network's first student, by its candidate id: the network's students.
      budgets: Of all devices.
      reports: Of the devices that timed the networks' first students.
    """
    timed = {report.machine.profile: report for report in reports}
    found = {}
    for first, screen in screens.items():
        for student in screen.siblings:
            saved = max(0.0, 1 - student.mega_macs / screen.siblings[0].mega_macs)
            share = max(0.0, 1 - _MOST_SAVED * saved)
            misses = [
                _miss(student, name, limits, _files(timed.get(name), first, budgets.variants), share)
                for name, limits in budgets.by_device.items()
            ]
            if misses and all(misses):
                found[student.candidate_id] = min(filter(None, misses))[1]
    return found


# By how much, as a factor, and in words.
_Miss = tuple[float, str]


def _miss(
    student: ScreenedStudent,
    device: str,
    budgets: Sequence[Budget],
    files: Sequence[LatencyMeasurement],
    share: float,
) -> _Miss | None:
    """How a student certainly misses the budgets of one device; None if it may keep to them."""
    for budget in budgets:
        if budget.mega_macs and not budget.input and student.mega_macs > _COUNT_SLACK * budget.mega_macs:
            return (
                student.mega_macs / budget.mega_macs,
                f"computes {student.mega_macs:.3g} MMAC a window, and {device} allows {budget.mega_macs:.3g}",
            )
    misses = [_latest(file, device, budgets, share) for file in files]
    return min(filter(None, misses)) if misses and all(misses) else None


def _latest(file: LatencyMeasurement, device: str, budgets: Sequence[Budget], share: float) -> _Miss | None:
    """The worst miss of one file among the limits of time; None if it may keep to all."""
    misses = []
    for budget in budgets:
        if budget.input not in (None, file.input) or budget.percentile not in file.intervals_ms:
            continue
        least = share * file.intervals_ms[budget.percentile][0]
        for limit in _milliseconds(budget, file):
            if least > limit:
                words = (
                    f"takes at least {least:.3g} ms ({budget.percentile}, {file.variant}, by its network's "
                    f"files on {device}), and {limit:.3g} ms are allowed"
                )
                misses.append((least / limit, words))
    return max(misses, default=None)


def _milliseconds(budget: Budget, file: LatencyMeasurement) -> list[float]:
    """The limits of time in a budget, in milliseconds of an invocation."""
    of_sound = 1e3 * (budget.real_time_factor or 0.0) * file.sound_seconds
    return [limit for limit in (budget.milliseconds, of_sound) if limit]


def _files(report: LatencyReport | None, first: str, variants: Sequence[str]) -> list[LatencyMeasurement]:
    """The timed files of a network's first student; none if one of them was not timed."""
    if report is None:
        return []
    files = [report.measurement(first, variant) for variant in variants]
    return [file for file in files if file] if all(file and file.valid for file in files) else []
