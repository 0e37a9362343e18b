"""Speed of the NOSS evaluator: embedding against bare LiteRT, and the probes of a benchmark of real size.

Run it alone on the machine: ``python -m tests.benchmarks.bench_noss``.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from components.common.modeling.student import build_student
from components.common.store.shards import shard_path, write_shard
from components.noss_evaluator.baselines import baseline_under_test
from components.noss_evaluator.clips import SPLITS, Entry
from components.noss_evaluator.embedding import Embeddings, embed
from components.noss_evaluator.evaluation import Benchmark, evaluate_tasks
from components.noss_evaluator.models_under_test import InputKind, ModelUnderTest, tflite_networks
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import gather_tasks
from components.tflite_converter.conversion import convert
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.join import join
from schemas.noss_task_sets import IngestedTask, NossTaskSet
from schemas.noss_tasks import ManifestSource, SplitRule, TaskRecord
from schemas.records import NossClip
from schemas.students import FrontEndSpec, StudentSpec

WORKERS = 2
CLIPS = 3000
ROUNDS = 5
# Clips in train, validation and test, classes and test speakers (0: unknown) of the seven tasks of the
# real-audio configuration. Three and two test speakers make folds of speakers; the third task has its own.
SIZES = [
    (60, 24, 36, 6, 0),
    (243, 96, 196, 7, 3),
    (240, 80, 80, 10, 0),
    (1500, 500, 1000, 10, 2),
    (1800, 300, 900, 6, 0),
    (60, 10, 30, 10, 0),
    (2941, 517, 1432, 12, 185),
]
OWN_FOLDS = "task2"
_LOG = logging.getLogger("tinytrill.bench")


def embedding_against_bare_litert() -> dict[str, float]:
    """Windows a second of the evaluator over those of the same network in a bare loop, by kind of file.

    The bare loop hears windows (or patches) that already lie in memory, in as many threads. The evaluator
    reads records (or the kept patches), cuts, embeds and averages. Both take turns, so that what else the
    machine does hits both; the ratio is that of the medians. Where others use the machine, the ratio of
    processor times is the steadier one.
    """
    front_end = FrontEndSpec()
    core = convert(build_student(StudentSpec(), front_end))
    wave = join(front_end_file(front_end, "matmul"), core)
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        _write_clips(Path(folder) / "examples")
        benchmark = Benchmark(
            f"{folder}/examples", NossEvaluatorSettings(), seed=1, scratch=f"{folder}/scratch"
        )
        kinds: list[tuple[InputKind, bytes]] = [("log_mel", core), ("waveform", wave)]
        for input_kind, content in kinds:
            start = time.perf_counter()
            inputs = np.concatenate(
                [batch.inputs for batch in benchmark.clip_features(front_end).batches(input_kind)]
            )
            _LOG.info(
                "%s: %d windows prepared in %.1f s", input_kind, len(inputs), time.perf_counter() - start
            )
            under_test = ModelUnderTest(
                "x", "student", "x", "", input_kind, tflite_networks(content, WORKERS)
            )
            models = [_interpreter(content) for _ in range(WORKERS)]
            spent: dict[str, list[tuple[float, float]]] = {"bare": [], "evaluator": []}
            for _ in range(ROUNDS):
                before = _clocks()
                with ThreadPoolExecutor(WORKERS) as pool:
                    list(pool.map(_bare, models, np.array_split(inputs, WORKERS)))
                spent["bare"].append(_clocks(before))
                before = _clocks()
                embed(benchmark.clip_features(front_end), [under_test], WORKERS)
                spent["evaluator"].append(_clocks(before))
            bare, ours = (np.median(spent[who], axis=0) for who in ("bare", "evaluator"))
            wall, cpu = bare / ours
            ratios[input_kind] = float(wall)
            _LOG.info(
                "%s: bare %.0f windows a second, evaluator %.0f: %.0f %% (by processor time %.0f %%)",
                input_kind, len(inputs) / bare[0], len(inputs) / ours[0], 100 * wall, 100 * cpu,
            )  # fmt: skip
    return ratios


def _write_clips(folder: Path) -> None:
    """Noise of one to three seconds."""
    rng = np.random.default_rng(0)
    for split in SPLITS:
        clips = [
            NossClip(
                f"x/{split}{i}",
                rng.normal(0, 3000, int(rng.uniform(16_000, 48_000))).astype(np.int16),
                "x", split, "a", "", "", 16_000,
            ).to_example()
            for i in range(CLIPS // len(SPLITS))
        ]  # fmt: skip
        write_shard(shard_path(str(folder), split, 0, 1), clips)


def seconds_of_probes(dim: int) -> float:
    """Wall time of all seven tasks for one model: three draws, folds as they fall, three kinds of probe."""
    entries: list[Entry] = []
    for task, (*counts, classes, speakers) in enumerate(SIZES):
        for split, count in zip(SPLITS, counts, strict=True):
            # As many clips a speaker in each split.
            voices = max(1, round(speakers * count / counts[-1]))
            for i in range(count):
                speaker = f"{split}{i // classes % voices}" if speakers else ""
                entries.append(
                    Entry(f"{task}/{split}{i:04d}", f"task{task}", split, f"{i % classes}", speaker,
                          sound=len(entries), group=str(i // classes % 5))
                )  # fmt: skip
    rng = np.random.default_rng(0)
    spread = np.linspace(3, 0.05, dim)
    places = rng.normal(0, 1, (12, dim)) * spread * 0.06
    noise = rng.normal(0, 1, (len(entries), dim)) * spread
    matrix = (places[[int(entry.label) for entry in entries]] + noise).astype(np.float32)
    embedded = Embeddings(baseline_under_test("logmel", WORKERS), parts=[matrix])
    settings = NossEvaluatorSettings(workers=WORKERS)
    tasks = gather_tasks(entries, _task_set(entries), settings)
    start = time.perf_counter()
    evaluations = evaluate_tasks(tasks, embedded, settings, seed=1)
    seconds = time.perf_counter() - start
    each = ", ".join(f"{len(one.result.runs)} runs {one.seconds:.1f} s" for one in evaluations)
    _LOG.info("probes of seven tasks, %d dimensions: %.1f s (%s)", dim, seconds, each)
    return seconds


def _task_set(entries: Sequence[Entry]) -> NossTaskSet:
    tasks = []
    for name in sorted({entry.task for entry in entries}):
        record = TaskRecord(
            name=name,
            split=SplitRule(rule="folds" if name == OWN_FOLDS else "published"),
            sources=(ManifestSource(file="manifest.csv"),),
        )
        tasks.append(
            IngestedTask(record=record, digest="", data_digest="", source="", n_original={}, n_used={})
        )
    return NossTaskSet(tasks=tasks)


def _clocks(since: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Wall and CPU seconds of this process, since other clocks."""
    return time.perf_counter() - since[0], time.process_time() - since[1]


def _interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _bare(interpreter: Any, inputs: np.ndarray) -> None:
    source = interpreter.get_input_details()[0]["index"]
    answer = interpreter.get_output_details()[0]["index"]
    for index in range(len(inputs)):
        interpreter.set_tensor(source, inputs[index : index + 1])
        interpreter.invoke()
        interpreter.get_tensor(answer)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    embedding_against_bare_litert()
    for dim in (128, 1056, 2048):
        seconds_of_probes(dim)
