"""Speed of the NOSS evaluator: embedding against bare LiteRT, and the probes of a benchmark of real size.

Run it alone on the machine: ``python -m tests.benchmarks.bench_noss``.
"""

from __future__ import annotations

import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from components.modeling.student import build_student
from components.noss_evaluator.baselines import baseline_subject
from components.noss_evaluator.clips import SPLITS, Entry
from components.noss_evaluator.embedding import Embeddings, embed
from components.noss_evaluator.evaluation import Benchmark, evaluate_tasks
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.subjects import EvaluationSubject, Hears, tflite_networks
from components.noss_evaluator.tasks import gather_tasks
from components.tflite_converter.conversion import convert
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.join import join
from schemas.records import NossClip, shard_path, write_shard
from schemas.students import FrontEndSpec, StudentSpec
from tests.components.noss_evaluator.helpers import make_task_set

WORKERS = 2
CLIPS = 1500
ROUNDS = 3
# Clips in train, validation and test, and classes, of the seven tasks of the real-audio configuration.
SIZES = [
    (60, 24, 36, 6),
    (243, 96, 196, 7),
    (240, 80, 80, 10),
    (1500, 500, 1000, 10),
    (1800, 300, 900, 6),
    (60, 10, 30, 10),
    (2941, 517, 1432, 12),
]
_LOG = logging.getLogger("tinytrill.bench")


def embedding_against_bare_litert() -> dict[str, float]:
    """Windows a second of the evaluator over those of the same network in a bare loop, by kind of file.

    The bare loop hears windows (or patches) that already lie in memory, in as many threads. The evaluator
    reads records (or the kept patches), cuts, embeds and averages. Both take turns, so that what else the
    machine does hits both; the ratio is that of the medians.
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
        kinds: list[tuple[Hears, bytes]] = [("waveform", wave), ("log_mel", core)]
        for hears, content in kinds:
            start = time.perf_counter()
            inputs = np.concatenate([batch.inputs for batch in benchmark.hearing(front_end).batches(hears)])
            _LOG.info("%s: %d windows prepared in %.1f s", hears, len(inputs), time.perf_counter() - start)
            subject = EvaluationSubject("x", "student", "x", "", hears, tflite_networks(content, WORKERS))
            models = [_interpreter(content) for _ in range(WORKERS)]
            seconds: dict[str, list[float]] = {"bare": [], "evaluator": []}
            for _ in range(ROUNDS):
                start = time.perf_counter()
                with ThreadPoolExecutor(WORKERS) as pool:
                    list(pool.map(_bare, models, np.array_split(inputs, WORKERS)))
                seconds["bare"].append(time.perf_counter() - start)
                start = time.perf_counter()
                embed(benchmark.hearing(front_end), [subject], WORKERS)
                seconds["evaluator"].append(time.perf_counter() - start)
            bare, ours = (float(np.median(seconds[who])) for who in ("bare", "evaluator"))
            ratios[hears] = bare / ours
            _LOG.info(
                "%s: bare %.0f windows a second, evaluator %.0f: %.0f %%",
                hears, len(inputs) / bare, len(inputs) / ours, 100 * ratios[hears],
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
    """Wall time of all seven tasks for one model."""
    entries: list[Entry] = []
    for task, (*counts, classes) in enumerate(SIZES):
        for split, count in zip(SPLITS, counts, strict=True):
            for i in range(count):
                sound = len(entries)
                entries.append(Entry(f"{task}/{split}{i}", f"task{task}", split, f"{i % classes}", "", sound))
    rng = np.random.default_rng(0)
    spread = np.linspace(3, 0.05, dim)
    places = rng.normal(0, 1, (12, dim)) * spread * 0.06
    noise = rng.normal(0, 1, (len(entries), dim)) * spread
    matrix = (places[[int(entry.label) for entry in entries]] + noise).astype(np.float32)
    embedded = Embeddings(baseline_subject("logmel", WORKERS), parts=[matrix])
    start = time.perf_counter()
    settings = NossEvaluatorSettings(workers=WORKERS)
    evaluate_tasks(gather_tasks(entries, make_task_set(entries), settings), embedded, settings, seed=1)
    seconds = time.perf_counter() - start
    _LOG.info("probes of seven tasks, %d dimensions: %.1f s", dim, seconds)
    return seconds


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
    for dim in (128, 1024, 2048):
        seconds_of_probes(dim)
