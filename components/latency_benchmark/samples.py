"""The raw samples of a measurement: ``samples.npz``, beside the report and in the scratch folder."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.latency_benchmark.backends.base import Burst
from schemas.latency_reports import LatencyReport


@dataclass(frozen=True)
class SampleRecord:
    """What one model took in one round.

    Attributes:
      key: ``<candidate id>/<variant>``.
      sha256: Of the file.
      attempt: From 1.
      session: From 1, over all attempts.
      round: From 1, within the session.
      burst: The timings.
    """

    key: str
    sha256: str
    attempt: int
    session: int
    round: int
    burst: Burst


def write_samples(folder: str | Path, records: Sequence[SampleRecord]) -> Path:
    """Writes the records, compressed, in their order; samples are kept to the nanosecond.

    Args:
      folder: Where ``samples.npz`` is written; made if missing.
      records: Of all attempts.

    Returns:
      The file.
    """
    path = Path(folder) / LatencyReport.SAMPLES
    path.parent.mkdir(parents=True, exist_ok=True)
    bursts = [record.burst for record in records]
    samples = [np.asarray(burst.samples_us, dtype=np.float64) for burst in bursts]
    np.savez_compressed(
        path,
        key=np.array([record.key for record in records], dtype=np.str_),
        sha256=np.array([record.sha256 for record in records], dtype=np.str_),
        place=np.array(
            [(record.attempt, record.session, record.round) for record in records], dtype=np.int32
        ).reshape(-1, 3),
        count=np.array([burst.count for burst in bursts], dtype=np.int64),
        # None becomes NaN: mean, median, least, greatest, 95th percentile.
        summary_us=np.array(
            [(burst.mean_us, burst.median_us, burst.min_us, burst.max_us, burst.p95_us) for burst in bursts],
            dtype=np.float64,
        ).reshape(-1, 5),
        samples=np.array([len(one) for one in samples], dtype=np.int64),
        samples_ns=np.rint(np.concatenate([np.empty(0), *samples]) * 1e3).astype(np.int64),
    )
    return path


def read_samples(folder: str | Path) -> list[SampleRecord]:
    """Reads what :func:`write_samples` wrote, in the same order.

    Raises:
      FileNotFoundError: If there is no ``samples.npz`` in the folder.
      ValueError: If the file is no such record.
    """
    path = Path(folder) / LatencyReport.SAMPLES
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
        ends = np.cumsum(found["samples"])
        all_us = found["samples_ns"] / 1e3
        return [
            SampleRecord(
                key=str(found["key"][i]),
                sha256=str(found["sha256"][i]),
                attempt=int(found["place"][i, 0]),
                session=int(found["place"][i, 1]),
                round=int(found["place"][i, 2]),
                burst=_burst(
                    int(found["count"][i]),
                    [float(value) for value in found["summary_us"][i]],
                    all_us[ends[i] - found["samples"][i] : ends[i]].tolist(),
                ),
            )
            for i in range(len(found["key"]))
        ]
    except (KeyError, IndexError, TypeError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} holds no samples of a latency report: {error}") from error


def _burst(count: int, summary_us: list[float], samples_us: list[float]) -> Burst:
    mean, median, least, greatest, p95 = summary_us
    return Burst(
        count=count,
        mean_us=mean,
        median_us=None if np.isnan(median) else median,
        min_us=least,
        max_us=greatest,
        p95_us=None if np.isnan(p95) else p95,
        samples_us=tuple(samples_us),
    )
