from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.latency_benchmark.backends.base import Burst
from components.latency_benchmark.samples import SampleRecord, read_samples, write_samples
from schemas.latency_reports import LatencyReport


def test_what_is_written_is_read(tmp_path: Path) -> None:
    summary = Burst(count=7, mean_us=12.5, median_us=None, min_us=11.0, max_us=20.0)
    records = [
        SampleRecord("a/core-float32", "s" * 64, 1, 1, 1, Burst.of_samples([1234.567, 0.001, 3e9])),
        SampleRecord("reference/mobilenet-like-1", "r" * 64, 1, 1, 1, summary),
        SampleRecord("a/core-float32", "s" * 64, 2, 5, 10, Burst.of_samples([5.0])),
    ]
    assert write_samples(tmp_path / "new", records) == tmp_path / "new" / LatencyReport.SAMPLES
    assert read_samples(tmp_path / "new") == records


def test_nothing_measured_is_a_record_too(tmp_path: Path) -> None:
    write_samples(tmp_path, [])
    assert read_samples(tmp_path) == []


def test_samples_are_compressed(tmp_path: Path) -> None:
    ticks = np.random.default_rng(0).normal(8.5e6, 1e5, 20_000).round()
    path = write_samples(
        tmp_path, [SampleRecord("a/b", "", 1, 1, 1, Burst.of_samples((ticks / 1e3).tolist()))]
    )
    assert path.stat().st_size < 20_000 * 4
    assert [round(us * 1e3) for us in read_samples(tmp_path)[0].burst.samples_us] == ticks.tolist()


@pytest.mark.parametrize("content", [b"", b"no archive", "other arrays"])
def test_another_file_is_refused_by_name(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / LatencyReport.SAMPLES
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, other=np.zeros(3))
    with pytest.raises(ValueError, match="holds no samples of a latency report"):
        read_samples(tmp_path)


def test_no_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"samples\.npz"):
        read_samples(tmp_path)
