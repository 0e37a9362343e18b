"""TeacherEmbedder against the bare teacher; PCM against FLAC; what looking for test clips costs.

Each comparison runs both sides in turn in this process, so that drift of the machine cancels. Ratios are
taken twice: by the clock, and by the processor time of this process, which other programs on the machine
disturb less. The executor's ``Do`` is timed as a whole: start of Beam, reading, writing of records included;
the bare teacher hears the same windows from memory, in batches of the same size. A run of one clip a shard is
timed as well: what loading the teacher and starting Beam take is nothing to a run of millions. It needs the
real clips and the real teachers (CONTRIBUTING.md):

    python -m tests.benchmarks.bench_embedder
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.common.audio.acoustic_fingerprint import FingerprintIndex
from components.common.audio.decode import decode
from components.common.audio.errors import AudioError
from components.common.audio.framing import cut_windows, to_float
from components.common.modeling.teachers import Teacher, load_teacher
from components.common.store.shards import iterate_examples, shard_path, write_shard
from components.teacher_embedder.executor import Executor
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet
from schemas.distillation_reports import DistillationSetInfo
from schemas.records import SAMPLE_RATE, Clip, DistillationWindow, Storage
from schemas.teachers import ConcatTeacher, SlidingWindows, TeacherSpec, TfliteStage, TfliteTeacher
from tests.conftest import REPOSITORY

SHARDS = 4
TARGET = 0.95


def main() -> None:
    """Prints the ratios, median and range over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    shared = Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared"))
    clips = _read_clips(shared / "data" / "mini_audioset" / "audios", options.clips)
    hours = sum(len(clip.audio) for clip in clips) / SAMPLE_RATE / 3600
    print(
        f"{len(clips)} real clips, {hours:.2f} h; {options.rounds} rounds after one to warm up; "
        f"{options.cores} cores; load {os.getloadavg()[0]:.1f} of {os.cpu_count()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        _write(clips, f"{folder}/all")
        _write(clips[:SHARDS], f"{folder}/few")
        for spec in (_yamnet(shared / "models"), _pair(shared / "models")):
            _compare_speed(spec, clips, folder, options.rounds)
        _compare_storage(clips, folder, options.rounds)
    _time_look_up(clips, load_teacher(_yamnet(shared / "models")), options.rounds)
    print(f"load {os.getloadavg()[0]:.1f}")


@dataclass(frozen=True)
class Times:
    """Seconds that something took."""

    wall_s: float
    cpu_s: float


def timed(work: Callable[[], object]) -> Times:
    """Reads the clock and the processor time of this process before and after."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Times(time.perf_counter() - wall, time.process_time() - cpu)


def _median_and_range(values: Sequence[float]) -> str:
    return f"{np.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _compare_speed(spec: TeacherSpec, clips: Sequence[Clip], folder: str, rounds: int) -> None:
    settings = TeacherEmbedderSettings(teacher=spec)
    teacher = load_teacher(spec)
    cut = [cut_windows(clip.audio, settings.window_samples, settings.hop_samples) for clip in clips]
    windows, few = np.concatenate(cut), np.concatenate(cut[:SHARDS])
    triples = []
    for number in range(rounds + 1):
        whole, start = (
            timed(partial(_execute, f"{folder}/{name}", settings, number, count))
            for name, count in (("all", len(windows)), ("few", len(few)))
        )
        triples.append((whole, start, timed(lambda: _ask(teacher, windows, settings.batch_size))))
    print(
        f"{teacher.description}: TeacherEmbedder / bare teacher, n = {len(windows)} windows, target {TARGET}"
    )
    for name, unit in (("clock", "wall_s"), ("processor time", "cpu_s")):
        seconds = np.array([[getattr(times, unit) for times in triple] for triple in triples[1:]])
        ours, first, bare = seconds.T
        # The bare teacher has heard the few as well.
        without = bare * (1 - len(few) / len(windows)) / (ours - first)
        print(
            f"  by the {name}: {_median_and_range(bare / ours)}, {len(windows) / np.median(ours):.0f} "
            f"windows/s; without the {np.median(first):.2f} s that {len(few)} windows take "
            f"{_median_and_range(without)}"
        )


def _execute(folder: str, settings: TeacherEmbedderSettings, number: int, windows: int) -> None:
    """One execution; it must have embedded every window that is not silent."""
    examples, output = standard_artifacts.Examples(), DistillationSet()
    examples.uri, output.uri = f"{folder}/clips", f"{folder}/windows"
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
        tmp_dir=folder,
        unique_id=str(number),
    )
    Executor(context).Do(
        {"examples": [examples]},
        {"windows": [output]},
        {"settings": settings.to_parameter(), "seed": 0},
    )
    info = DistillationSetInfo.load(output.uri)
    found = sum(info.windows.values()) + sum(info.silent_windows.values())
    if found != windows:
        raise SystemExit(f"the executor saw {found} of {windows} windows: the comparison is void")


def _ask(teacher: Teacher, windows: np.ndarray, batch: int) -> None:
    for start in range(0, len(windows), batch):
        teacher.embed(to_float(windows[start : start + batch]))


def _compare_storage(clips: Sequence[Clip], folder: str, rounds: int) -> None:
    """The windows of all clips, 1024-d targets left out of the size, so that it is that of the sound."""
    target = np.zeros(1, np.float16)
    kinds: tuple[Storage, ...] = ("pcm16", "flac")
    files = {kind: f"{folder}/{kind}" for kind in kinds}
    times: dict[str, list[Times]] = {}
    count = 0
    for _ in range(rounds + 1):
        for kind in kinds:
            windows = (
                DistillationWindow(clip.clip_id, 0, audio, target)
                for clip in clips
                for audio in cut_windows(clip.audio, 15_600, 15_360)
            )
            records = (window.to_example(kind) for window in windows)
            times.setdefault(f"{kind} written", []).append(
                timed(lambda kind=kind, records=records: write_shard(files[kind], records))  # type: ignore[misc]
            )
            times.setdefault(f"{kind} read", []).append(timed(lambda kind=kind: _read(files[kind])))  # type: ignore[misc]
    count = _read(files["pcm16"])
    hours = count * 15_600 / SAMPLE_RATE / 3600
    print(f"storage, n = {count} windows, {hours:.2f} h of sound in them:")
    for kind in kinds:
        size = Path(files[kind]).stat().st_size / 1e6 / hours
        speeds = [
            f"{np.median([count / t.cpu_s for t in times[f'{kind} {what}'][1:]]):.0f} windows/s {what}"
            for what in ("written", "read")
        ]
        print(f"  {kind}: {size:.1f} MB/h, {', '.join(speeds)} (processor time)")


def _read(file: str) -> int:
    return sum(len(DistillationWindow.from_example(record).audio) > 0 for record in iterate_examples([file]))


def _time_look_up(clips: Sequence[Clip], teacher: Teacher, rounds: int) -> None:
    """Every second clip is looked up in an index of the others."""
    start = time.process_time()
    index = FingerprintIndex.of(clip.audio for clip in clips[1::2])
    built = time.process_time() - start
    others = clips[::2]
    seconds = sum(len(clip.audio) for clip in others) / SAMPLE_RATE
    windows = np.concatenate([cut_windows(clip.audio, 15_600, 15_360) for clip in others])
    look_ups, bare = [], []
    for _ in range(rounds):
        look_ups.append(timed(lambda: [index.find(clip.audio, 0.25, 1.5) for clip in others]).cpu_s)
        bare.append(timed(lambda: _ask(teacher, windows, 64)).cpu_s)
    shares = [one / other for one, other in zip(look_ups, bare, strict=True)]
    print(
        f"looking for test clips: {np.median(look_ups) / seconds * 1e4:.2f} ms for 10 s of sound, "
        f"{_median_and_range(shares)} of what {teacher.description} takes; index of {len(clips[1::2])} "
        f"sounds: {len(index)} words in {built:.1f} s; n = {len(others)} clips"
    )


def _yamnet(models: Path) -> TfliteTeacher:
    return TfliteTeacher(name="YAMNet", stages=(TfliteStage(file=str(models / "yamnet_embedding.tflite")),))


def _pair(models: Path) -> ConcatTeacher:
    words = TfliteTeacher(
        name="speech_embedding",
        stages=(
            TfliteStage(file=str(models / "melspectrogram.tflite"), scale=32768),
            TfliteStage(
                file=str(models / "embedding_model.tflite"),
                scale=0.1,
                offset=2,
                windows=SlidingWindows(frames=76, hop=8),
            ),
        ),
    )
    return ConcatTeacher(teachers=(_yamnet(models), words))


def _read_clips(folder: Path, count: int) -> list[Clip]:
    files = islice((path for path in sorted(folder.rglob("*")) if path.is_file()), count)
    clips = []
    for file in files:
        try:
            clips.append(Clip(file.stem, decode(file).samples, (), SAMPLE_RATE))
        except AudioError:
            continue
    if len(clips) < 2 * SHARDS:
        raise SystemExit(f"{folder} holds no clips: set TINYTRILL_SHARED")
    return clips


def _write(clips: Sequence[Clip], folder: str) -> None:
    """Half of the shards as train, half as eval: both are embedded."""
    for index in range(SHARDS):
        split, number = ("train", "eval")[index % 2], index // 2
        records = (clip.to_example() for clip in clips[index::SHARDS])
        write_shard(shard_path(f"{folder}/clips", split, number, SHARDS // 2), records)


if __name__ == "__main__":
    main()
