"""What a latency measurement spends its time on, and whether its intervals hold, on this host.

    python -m tests.benchmarks.bench_latency [--students 4] [--repeats 5]

First small students in all variants are measured with the default settings: where does the time go, and
how much of it is not the models'? Then copies of one file are measured again and again: of the intervals
of the ratio of two copies, 95 in 100 should contain 1.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from components.common.modeling.student import build_deployed
from components.latency_benchmark import executor
from components.latency_benchmark.backends.base import Burst, ModelUnderTest, Start
from components.latency_benchmark.backends.host import HostBackend
from components.latency_benchmark.figures import Timings, ratio
from components.latency_benchmark.reference import reference_model
from components.latency_benchmark.samples import read_samples
from components.latency_benchmark.settings import MeasurementSettings
from components.tflite_converter.network import Network
from components.tflite_converter.settings import ConverterSettings
from schemas.devices import HostDevice
from schemas.latency_reports import LatencyMeasurement, LatencyReport, OperatorTime
from schemas.students import FrontEndSpec
from tests.components.latency_benchmark.conftest import write_variants
from tests.components.student_trainer.conftest import write_distillation_set
from tests.students import mobilenet

HOST = HostDevice()
COPIES = 8


def main() -> None:
    """Prints both answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--students", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _print_budget(Path(folder), options.students)
        _print_coverage(Path(folder), options.repeats)


def _print_budget(folder: Path, students: int) -> None:
    uris = [_student(folder, 0.25 * (number + 1)) for number in range(students)]
    settings = MeasurementSettings(attempts=1)
    spent: defaultdict[str, float] = defaultdict(float)
    with mock.patch.object(executor, "open_backend", lambda *given: _Clocked(spent, *given)):
        began = time.perf_counter()
        report = executor.benchmark(uris, str(folder / "report"), "host", HOST, settings)
        wall = time.perf_counter() - began
    timed = sum(one.seconds for one in _all(report))
    spent["warm-up and requests"] -= timed
    spent["timed"] = timed
    spent["everything else"] = wall - sum(spent.values())
    print(
        f"{len(_all(report))} models, {settings.sessions} sessions: {wall:.1f} s, "
        f"{wall / timed:.2f} times what is timed"
    )
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{seconds:8.1f} s {100 * seconds / wall:5.1f} %  {name}")
    for one in _all(report):
        half = 100 * (one.ratio_high / one.ratio_low - 1) / 2
        print(
            f"{one.key:32} {one.typical_ms:8.3f} ms, ratio {one.ratio:.3f} +- {half:.1f} %, sessions "
            f"{100 * one.disagreement:.1f} % apart{'' if one.valid else ', invalid'}"
        )


def _print_coverage(folder: Path, repeats: int) -> None:
    uri = write_variants(
        folder / "copies", "copy", {f"core-{number}": reference_model() for number in range(COPIES)}
    )
    settings = MeasurementSettings(min_seconds=0.2, attempts=1, profile_runs=0)
    found = []
    for number in range(repeats):
        executor.benchmark([uri], str(folder / "copies-report"), "host", HOST, settings, seed=number)
        records = read_samples(folder / "copies-report")
        own: list[Timings] = [
            {(one.session, one.round): one.burst for one in records if one.key == f"copy/core-{copy}"}
            for copy in range(COPIES)
        ]
        found += [ratio(one, copy, seed=0) for one, copy in zip(own[::2], own[1::2], strict=True)]
    holds = sum(one.low <= 1 <= one.high for one in found)
    half = np.array([100 * (one.high / one.low - 1) / 2 for one in found])
    print(f"{holds} of {len(found)} intervals of the ratio of two copies contain 1")
    print(f"half width: median {np.median(half):.1f} %, largest {half.max():.1f} %")
    off = np.array([100 * abs(one.value - 1) for one in found])
    print(f"ratio off 1 by: median {np.median(off):.2f} %, largest {off.max():.2f} %")


def _student(folder: Path, width: float) -> str:
    windows = folder / "windows"
    if not windows.exists():
        write_distillation_set(windows, train=16, held_out=1)
    settings = ConverterSettings(representative_windows=16)
    spec = mobilenet("tiny", width, embedding_width=256)
    network = Network(build_deployed(spec, FrontEndSpec(), 0), str(windows), settings)
    files: dict[str, bytes] = {name: network.file(name) for name in settings.variants}
    return write_variants(folder / spec.candidate_id, spec.candidate_id, files)


def _all(report: LatencyReport) -> list[LatencyMeasurement]:
    return [one for one in (report.reference, *report.measurements) if one is not None]


class _Clocked(HostBackend):
    """Adds up the wall time of what it is asked for."""

    def __init__(self, spent: defaultdict[str, float], *given: Any) -> None:
        super().__init__(*given)
        self._spent = spent

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._spent[name] += time.perf_counter() - began

    def begin_session(self) -> None:
        with self._clock("fresh processes"):
            super().begin_session()

    def start(self, model: ModelUnderTest) -> Start:
        with self._clock("cold starts"):
            return super().start(model)

    def time(self, model: ModelUnderTest, **how: Any) -> Burst:
        with self._clock("warm-up and requests"):
            return super().time(model, **how)

    def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
        with self._clock("profiles"):
            return super().profile(model, runs)


if __name__ == "__main__":
    main()
