"""Small students with random weights, saved as their trainer would save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from components.common.modeling.frontend import LogMel
from components.common.modeling.student import Student, build_deployed, load_student, save_weights
from components.common.store.publishing import make_once
from components.common.store.shards import shard_path, write_shard
from components.tflite_converter.executor import convert_student
from components.tflite_converter.settings import ConverterSettings, ParityFloor, VariantName
from schemas.records import DistillationWindow
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tflite_reports import TfliteReport
from tests.students import mobilenet

FRONT_END = FrontEndSpec()
WINDOWS = 10


def made_up_waveforms(count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Noise bursts and chirps ``(count, window_samples)`` that differ much in level and pitch."""
    random, time = np.random.default_rng(seed), np.arange(FRONT_END.window_samples) / FRONT_END.sample_rate
    waves = []
    for _ in range(count):
        noise = random.standard_normal(len(time)) * 10 ** random.uniform(-3, -1)
        tone = np.sin(2 * np.pi * random.uniform(100, 3000) * time * (1 + time)) * random.uniform(0, 0.3)
        waves.append(noise + tone * (np.sin(2 * np.pi * random.uniform(1, 6) * time) > 0))
    return np.clip(waves, -1, 1).astype(np.float32)


def write_windows(folder: Path, count: int = WINDOWS, samples: int = FRONT_END.window_samples) -> str:
    """Writes a train and an eval split."""
    for seed, split in enumerate(("eval", "train")):
        waves = made_up_waveforms(count, seed)[:, :samples]
        write_shard(
            shard_path(str(folder), split, 0, 1),
            [
                DistillationWindow(
                    clip_id=f"clip_{index}",
                    offset=0,
                    audio=(wave * 32767).astype(np.int16),
                    target=np.zeros(4, np.float16),
                ).to_example()
                for index, wave in enumerate(waves)
            ],
        )
    return str(folder)


def make_student(spec: StudentSpec) -> Student:
    """A student whose random weights give embeddings that differ from window to window."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(7)
    student = build_deployed(spec, FRONT_END, spec.svd_rank)
    head = next(one for one in student.core.trainable_weights if one.name.endswith("conv_2/kernel:0"))
    head.assign(head * 20)
    patches = LogMel(FRONT_END)(made_up_waveforms(8, seed=1))
    settle = tf.function(lambda: student.core(patches, training=True))
    for _ in range(80):  # lets the moving averages and the quantisers' ranges arrive
        settle()
    return student


def save_student(student: Student, folder: Path) -> str:
    """Writes ``student.json`` and the weights."""
    folder.mkdir(parents=True)
    save_weights(student, str(folder))
    StudentInfo(
        candidate_id=student.spec.candidate_id,
        spec=student.spec,
        front_end=student.front_end,
        parameters=student.parameters,
        target_dim=4,
        target_variance_explained=0.0,
        rank=student.spec.svd_rank,
        seed=0,
        best_epoch=1,
        epochs=[],
        steps=1,
        windows_per_second=1.0,
    ).save(str(folder))
    return str(folder)


class Converted:
    """A student, where it lies, and what the converter made of it.

    Attributes:
      student: With random weights.
      model_uri: Its folder.
      windows_uri: What it was calibrated and compared on.
      folder: Of the variants.
      settings: Of the conversion.
      report: Of the conversion.
    """

    def __init__(self, root: Path, spec: StudentSpec, **settings: Any) -> None:
        """Makes what is not there: another process of the session may have done it."""
        # Random weights: what varies in their embeddings is small, and int8 drowns it.
        loose = ParityFloor(cosine_mean=0.9, cosine_min=0.8, centred_cosine=-1)
        self.settings = ConverterSettings(
            **{
                "variants": get_args(VariantName),
                "float16_floor": loose,
                "dynamic_floor": loose,
                "int8_floor": loose,
                "golden_windows": 3,
                **settings,
            }
        )

        def make(folder: Path) -> None:
            model = save_student(make_student(spec), folder / "model")
            windows, variants = write_windows(folder / "windows"), str(folder / "variants")
            report = convert_student(model, windows, variants, self.settings)
            assert TfliteReport.load(variants) == report

        make_once(root, make)
        self.model_uri, self.windows_uri = str(root / "model"), str(root / "windows")
        self.folder = root / "variants"
        self.student = load_student(self.model_uri)
        self.report = TfliteReport.load(str(self.folder))

    def content(self, name: str) -> bytes:
        """The file of a variant."""
        return (self.folder / self.variant(name).file).read_bytes()

    def variant(self, name: str) -> Any:
        """The report's entry of a variant."""
        return next(variant for variant in self.report.variants if variant.name == name)


@pytest.fixture(scope="session")
def plain(plain_student: Converted) -> Converted:
    """A float student."""
    return plain_student


@pytest.fixture(scope="session")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """A student with a compressed bottleneck that was trained for int8."""
    spec = mobilenet("tiny", 0.5, embedding_width=64, svd_rank=16, qat="bottleneck")
    return Converted(tmp_path_factory.mktemp("quantised") / "converted", spec)


@pytest.fixture(scope="session")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """A student that also gives an embedding a moment."""
    spec = mobilenet("tiny", 0.5, embedding_width=64, statistics_skip=True)
    return Converted(tmp_path_factory.mktemp("framed") / "converted", spec, frame_output="required")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """A student whose whole network was trained for int8, and which has no moments to give."""
    spec = mobilenet("tiny", 0.5, embedding_width=64, qat="network")
    return Converted(tmp_path_factory.mktemp("whole") / "converted", spec, frame_output="where possible")
