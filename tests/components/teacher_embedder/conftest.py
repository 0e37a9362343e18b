"""Clips, a teacher and one call of the executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.common.store.shards import iterate_examples, list_shards, shard_path, write_shard
from components.teacher_embedder.executor import Executor
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet, IngestReport
from schemas.records import Clip, DistillationWindow

WINDOW = 800
# TFX packs itself for remote workers, which takes seconds, unless an image for them is named.
BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=unused"]
Clips = Mapping[str, Sequence[Clip]]
Run = Callable[..., str]


def noise_clip(name: str, samples: int, seed: int) -> Clip:
    """Noise that grows louder, so that every window is another."""
    rng = np.random.default_rng(seed)
    audio = rng.normal(0, 1, samples) * np.linspace(500, 6000, samples)
    return Clip(name, audio.astype(np.int16), ("/m/09x0r",), 16_000)


def corpus() -> dict[str, list[Clip]]:
    """Seven clips of training, three of evaluation, of 0.5 to 4.5 windows."""
    lengths = [400, 800, 1600, 2000, 2500, 3000, 3600]
    train = [noise_clip(f"train{n}", samples, n) for n, samples in enumerate(lengths)]
    held_out = [noise_clip(f"eval{n}", 1600, 100 + n) for n in range(3)]
    return {"train": train, "eval": held_out}


@pytest.fixture(scope="session")
def levels(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SavedModel that gives the mean, the power and a constant; of loud clips, not a number."""
    import tensorflow as tf

    class Levels(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
        def __call__(self, waveform: Any) -> Any:
            power = tf.reduce_mean(waveform**2, axis=1)
            power = tf.where(power > 0.9, tf.math.log(-power), power)
            return {"embedding": tf.stack([tf.reduce_mean(waveform, 1), power, 0.0 * power + 3.0], axis=1)}

    folder = tmp_path_factory.mktemp("levels")
    tf.saved_model.save(Levels(), str(folder))
    return str(folder)


@pytest.fixture
def run(tmp_path: Path, levels: str) -> Run:
    """Writes clips in ``shards`` shards, embeds them, gives back the folder of the windows."""
    calls: list[int] = []

    def call(
        clips: Clips,
        shards: int = 2,
        seed: int = 1,
        synthetic: bool | None = None,
        scratch: Path | str = "",
        code_digest: str = "",
        noss: str = "",
        **options: Any,
    ) -> str:
        calls.append(1)
        folder = tmp_path / str(len(calls))
        for split, members in clips.items():
            for index in range(shards):
                records = (clip.to_example() for clip in members[index::shards])
                write_shard(shard_path(str(folder / "clips"), split, index, shards), records)
        settings = TeacherEmbedderSettings.model_validate(
            {
                "teacher": {"kind": "savedmodel", "path": levels, "name": "levels"},
                "window_samples": WINDOW,
                "hop_samples": WINDOW,
                **options,
            }
        )
        inputs, windows = standard_artifacts.Examples(), DistillationSet()
        inputs.uri, windows.uri = str(folder / "clips"), str(folder / "windows")
        input_dict: dict[str, list[Any]] = {"examples": [inputs]}
        if synthetic is not None:
            from schemas.ingest_reports import IngestReport as Report

            report = IngestReport()
            report.uri = str(folder / "report")
            Report(source="test", synthetic=synthetic, splits={}).save(report.uri)
            input_dict["report"] = [report]
        if noss:
            tasks = standard_artifacts.Examples()
            tasks.uri = noss
            input_dict["noss"] = [tasks]
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path), unique_id=str(len(calls))
        )
        Executor(context).Do(
            input_dict,
            {"windows": [windows]},
            {
                "settings": settings.to_parameter(),
                "seed": seed,
                "scratch_dir": str(scratch),
                "min_test_speakers": 6,
                "code_digest": code_digest,
            },
        )
        return str(windows.uri)

    return call


def read_windows(uri: str, split: str) -> list[DistillationWindow]:
    """All windows of a split."""
    return [DistillationWindow.from_example(e) for e in iterate_examples(list_shards(uri, split))]
