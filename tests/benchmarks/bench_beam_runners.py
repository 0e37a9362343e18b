"""AudioIngest and TeacherEmbedder on Flink and Spark: what a second worker brings.

A worker is a pod of ``tests/beam_runners`` with one processor of this machine to itself, so that two workers
have two. Clusters of one and of two are started in turn, and each ingests the same clips and has YAMNet hear
their windows. Told are the rate at work, by when shards were finished in the midst of a job, the rate of the
whole component, in which a job's workers start and import what they need, and the processor time of the pods,
which others on the machine disturb least. The tests say what it needs (CONTRIBUTING.md):

    python -m tests.benchmarks.bench_beam_runners [flink] [spark]
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from components.common.store.tfrecord import count_records
from tests.beam_runners.flink import Flink
from tests.beam_runners.pods import Network, Pod, network
from tests.beam_runners.spark import Spark
from tests.beam_runners.work import embed
from tests.benchmarks.bench_ingest import IN_PROCESS, ingest
from tests.benchmarks.ingest_corpora import link_corpus, write_stereo
from tests.conftest import REPOSITORY

SHARD_CLIPS = 10


@dataclass(frozen=True)
class Pace:
    """How fast a component was.

    Attributes:
      at_work: Units a second while all workers were at it.
      whole: Units a second of the whole component.
      cpu_s: Processor time of the workers' pods, of a unit.
    """

    at_work: float
    whole: float
    cpu_s: float


# For clips and windows, how many there were and how fast they were done.
Paces = dict[str, tuple[int, Pace]]


@dataclass(frozen=True)
class Cluster:
    """One that runs: Beam's options for it, and the pods of its workers."""

    options: list[str]
    workers: list[Pod]


def _flink(pods: Network, folder: Path, processors: Sequence[int]) -> Cluster:
    flink = Flink(pods, folder)
    flink.start(len(processors), processors)
    return Cluster([*flink.options(), f"--parallelism={flink.slots}"], flink.tasks)


def _spark(pods: Network, folder: Path, processors: Sequence[int]) -> Cluster:
    spark = Spark(pods, folder)
    spark.start(len(processors), processors)
    return Cluster(spark.options(), spark.workers)


RUNNERS = {"flink": _flink, "spark": _spark}


def main() -> None:
    """Prints each pair of measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runners", nargs="*", default=list(RUNNERS))
    parser.add_argument("--clips", type=int, default=400, help="of 10 s")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    # Pods are to end with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    models = Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared")) / "models"
    with tempfile.TemporaryDirectory() as place:
        made = write_stereo(Path(place), "44100.flac")
        files = [made[number % len(made)] for number in range(options.clips)]
        corpus = link_corpus(Path(place) / "corpus", files, 10.0)
        for runner in options.runners:
            for number in range(options.rounds):
                # Each size is first in every other round.
                order = (1, 2) if number % 2 == 0 else (2, 1)
                try:
                    found = {size: measure(runner, size, corpus, models, Path(place)) for size in order}
                except pytest.skip.Exception as reason:
                    print(f"  {runner}: {reason}")
                    break
                _tell(runner, found[1], found[2])


def _tell(runner: str, ones: Paces, twos: Paces) -> None:
    for unit, (count, one) in ones.items():
        two = twos[unit][1]
        print(
            f"  {runner}, n = {count} {unit}: 1 worker {one.at_work:.1f}/s at work, {one.whole:.1f} in all; "
            f"2 workers {two.at_work:.1f} and {two.whole:.1f}; "
            f"ratio {two.at_work / one.at_work:.2f} and {two.whole / one.whole:.2f}; "
            f"{1000 * one.cpu_s:.1f} and {1000 * two.cpu_s:.1f} ms of processors each; "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def measure(runner: str, workers: int, corpus: Path, models: Path, place: Path) -> Paces:
    """Starts a cluster and has it do both."""
    processors = sorted(os.sched_getaffinity(0))[:workers]
    if len(processors) < workers:
        raise SystemExit(f"{workers} workers need a processor each, and there are {len(processors)}")
    with _folder(place) as folder, network(folder / "logs") as pods:
        cluster = RUNNERS[runner](pods, folder, processors)
        options = [*IN_PROCESS, *cluster.options]
        clips = _pace(
            cluster.workers,
            lambda: ingest(corpus, folder / "ingested", options, SHARD_CLIPS),
            folder / "ingested" / "examples",
        )
        windows = _pace(
            cluster.workers,
            lambda: embed(models, folder / "ingested", folder / "embedded", cluster.options),
            folder / "embedded" / "windows",
        )
    return {"clips": clips, "windows": windows}


def _pace(workers: Sequence[Pod], work: Callable[[], object], output: Path) -> tuple[int, Pace]:
    begun = time.perf_counter()
    with _processor_time(workers) as spent:
        work()
    seconds = time.perf_counter() - begun
    finished = sorted(
        (path.stat().st_mtime, count_records(path)) for path in output.glob("Split-*/records-*")
    )
    times, counts = np.array(finished).T
    # Neither while workers still start, nor while the last ones have nothing left.
    first, last = len(times) // 5, len(times) - 1 - len(times) // 10
    at_work = counts[first + 1 : last + 1].sum() / (times[last] - times[first])
    count = int(counts.sum())
    return count, Pace(at_work, count / seconds, sum(spent.values()) / count)


@contextmanager
def _processor_time(pods: Sequence[Pod]) -> Iterator[dict[psutil.Process, float]]:
    """Processor seconds that each process in the pods uses meanwhile.

    They are looked at every second: a worker ends with its job, and what it used is known to nobody then.
    """
    spent: dict[psutil.Process, float] = {}
    before: dict[psutil.Process, float] = {}
    ended = threading.Event()

    def look(seen: dict[psutil.Process, float]) -> None:
        for number in (one for pod in pods for one in pod.programs()):
            with suppress(psutil.Error):
                process = psutil.Process(number)
                times = process.cpu_times()
                seen[process] = times.user + times.system - before.get(process, 0.0)

    def watch() -> None:
        while not ended.wait(1.0):
            look(spent)

    look(before)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield spent
    finally:
        ended.set()
        watcher.join()
        look(spent)


@contextmanager
def _folder(place: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
