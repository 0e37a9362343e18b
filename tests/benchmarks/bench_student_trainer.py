"""Speed of StudentTrainer against the same model on data that already sits in memory.

Both run in this process, a few steps each in turn, so that drift of the machine cancels; with ``--augment``
the sound of both is changed in the graph, and a third, in memory and unchanged, shows what that costs:

    python -m tests.benchmarks.bench_student_trainer --augment
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from components.common.modeling.student import build_student
from components.student_trainer.distiller import Distiller
from components.student_trainer.precision import bfloat16_student
from components.student_trainer.settings import BatchAugmentation, TrainingSettings
from components.student_trainer.window_store import WindowStore, open_store
from schemas.distillation_reports import DistillationSetInfo
from schemas.students import FrontEndSpec
from tests.components.student_trainer.conftest import write_distillation_set
from tests.students import mobilenet

STEPS = 8
EVERYTHING = BatchAugmentation.model_validate(
    {
        "spec_time": {"count": 2, "width": 16},
        "spec_frequency": {"count": 2},
    }
)


def main() -> None:
    """Prints steps per second of both and the ratio, median and range over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", default="small")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--augment", action="store_true", help="change the sound in every way there is")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        windows = write_distillation_set(Path(folder) / "windows", train=2048)
        front_end = FrontEndSpec()
        store = open_store(windows, "train", front_end, Path(folder))
        info = DistillationSetInfo.load(windows)
        spec = mobilenet(options.size, options.width)
        augment = EVERYTHING if options.augment else BatchAugmentation()
        build = bfloat16_student if options.precision == "bfloat16" else build_student
        settings = TrainingSettings(auxiliary_log_mel=0, augment=augment)
        distiller = Distiller(build(spec, front_end, 0.95), info, None, settings)
        plain = Distiller(build_student(spec, front_end), info, None, TrainingSettings(auxiliary_log_mel=0))
        rounds = [
            _round(distiller, plain, store, options.batch, index) for index in range(options.rounds + 1)
        ]
    rates = np.array(rounds[1:])
    print(f"{spec.candidate_id}, batch {options.batch}, {len(rates)} rounds of {STEPS} steps each:")
    for name, column in zip(("StudentTrainer", "in memory", "plain in memory"), rates.T, strict=True):
        print(f"  {name:16s}{np.median(column) * options.batch:7.0f} windows/s (median)")
    for name, column in (("in memory", 1), ("plain", 2)):
        ratios = rates[:, 0] / rates[:, column]
        print(f"  ratio to {name:10s}{np.median(ratios):.3f}, {ratios.min():.3f} to {ratios.max():.3f}")


def _round(
    distiller: Distiller, plain: Distiller, store: WindowStore, size: int, seed: int
) -> tuple[float, float, float]:
    """Steps per second from the store, from one batch in memory, and of the plain training on that batch."""
    order = np.random.default_rng(seed).permutation(len(store))[: STEPS * size]
    began = time.perf_counter()
    for number, (log_mel, target) in enumerate(store.batches(order, size)):
        loss = distiller.step(log_mel, target, 1e-4, number)
    float(loss)
    stored = time.perf_counter()
    for number in range(STEPS):
        loss = distiller.step(log_mel, target, 1e-4, number)
    float(loss)
    repeated = time.perf_counter()
    for number in range(STEPS):
        loss = plain.step(log_mel, target, 1e-4, number)
    float(loss)
    ended = time.perf_counter()
    return STEPS / (stored - began), STEPS / (repeated - stored), STEPS / (ended - repeated)


if __name__ == "__main__":
    main()
