"""Speed and memory of AudioIngest: what it adds to decoding, what a second worker brings, what clips cost.

* ``core``: the executor's ``Do`` as a whole (plan, start of Beam, decoding in a process that may be lost,
  records, reports) against a bare loop of soundfile and soxr over the same clips, in turn, on one core. The
  loop averages two channels as fast as numpy can, which is several times as fast as ``mean(axis=1)``. A run
  of one clip is timed as well: what starting takes is nothing to a run of millions.
* ``workers``: Beam with two worker processes against one, in pairs.
* ``memory``: the peak of the resident memory of all processes at 2,000 and at 20,000 tiny clips.

Ratios are taken by the clock and by processor time, children included, which others on the machine do not
disturb much. Real clips are used where they are (CONTRIBUTING.md):

    python -m tests.benchmarks.bench_ingest [core] [workers] [memory]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from tests.benchmarks.ingest_corpora import FORMS, link_corpus, real_clips, write_stereo, write_tiny
from tests.conftest import REPOSITORY

CORE_TARGET, WORKERS_TARGET, MEMORY_TARGET = 0.80, 1.7, 1.10
IN_PROCESS = ("--runner=FnApiRunner",)
FEW, MANY = 2_000, 20_000
SHARD_CLIPS = 20


@dataclass(frozen=True)
class Times:
    """Seconds that something took, by the clock and of processors."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Prints each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["core", "workers", "memory"])
    parser.add_argument("--clips", type=int, default=1500, help="real clips")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"load before (1, 5, 15 min): {load}; {os.cpu_count()} cores")
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "core": measure_core, "workers": measure_workers, "memory": measure_memory,
    }  # fmt: skip
    for part in options.parts:
        parts[part](options)


# --- one core ----------------------------------------------------------------------------------


def measure_core(options: argparse.Namespace) -> None:
    """What the executor reaches of a bare loop."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with _folder() as folder:
            real = real_clips(_shared(), options.clips)
            if real:
                _core("real clips (ogg, 16 kHz mono, 3 s)", real, folder / "real", options.rounds)
            else:
                print("  real clips: not here, skipped")
            for form in FORMS:
                made = write_stereo(folder, form)
                files = [made[number % len(made)] for number in range(options.clips // 5)]
                _core(f"10 s stereo {form}", files, folder / f"made-{form}", options.rounds)
    finally:
        os.sched_setaffinity(0, cores)


def _core(what: str, files: Sequence[Path], root: Path, rounds: int) -> None:
    link_corpus(root / "all", files, 10.0)
    link_corpus(root / "one", files[:1], 10.0)
    triples = []
    for number in range(rounds + 1):
        ours, start = (
            _timed(partial(ingest, root / name, root / f"{name}-{number}", IN_PROCESS))
            for name in ("all", "one")
        )
        triples.append((ours, start, _timed(lambda: bare_loop(files))))
        for name in ("all", "one"):
            shutil.rmtree(root / f"{name}-{number}")
    print(f"  {what}, n = {len(files)}, median of {rounds} (range), target {CORE_TARGET:.2f}:")
    for name, unit in (("the clock", "wall_s"), ("processor time", "cpu_s")):
        seconds = np.array([[getattr(times, unit) for times in triple] for triple in triples[1:]])
        ours, start, bare = seconds.T
        ratios, without = np.sort(bare / ours), np.sort(bare / (ours - start))
        print(
            f"    by {name}: {len(files) / np.median(ours):.1f} of {len(files) / np.median(bare):.1f} "
            f"clips/s, ratio {np.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}); without the "
            f"{np.median(start):.2f} s that a run of one clip takes {np.median(without):.3f} "
            f"({without[0]:.3f} to {without[-1]:.3f})"
        )


def bare_loop(files: Sequence[Path]) -> None:
    """Decodes, averages the channels, resamples; nothing is checked and nothing is kept."""
    import soundfile
    import soxr

    for file in files:
        sound, rate = soundfile.read(file, dtype="float32", always_2d=True)
        mono = sound[:, 0] if sound.shape[1] == 1 else (sound[:, 0] + sound[:, 1]) * np.float32(0.5)
        if rate != 16_000:
            soxr.resample(mono, rate, 16_000, quality="HQ")


def ingest(root: Path, folder: Path, beam_args: Sequence[str], shard_clips: int = 512) -> float:
    """Executes AudioIngest over a corpus; it must have taken every clip.

    Returns:
      Seconds of decoding and writing, as the report says.
    """
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.audio_ingest.executor import Executor
    from components.audio_ingest.settings import AudioIngestSettings
    from schemas.artifacts import IngestReport as ReportArtifact
    from schemas.ingest_reports import IngestReport

    examples, report = standard_artifacts.Examples(), ReportArtifact()
    examples.uri, report.uri = str(folder / "examples"), str(folder / "report")
    for artifact in (examples, report):
        Path(artifact.uri).mkdir(parents=True)
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[*beam_args, "--sdk_container_image=unused"],
        tmp_dir=str(folder / "tmp"),
        unique_id="1",
    )
    settings = AudioIngestSettings(root=str(root), labels="all", shard_clips=shard_clips)
    Executor(context).Do(
        {}, {"examples": [examples], "report": [report]}, {"settings": settings.to_parameter()}
    )
    said = IngestReport.load(report.uri)
    counts = said.splits["train"]
    if counts.clips != counts.rows or said.work is None:
        raise SystemExit(f"{root}: {counts.quarantined} are left out: the comparison is void")
    return said.work.seconds


# --- workers -----------------------------------------------------------------------------------


def measure_workers(options: argparse.Namespace) -> None:
    """What a second worker brings once both are at work; starting them takes the same for all corpora."""
    with _folder() as folder:
        made = write_stereo(folder, "44100.flac")
        files = [made[number % len(made)] for number in range(2 * options.clips)]
        root = link_corpus(folder / "corpus", files, 10.0)
        for mode in ("multi_processing", "multi_threading"):
            clock, cpu = [], []
            for number in range(options.rounds):
                one, two = (
                    _at_work(root, folder / f"{mode}-{number}-{workers}", mode, workers) for workers in (1, 2)
                )
                clock.append(two.clips_per_second / one.clips_per_second)
                cpu.append(2 * one.cpu_s_per_clip / two.cpu_s_per_clip)
                print(
                    f"  {mode}, n = {len(files)} of 10 s: {one.clips_per_second:.1f} and "
                    f"{two.clips_per_second:.1f} clips/s, ratio {clock[-1]:.2f}; "
                    f"load {os.getloadavg()[0]:.1f}"
                )
            print(
                f"  {mode}: two workers {np.median(clock):.2f} (median of {options.rounds}), "
                f"{max(clock):.2f} (best) times one by the clock, {np.median(cpu):.2f} by processor time; "
                f"target {WORKERS_TARGET}"
            )


@dataclass(frozen=True)
class _Pace:
    clips_per_second: float
    cpu_s_per_clip: float


def _at_work(root: Path, run: Path, mode: str, workers: int) -> _Pace:
    """The pace in the middle of a run, told by when its shards were finished."""
    args = (f"--direct_running_mode={mode}", f"--direct_num_workers={workers}")
    times = _timed(partial(ingest, root, run, (*IN_PROCESS, *args), SHARD_CLIPS))
    finished = sorted(path.stat().st_mtime for path in run.glob("examples/Split-train/records-*"))
    shutil.rmtree(run)
    first, last = len(finished) // 5, len(finished) - 1 - len(finished) // 10
    clips = (last - first) * SHARD_CLIPS
    return _Pace(clips / (finished[last] - finished[first]), times.cpu_s / (len(finished) * SHARD_CLIPS))


# --- memory ------------------------------------------------------------------------------------


def measure_memory(options: argparse.Namespace) -> None:
    """What ten times as many clips cost in memory."""
    with _folder() as folder:
        tiny, peaks = write_tiny(folder), []
        for count in (FEW, MANY):
            root = link_corpus(folder / str(count), [tiny[n % len(tiny)] for n in range(count)], 0.2)
            peaks.append(_peak_bytes(root, folder / f"run-{count}"))
            print(f"  {count} clips of 0.2 s: {peaks[-1] / 1e6:.0f} MB resident at most")
        print(f"  ratio {peaks[1] / peaks[0]:.3f}; target at most {MEMORY_TARGET:.2f}")


def _peak_bytes(root: Path, folder: Path) -> int:
    """The most that a fresh process and all that it starts hold at a time, looked at every 20 ms."""
    code = (
        "import sys; from pathlib import Path; from tests.benchmarks.bench_ingest import IN_PROCESS, ingest; "
        "ingest(Path(sys.argv[1]), Path(sys.argv[2]), IN_PROCESS)"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(root), str(folder)], cwd=REPOSITORY)
    tree, peak = psutil.Process(run.pid), 0
    while run.poll() is None:
        held = 0
        for process in (tree, *_children(tree)):
            try:
                held += process.memory_info().rss
            except psutil.Error:
                continue
        peak = max(peak, held)
        time.sleep(0.02)
    if run.returncode:
        raise SystemExit(f"the run over {root} ended with exit code {run.returncode}")
    return peak


# --- clocks and places -------------------------------------------------------------------------


def _timed(work: Callable[[], object]) -> Times:
    wall, cpu = time.perf_counter(), _cpu_seconds()
    work()
    return Times(time.perf_counter() - wall, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """Processor time of this process and of all that it started, ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    me = psutil.Process()
    for process in (me, *_children(me)):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _shared() -> Path:
    return Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared"))


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
