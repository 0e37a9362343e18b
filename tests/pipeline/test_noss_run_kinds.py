"""``noss run`` with every kind of model that may be named, each a real, tiny one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pipeline_runner
from components.common.frontier.settings import GateDemands
from components.common.package import folders
from components.frontier_gate.executor import Executor as Gate
from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.executor import push
from components.frontier_pusher.inputs import read_inputs
from pipeline.noss.models import find_model
from pipeline.noss.run import run_benchmark
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossReport
from schemas.students import FrontEndSpec
from tests.components.common.modeling.teachers.checkpoints import BASE, save_checkpoint
from tests.components.common.modeling.teachers.test_onnx import save_encoder
from tests.components.noss_evaluator.networks import mean_tflite
from tests.components.tflite_converter.conftest import Converted
from tests.made_up_runs import Made, make_run, write_run
from tests.pipeline.made_up_tasks import CLIPS, QUICK, make_task, request, times_of_files, written_since
from tests.students import mobilenet

_CHAIN = """\
kind: concat
name: both
teachers:
  - {kind: onnx, path: encoder.onnx, scale: 2.0}
  - {kind: tflite, stages: [{file: levels.tflite}]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks; the second has the name that NumPy gives to what it writes to."""
    folder = tmp_path_factory.mktemp("noss")
    make_task(folder / "far", (400.0, 2000.0), seed=0)
    make_task(folder / "file", (300.0, 3000.0), seed=1000)
    return folder


@pytest.fixture(scope="module")
def long_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task whose clips are 3,600 samples longer than a window."""
    folder = tmp_path_factory.mktemp("long")
    make_task(folder / "far", (400.0, 2000.0), seed=0, seconds=1.2)
    return folder


def save_levels(folder: Path) -> dict[str, Path]:
    """A SavedModel of two dimensions, and a TFLite file of five that hears 4,000 samples."""
    import tensorflow as tf

    class Levels(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
        def __call__(self, waveforms: Any) -> Any:
            steps = tf.abs(waveforms[:, 1:] - waveforms[:, :-1])
            loudness = tf.reduce_mean(tf.abs(waveforms), axis=1)
            return {"embedding": tf.stack([loudness, tf.reduce_mean(steps, axis=1)], axis=1)}

        @tf.function(input_signature=[tf.TensorSpec((1, 4000), tf.float32)])
        def parts(self, waveform: Any) -> Any:
            steps = tf.abs(waveform[:, 1:3996] - waveform[:, :3995])
            return tf.reduce_mean(tf.reshape(steps, (1, 5, 799)), axis=2)

    levels = Levels()
    tf.saved_model.save(levels, str(folder / "levels"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [levels.parts.get_concrete_function()], levels
    )
    (folder / "levels.tflite").write_bytes(converter.convert())
    return {"saved_model": folder / "levels", "tflite": folder / "levels.tflite"}


@pytest.mark.slow
def test_every_kind_of_model_is_measured(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # room for names
    levels = save_levels(tmp_path)
    levels["saved_model"].rename(tmp_path / "loudness")
    page = tmp_path / "chain.yaml"
    page.write_text(_CHAIN)
    dims = {
        str(save_encoder(tmp_path / "encoder.onnx")): ("encoder", 3),
        str(tmp_path / "loudness"): ("loudness", 2),
        str(save_checkpoint(tmp_path / "tiny-wav2vec2")): ("tiny-wav2vec2", BASE["hidden_size"]),
        str(levels["tflite"]): ("levels", 5),
        str(page): ("both", 8),
    }
    output = tmp_path / "out"
    arguments = ["noss", "run", "--root", str(root), "--output", str(output)]
    arguments += [argument for model in dims for argument in ("--model", model)]
    arguments += [argument for setting in QUICK for argument in ("--set", setting)]
    assert pipeline_runner.main(arguments) == 0
    printed = capsys.readouterr().out
    table = (output / "comparison" / "table.md").read_text()
    for name, dim in dims.values():
        (result,) = NossReport.load(output / "models" / name).results
        assert (result.model, result.kind, result.embedding_dim) == (name, "reference", dim)
        assert [task.task for task in result.tasks] == ["far", "file"]
        figures = [result.mean_low, result.mean, result.mean_high, *(task.value for task in result.tasks)]
        assert np.isfinite(figures).all() and result.mean > 0.6
        assert len(result.sha256) == 64
        assert name in printed and f"| {name} " in table

    # The files are the same, but they are asked otherwise.
    before = times_of_files(output)
    page.write_text(_CHAIN.replace("scale: 2.0", "scale: 3.0"))
    run_benchmark(request(root, output, str(page), str(levels["tflite"])))
    assert {part for part in written_since(output, before) if part.startswith("models")} == {"models/both"}


@pytest.mark.slow
def test_a_teacher_is_what_the_others_are_compared_with(root: Path, tmp_path: Path) -> None:
    wave, core = tmp_path / "wave.tflite", tmp_path / "core.tflite"
    wave.write_bytes(mean_tflite("wave"))
    core.write_bytes(mean_tflite("core"))
    levels, output = save_levels(tmp_path)["tflite"], tmp_path / "out"

    def run(teacher: str) -> NossComparison:
        return run_benchmark(request(root, output, str(core), str(levels), teacher=teacher))

    comparison = run(str(wave))
    rows = {result.model: result for result in comparison.models}
    assert {name: row.kind for name, row in rows.items()} == {
        "teacher": "teacher", "core": "reference", "levels": "reference",
    }  # fmt: skip
    # The core is the teacher behind the same front end; five levels are much less.
    same, less = rows["core"].fidelity, rows["levels"].fidelity
    assert same is not None and less is not None
    assert same.cosine == pytest.approx(1.0, abs=1e-3) and same.neighbour_overlap > 0.99
    assert less.cosine < same.cosine and less.neighbour_overlap < 0.9
    paired = {one.model: one for one in comparison.against_teacher}
    assert {one.against for one in paired.values()} == {"teacher"}
    for name in ("core", "levels"):
        assert paired[name].difference == pytest.approx(rows[name].mean - rows["teacher"].mean)
        assert paired[name].low <= paired[name].difference <= paired[name].high

    before = times_of_files(output)
    run(str(wave))
    assert written_since(output, before) == {"comparison/comparison.json"}
    other = run("logmel")
    parts = {"models/teacher", "models/core", "models/levels", "comparison/comparison.json"}
    assert written_since(output, before) == parts
    assert next(row for row in other.models if row.kind == "teacher").embedding_dim == 128
    alone = run("")
    assert not alone.against_teacher and all(row.fidelity is None for row in alone.models)


@pytest.mark.slow
def test_a_threshold_against_the_teacher_is_judged(root: Path, tmp_path: Path) -> None:
    wave = tmp_path / "wave.tflite"
    wave.write_bytes(mean_tflite("wave"))
    thresholds = (
        "evaluation.tfma.results=all", "evaluation.tfma.confidence=off", "evaluation.tfma.max_loss=0.1",
    )  # fmt: skip
    asked = request(
        root, tmp_path / "out", "random", teacher=str(wave), tasks=("file",), overrides=thresholds
    )
    judged = {one.model: one.tfma for one in run_benchmark(asked).slices}
    (reason,) = judged["random"].reasons
    assert "below the teacher's, allowed are 0.1" in reason and not judged["random"].validated
    assert {figure.teacher for figure in judged["random"].slices} == {1.0}
    assert not judged["teacher"].thresholds


@pytest.fixture(scope="module")
def pushed(plain_student: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a student that was converted, judged and pushed."""
    folder = tmp_path_factory.mktemp("pushed")
    spec = mobilenet("tiny", 0.5, embedding_width=64)
    content = plain_student.content("core-float32")
    run = make_run({spec: [Made(0.75, 4.0, "core-float32", content=content)]})
    variants = [plain_student.variant("core-float32")]
    run.converted[:] = [plain_student.report.model_copy(update={"variants": variants})]
    inputs = write_run(run, folder / "in")
    verdict_folder = folder / "in" / "verdict"
    Gate().Do(
        inputs,
        {"verdict": [SimpleNamespace(uri=str(verdict_folder))]},
        {
            "settings": GateDemands().to_parameter(),
            "run_name": "made up",
            "tracking_uri": "",
            "registered_model": "",
            "without_registry": 0,
        },
    )
    inputs["verdict"] = [SimpleNamespace(uri=str(verdict_folder), id=1, type_name="")]
    judged = read_inputs(FrontierPusher.task(inputs, {}, {}))
    (description,) = judged.descriptions("made up", "key")
    (version,) = push(judged, [description], folder / "destination")
    return version


@pytest.mark.slow
def test_a_pushed_student_brings_its_front_end_and_hop(pushed: Path, long_root: Path, tmp_path: Path) -> None:
    other = ("front_end.mels=40", "evaluation.hop_samples=4000")
    by_folder, by_file = (
        find_model(str(path), FrontEndSpec(mels=40), 4000) for path in (pushed, pushed / folders.MODEL_FILE)
    )
    spec = mobilenet("tiny", 0.5, embedding_width=64)
    for model in (by_folder, by_file):
        assert model.name == f"{spec.candidate_id}-core-float32"
        assert (model.front_end, model.hop_samples) == (FrontEndSpec(), 15_360)
    comparison = run_benchmark(
        request(long_root, tmp_path / "out", str(pushed), "logmel", overrides=other, tasks=("far",))
    )
    baseline, student = comparison.models
    assert (student.model, student.variant, student.kind) == (spec.candidate_id, "core-float32", "student")
    assert (student.embedding_dim, baseline.embedding_dim) == (64, 80)
    assert student.sha256 == folders.sha256_of(pushed / folders.MODEL_FILE)
    # A hop of 15,360 leaves the 3,600 samples behind the first window out, one of 4,000 does not.
    assert (student.windows, baseline.windows) == (CLIPS, 2 * CLIPS)
    assert np.isfinite([student.mean_low, student.mean, student.mean_high]).all()


def test_a_repository_that_cannot_be_had_is_refused_before_anything_is_done(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    output = tmp_path / "out"
    for option in ("--model", "--teacher"):
        arguments = ["noss", "run", "--root", str(root), "--output", str(output), "--model", "logmel"]
        assert pipeline_runner.main([*arguments, option, "hf:someone/tiny"]) == 2
        refusal = capsys.readouterr().err
        assert refusal.startswith(f"refused: {option} hf:someone/tiny: cannot download someone/tiny at main")
        assert (
            "get it by `hf download someone/tiny --revision main --include '*.json' "
            "--include 'model*.safetensors'`"
        ) in refusal
    assert not output.exists()
