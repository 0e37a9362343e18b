"""Speed of the NOSS evaluator: embedding against bare LiteRT, and the probes of a benchmark of real size.

Run it alone on the machine: ``python -m tests.benchmarks.bench_noss``.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from components.audio.framing import cut_windows, to_float
from components.modeling.litert import LiteRtModel
from components.modeling.student import build_student
from components.noss_evaluator.clips import SPLITS, ClipStream, Entry
from components.noss_evaluator.embedding import Embeddings, embed
from components.noss_evaluator.executor import evaluate_tasks
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.subjects import EvaluationSubject, logmel_subject, make_front_end
from components.noss_evaluator.tasks import gather_tasks
from components.tflite_converter.conversion import convert
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.join import join
from schemas.records import NossClip
from schemas.students import FrontEndSpec, StudentSpec

WORKERS = 2
CLIPS = 2000
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
    """Windows a second of the evaluator over those of the same networks in a bare loop.

    The bare loop hears windows (or patches) that already lie in memory, in as many threads.
    """
    front_end = FrontEndSpec()
    student = build_student(StudentSpec(), front_end)
    log_mel = make_front_end(front_end)
    rng = np.random.default_rng(0)
    clips = [
        NossClip(f"x/{i}", (rng.normal(0, 3000, 16_000)).astype(np.int16), "x", "test", "a", "", "", 16_000)
        for i in range(CLIPS)
    ]
    settings = NossEvaluatorSettings()
    hop = settings.hop_samples
    windows = np.concatenate(
        [cut_windows(to_float(clip.audio), front_end.window_samples, hop) for clip in clips]
    )
    patches = np.concatenate([log_mel(share) for share in np.array_split(windows, 10)])

    ratios = {}
    core = convert(student)
    for kind in ("wave", "core"):
        content = join(front_end_file(front_end, "matmul"), core) if kind == "wave" else core
        models = [LiteRtModel(content) for _ in range(WORKERS)]
        networks = tuple(
            lambda inputs, model=model: np.concatenate([model.run(one[None])[0] for one in inputs])
            for model in models
        )
        inputs = windows if kind == "wave" else patches

        start = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(_bare, models, np.array_split(inputs, WORKERS)))
        bare = time.perf_counter() - start

        subject = EvaluationSubject(
            "x", "student", kind, "", "waveform" if kind == "wave" else "log_mel", networks
        )
        start = time.perf_counter()
        batches = ClipStream(clips).batches(front_end.window_samples, hop, settings.batch_windows)
        embed(batches, [subject], log_mel, WORKERS)
        ratios[kind] = bare / (time.perf_counter() - start)
        _LOG.info("%s: bare %.0f windows a second, evaluator %.0f %%", kind, CLIPS / bare, 100 * ratios[kind])
    return ratios


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
    embedded = Embeddings(logmel_subject(WORKERS), parts=[matrix])
    start = time.perf_counter()
    evaluate_tasks(gather_tasks(entries, []), embedded, NossEvaluatorSettings(workers=WORKERS), seed=1)
    seconds = time.perf_counter() - start
    _LOG.info("probes of seven tasks, %d dimensions: %.1f s", dim, seconds)
    return seconds


def _bare(model: LiteRtModel, inputs: np.ndarray) -> None:
    for one in inputs:
        model.run(one[None])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    embedding_against_bare_litert()
    for dim in (128, 1024, 2048):
        seconds_of_probes(dim)
