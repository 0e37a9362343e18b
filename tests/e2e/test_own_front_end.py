"""A student with a front end of its own, from its training to what is served."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.modeling.stream_model import open_variant
from components.common.package.serving import SCRIPT
from components.frontier_pusher.card import write_card
from components.latency_benchmark import models_under_test as timed
from components.noss_evaluator.embedding import embed
from components.noss_evaluator.features import ClipFeatures
from components.noss_evaluator.models_under_test import students_under_test
from components.student_trainer.settings import TrainingSettings
from components.tflite_converter.executor import convert_student
from components.tflite_converter.settings import ConverterSettings
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec
from schemas.tflite_reports import TfliteReport
from tests.components.frontier_pusher.card.descriptions import code_blocks, make_description
from tests.components.noss_evaluator.helpers import make_clip, tone
from tests.components.student_trainer.conftest import write_distillation_set
from tests.components.student_trainer.test_student_trainer import execute
from tests.students import mobilenet

pytestmark = pytest.mark.slow

OWN = mobilenet(
    "tiny", 0.25, embedding_width=32, statistics_skip=True, front_end={"mels": 40, "hop_samples": 320}
)
# (15,600 - 400) / 320 = 47.5.
HEARS = FrontEndSpec(mels=40, hop_samples=320, frames=48)
ONCE = TrainingSettings(epochs=1, batch_size=32, batch_norm_momentum=0.8)
# A chunk of 0.24 s is 12 of its frames.
KINDS = {"wave-float32": (1, 15_440), "core-float32": (1, 48, 40), "stream-float32": (1, 3_840)}


@dataclass(frozen=True)
class Made:
    """Folder, scratch and model of a training, and what was converted."""

    scratch: Path
    model: Path
    variants: Path
    report: TfliteReport


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("own")
    windows = write_distillation_set(folder / "windows", train=64, held_out=16)
    compressed = OWN.model_copy(update={"svd_rank": 4, "warm_start": OWN.candidate_id})
    (folder / "variants").mkdir()
    model = execute(folder, windows, OWN, ONCE)
    for other in (compressed, OWN.model_copy(update={"front_end": None})):
        start = model if other.warm_start else ""
        execute(folder, windows, other, ONCE.model_copy(update={"epochs": 3 if start else 1}), start)
    settings = ConverterSettings(variants=tuple(KINDS), golden_windows=3)
    report = convert_student(model, windows, str(folder / "variants"), settings)
    return Made(folder / "scratch", Path(model), folder / "variants", report)


def test_log_mels_are_computed_once_for_those_who_share_a_front_end(made: Made) -> None:
    stored = [np.load(path, mmap_mode="r").shape for path in made.scratch.glob("windows-*/train/log_mel.npy")]
    # Three students, two front ends.
    assert sorted(stored) == [(64, 48, 40), (64, 96, 64)]
    info = StudentInfo.load(made.model)
    assert (info.front_end, info.candidate_id) == (HEARS, "tiny-w0.25-gap-e32-m40-h20-stat")


def test_files_take_its_windows_and_answer_the_golden_vectors(made: Made) -> None:
    assert made.report.front_end == HEARS
    for variant in made.report.accepted:
        model = open_variant(made.variants / variant.file, variant.input)
        assert tuple(model.inputs[0].shape) == KINDS[variant.name]
        golden = np.load(made.variants / variant.golden)
        answers = model.run_each(golden["input"])
        np.testing.assert_allclose(answers, golden["embedding"], rtol=1e-5, atol=1e-6)
    assert [variant.name for variant in made.report.accepted] == list(KINDS)


def test_an_invocation_is_timed_on_what_it_takes(made: Made, tmp_path: Path) -> None:
    found = timed.find([str(made.variants)], tmp_path, seed=1)
    assert not found.failures
    # 48 frames of 20 ms stand for as much sound as 96 of 10 ms: 0.96 s.
    assert [one.sound_seconds for one in found.models] == [0.96, 0.96, 0.24]
    assert [np.load(one.input_path).shape for one in found.models] == list(KINDS.values())


@pytest.mark.parametrize("name", KINDS)
def test_benchmark_service_and_card_embed_alike(
    made: Made, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = next(one for one in made.report.accepted if one.name == name)
    description = make_description(
        variant.input, spec=OWN, front_end=HEARS, window_samples=HEARS.window_samples, hop_samples=15_360,
        inputs=variant.inputs, outputs=variant.outputs,
    )  # fmt: skip
    description.save(str(tmp_path))
    (tmp_path / "model.tflite").write_bytes((made.variants / variant.file).read_bytes())
    clips = [
        make_clip("x", "test", i, tone(500.0 * (i + 1), i, s), "a") for i, s in enumerate((0.5, 1.7, 3.0))
    ]
    judged = [one for one in students_under_test(str(made.variants), made.report, 1) if one.variant == name]
    features = ClipFeatures(lambda: clips, made.report.front_end, 15_360, batch_windows=4)
    (embedded,) = embed(features, judged, workers=1)
    served = _embedder(tmp_path).predict(None, [clip.audio for clip in clips])
    np.testing.assert_allclose(served, embedded.matrix, atol=1e-3 * np.abs(embedded.matrix).max())

    (code,) = code_blocks(write_card(description), "python")
    if variant.input == "stream":
        return  # its code is run in tests/components/frontier_pusher/card/test_stream_example.py
    monkeypatch.chdir(tmp_path)
    on_card: dict[str, Any] = {}
    exec(compile(code, "card", "exec"), on_card)
    assert (on_card["WINDOW"], on_card["HOP"]) == (15_440, 15_360)
    if variant.input == "core":
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 15_440)).astype(np.float32)
        assert on_card["log_mel"](noise).shape == (2, 48, 40)


def _embedder(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("embedder", SCRIPT)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.Embedder()
    made.load(str(folder / "model.tflite"), str(folder / "model.json"))
    return made
