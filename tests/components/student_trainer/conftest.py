"""A small distillation set whose targets a small student can learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from components.student_trainer.executor import Executor
from components.student_trainer.settings import TrainingSettings
from schemas.artifacts import DistillationSet, StudentModel
from schemas.distillation_reports import DistillationSetInfo
from schemas.records import DistillationWindow
from schemas.students import FrontEndSpec, StudentSpec
from tests.students import mobilenet

TARGET_BLOCKS = [6, 2]
PLAIN = mobilenet("tiny", 0.25, embedding_width=32)
SETTINGS = TrainingSettings(epochs=4, batch_size=32, batch_norm_momentum=0.8)


def write_distillation_set(
    folder: Path,
    train: int = 192,
    held_out: int = 48,
    front_end: FrontEndSpec | None = None,
    seed: int = 7,
) -> str:
    """Tones in noise; the targets are functions of pitch and level, 6 and 2 dimensions."""
    rng = np.random.default_rng(seed)
    samples = (front_end or FrontEndSpec()).window_samples
    time = np.arange(samples) / 16_000
    targets = {}
    for split, count in (("train", train), ("eval", held_out)):
        windows = []
        for index in range(count):
            pitch, level = rng.uniform(200, 4000), rng.uniform(0.05, 0.8)
            wave = level * np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.01, samples)
            audio = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
            octave = np.log2(pitch / 1000)
            target = [octave, octave**2, np.sin(octave), np.cos(octave), np.sin(2 * octave), 3.0]
            target += [np.log(level), level]
            windows.append(DistillationWindow(f"{split}{index}", 0, audio, np.array(target, np.float16)))
        targets[split] = np.stack([window.target for window in windows]).astype(np.float32)
        write_shard(shard_path(str(folder), split, 0, 1), (window.to_example() for window in windows))
    std = targets["train"].std(axis=0)
    DistillationSetInfo(
        teacher="pitch and level",
        teacher_digest="0" * 64,
        window_samples=samples,
        hop_samples=samples,
        target_dim=8,
        target_blocks=TARGET_BLOCKS,
        target_mean=targets["train"].mean(axis=0).tolist(),
        target_std=np.where(std > 0, std, 1.0).tolist(),
        windows={"train": train, "eval": held_out},
        augmented={"train": 0, "eval": 0},
        synthetic=True,
        seconds=0.0,
    ).save(str(folder))
    return str(folder)


@pytest.fixture(scope="session")
def distillation_set(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a ``DistillationSet`` artifact."""
    return write_distillation_set(tmp_path_factory.mktemp("windows"))


def execute(
    folder: Path, windows_uri: str, spec: StudentSpec, settings: TrainingSettings, start: str = ""
) -> str:
    """Runs the executor; gives the folder of the model."""
    windows, model, source = DistillationSet(), StudentModel(), StudentModel()
    windows.uri, model.uri, source.uri = windows_uri, str(folder / spec.candidate_id), start
    Executor().Do(
        {"windows": [windows], **({"start": [source]} if start else {})},
        {"model": [model]},
        {
            "spec": spec.to_parameter(),
            "settings": settings.to_parameter(),
            "front_end": FrontEndSpec().to_parameter(),
            "seed": 5,
            "scratch_dir": str(folder / "scratch"),
            "code_digest": "",
        },
    )
    return str(model.uri)


@pytest.fixture(scope="session")
def learnt(distillation_set: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a float student that was trained until it explains its targets."""
    settings = TrainingSettings(epochs=25, batch_size=16, batch_norm_momentum=0.8, learning_rate=3e-3)
    return execute(tmp_path_factory.mktemp("learnt"), distillation_set, PLAIN, settings)
