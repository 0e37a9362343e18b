"""Speed of StudentTrainer against the same model on data that already sits in memory.

Both run in this process, a few steps each in turn, so that drift of the machine cancels:

    python -m tests.benchmarks.bench_student_trainer
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from components.modeling.student import build_student
from components.student_trainer.distiller import Distiller
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.window_store import WindowStore, open_store
from schemas.reports import DistillationSetInfo
from schemas.students import FrontEndSpec
from tests.components.student_trainer.conftest import write_distillation_set
from tests.students import mobilenet

STEPS = 8


def main() -> None:
    """Prints steps per second of both and the ratio, median and range over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", default="small")
    parser.add_argument("--width", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        windows = write_distillation_set(Path(folder) / "windows", train=2048)
        front_end = FrontEndSpec()
        store = open_store(windows, "train", front_end, Path(folder))
        info = DistillationSetInfo.load(windows)
        spec = mobilenet(options.size, options.width)
        student = build_student(spec, front_end)
        distiller = Distiller(student, info, None, TrainingSettings(auxiliary_log_mel=0))
        rates = [_round(distiller, store, options.batch, index) for index in range(options.rounds + 1)][1:]
    ratios = [trainer / memory for trainer, memory in rates]
    print(f"{spec.candidate_id}, batch {options.batch}, {len(rates)} rounds of {STEPS} steps each:")
    print(
        f"  StudentTrainer  {np.median([rate[0] for rate in rates]) * options.batch:7.0f} windows/s (median)"
    )
    print(
        f"  in memory       {np.median([rate[1] for rate in rates]) * options.batch:7.0f} windows/s (median)"
    )
    print(f"  ratio           {np.median(ratios):.3f} (median), {min(ratios):.3f} to {max(ratios):.3f}")


def _round(distiller: Distiller, store: WindowStore, size: int, seed: int) -> tuple[float, float]:
    """Steps per second from the store and from one batch in memory."""
    order = np.random.default_rng(seed).permutation(len(store))[: STEPS * size]
    began = time.perf_counter()
    for log_mel, target in store.batches(order, size):
        loss = distiller.step(log_mel, target, 1e-4)
    float(loss)
    stored = time.perf_counter()
    for _ in range(STEPS):
        loss = distiller.step(log_mel, target, 1e-4)
    float(loss)
    return STEPS / (stored - began), STEPS / (time.perf_counter() - stored)


if __name__ == "__main__":
    main()
