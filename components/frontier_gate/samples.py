"""Whether the figures of a latency report follow from the raw samples that lie beside it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from schemas.faults import malformed
from schemas.latency_reports import LatencyMeasurement, LatencyReport

# Samples are kept to the nanosecond.
_ROUNDING = 1e-3
_PERCENTILES = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99}


def held_against_samples(report: LatencyReport, folder: Path) -> LatencyReport:
    """The report, in which what its samples do not come to is invalid, with the reason.

    Where there are no samples, as beside the report of an earlier release, nothing is asked.

    Args:
      report: As it was read.
      folder: Where it lies.
    """
    path = folder / LatencyReport.SAMPLES
    if not path.is_file():
        return report
    try:
        samples, fault = _Samples(path), ""
    except (KeyError, ValueError, TypeError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        samples, fault = None, f"{path} holds no samples: {error}"
    reference = report.reference

    def checked(measured: LatencyMeasurement) -> LatencyMeasurement:
        if not measured.valid or malformed(measured):
            return measured
        found = fault or (samples.contradiction(measured) if samples else "")
        changes = {"valid": False, "reasons": [*measured.reasons, found]}
        return measured.model_copy(update=changes) if found else measured

    return report.model_copy(
        update={
            "reference": checked(reference) if reference else None,
            "measurements": [checked(one) for one in report.measurements],
        }
    )


class _Samples:
    """``samples.npz`` as the benchmark writes it: a record for each model in each round."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            self._key, self._sha256 = stored["key"].astype(str), stored["sha256"].astype(str)
            self._session = stored["place"].reshape(-1, 3)[:, 1]
            self._count, self._mean_us = stored["count"], stored["summary_us"].reshape(-1, 5)[:, 0]
            self._length, self._ns = stored["samples"], stored["samples_ns"]
        records = {len(one) for one in (self._key, self._sha256, self._session, self._count, self._length)}
        if len(records) > 1 or self._length.sum() != len(self._ns) or (self._length < 0).any():
            raise ValueError("its columns do not belong together")
        self._end = np.cumsum(self._length)

    def contradiction(self, measured: LatencyMeasurement) -> str:
        """How a measurement differs from what its records come to; empty if it does not."""
        if not measured.session_numbers:
            return ""  # which sessions it is of was not told by earlier releases
        chosen = (self._key == measured.key) & (self._sha256 == measured.sha256)
        chosen &= np.isin(self._session, measured.session_numbers)
        count = self._count[chosen]
        n = int(count.sum())
        if n != measured.n:
            return f"its raw samples are of {n} timed invocations, not of {measured.n}"
        if n < 1:
            return ""  # which is a fault of its own
        expected = {"mean_ms": float((count * self._mean_us[chosen]).sum() / n / 1e3)}
        if (self._length[chosen] == count).all():
            parts = [self._ns[self._end[i] - self._length[i] : self._end[i]] for i in np.flatnonzero(chosen)]
            found = np.percentile(np.concatenate(parts) / 1e6, list(_PERCENTILES.values()))
            expected |= dict(zip(_PERCENTILES, map(float, found), strict=True))
        apart = [
            f"{name} {value:.6g}, not {told:.6g}"
            for name, value in expected.items()
            if (told := getattr(measured, name)) is not None
            and not abs(told - value) <= _ROUNDING * max(value, _ROUNDING)
        ]
        return f"its raw samples come to {'; '.join(apart)}" if apart else ""
