"""Speed of TeacherEmbedder against a bare loop over the same teacher and the same decoded audio.

Both run in this process on one core, in turn, so that drift of the machine cancels. The executor's ``Do`` is
timed as a whole: start of Beam, loading of the teacher, reading and writing of records included; the loop
only asks the teacher about windows that lie in memory. The ratio is taken twice: by the clock, and by the
processor time of this process, which other programs on the machine do not disturb. It needs the real clips
and the real teachers (CONTRIBUTING.md):

    python -m tests.benchmarks.bench_teacher_embedder
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.audio.decode import decode
from components.audio.framing import cut_windows, to_float
from components.modeling.teachers import Teacher, load_teacher
from components.teacher_embedder import executor
from components.teacher_embedder.executor import Executor
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet
from schemas.records import Clip, shard_path, write_shard
from schemas.reports import DistillationSetInfo
from schemas.teachers import ConcatTeacher, SlidingWindows, TfliteStage, TfliteTeacher
from tests.conftest import REPOSITORY

SHARDS = 4
TARGET = 0.80


def main() -> None:
    """Prints clips per second of both and the ratio, median and range over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    shared = Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared"))
    settings = TeacherEmbedderSettings(teacher=_pair(shared / "models"))
    clips = _read_clips(shared / "data" / "mini_audioset" / "audios", options.clips)
    teacher = load_teacher(settings.teacher)
    windows = [cut_windows(clip.audio, settings.window_samples, settings.hop_samples) for clip in clips]
    with tempfile.TemporaryDirectory() as folder:
        _write(clips, folder)
        rounds = []
        for number in range(options.rounds + 1):
            embedder = _time_executor(folder, settings, number, sum(map(len, windows)))
            rounds.append((embedder, _time_loop(windows, teacher, settings.batch_size)))
    print(
        f"{teacher.description}; n = {len(clips)} clips, {sum(map(len, windows))} windows; "
        f"{options.rounds} rounds of each in turn after one to warm up; core {core} only; target {TARGET:.2f}"
    )
    for name, unit in (("clock", "wall_s"), ("processor time", "cpu_s")):
        pairs = [
            (len(clips) / getattr(one, unit), len(clips) / getattr(two, unit)) for one, two in rounds[1:]
        ]
        ratios = [embedder / loop for embedder, loop in pairs]
        print(
            f"  by the {name}: TeacherEmbedder {np.median([one for one, _ in pairs]):.1f} clips/s, bare loop "
            f"{np.median([two for _, two in pairs]):.1f} clips/s (medians), ratio {np.median(ratios):.3f} "
            f"(median), {min(ratios):.3f} to {max(ratios):.3f}"
        )


@dataclass(frozen=True)
class Times:
    """Seconds that something took."""

    wall_s: float
    cpu_s: float


class Stopwatch:
    """Reads the clock and the processor time of this process."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Times:
        """Seconds since the start."""
        return Times(time.perf_counter() - self._wall, time.process_time() - self._cpu)


def _pair(models: Path) -> ConcatTeacher:
    """YAMNet and speech_embedding."""
    events = TfliteTeacher(name="YAMNet", stages=(TfliteStage(file=str(models / "yamnet_embedding.tflite")),))
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
    return ConcatTeacher(teachers=(events, words))


def _read_clips(folder: Path, count: int) -> list[Clip]:
    """The first clips of the evaluation part, decoded."""
    files = sorted((folder / "eval_segments").glob("*"))[:count]
    if len(files) < SHARDS:
        raise SystemExit(f"{folder} holds no clips: set TINYTRILL_SHARED")
    return [Clip(file.stem, decode(file).samples, (), 16_000) for file in files]


def _write(clips: list[Clip], folder: str) -> None:
    """Half of the shards as train, half as eval: both are embedded."""
    for index in range(SHARDS):
        split, number = ("train", "eval")[index % 2], index // 2
        records = (clip.to_example() for clip in clips[index::SHARDS])
        write_shard(shard_path(f"{folder}/clips", split, number, SHARDS // 2), records)


def _time_executor(folder: str, settings: TeacherEmbedderSettings, number: int, windows: int) -> Times:
    """One execution; it must have embedded every window."""
    examples, output = standard_artifacts.Examples(), DistillationSet()
    examples.uri, output.uri = f"{folder}/clips", f"{folder}/windows-{number}"
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
        tmp_dir=folder,
        unique_id=str(number),
    )
    component_executor = Executor(context)
    watch = Stopwatch()
    component_executor.Do(
        {executor.EXAMPLES_KEY: [examples]},
        {executor.WINDOWS_KEY: [output]},
        {executor.SETTINGS_KEY: settings.to_parameter(), executor.SEED_KEY: 0},
    )
    times = watch.read()
    embedded = sum(DistillationSetInfo.load(output.uri).windows.values())
    if not 0.98 * windows <= embedded <= windows:
        raise SystemExit(f"the executor embedded {embedded} of {windows} windows: the comparison is void")
    return times


def _time_loop(windows: list[np.ndarray], teacher: Teacher, batch: int) -> Times:
    """The same windows, clip by clip in batches of the same size."""
    watch = Stopwatch()
    for clip in windows:
        for start in range(0, len(clip), batch):
            teacher.embed(to_float(clip[start : start + batch]))
    return watch.read()


if __name__ == "__main__":
    main()
