"""StudentTrainer on a small set: what it ships, that it is the same twice, that it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.types import channel_utils

from components.modeling.student import load_student
from components.student_trainer import executor
from components.student_trainer.checkpoint import Checkpoints
from components.student_trainer.component import StudentTrainer
from components.student_trainer.executor import Executor
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.training import Training
from components.student_trainer.window_store import open_store
from schemas.artifacts import DistillationSet, StudentModel
from schemas.reports import DistillationSetInfo, EpochMetrics, StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from tests.students import mobilenet

COMPRESSED = mobilenet("tiny", 0.25, embedding_width=32, svd_rank=8, qat="bottleneck", statistics_skip=True)
PLAIN = mobilenet("tiny", 0.25, embedding_width=32)
SETTINGS = TrainingSettings(epochs=4, batch_size=32, batch_norm_momentum=0.8)


class Killed(Exception):
    """Stands for the end of the process."""


def _training(windows: str, folder: Path, **changes: Any) -> Training:
    front_end = FrontEndSpec()
    training = Training(
        spec=PLAIN,
        front_end=front_end,
        settings=SETTINGS,
        target_info=DistillationSetInfo.load(windows),
        train=open_store(windows, "train", front_end, folder),
        held_out=open_store(windows, "eval", front_end, folder),
        seed=5,
        checkpoints=Checkpoints(folder / "checkpoints"),
    )
    return replace(training, **changes)


def _kill_after(epoch: int) -> Callable[[EpochMetrics], None]:
    def hook(metrics: EpochMetrics) -> None:
        if metrics.epoch == epoch:
            raise Killed

    return hook


def test_construct(distillation_set: str) -> None:
    windows = DistillationSet()
    windows.uri = distillation_set
    node = StudentTrainer(
        windows=channel_utils.as_channel([windows]),
        spec=PLAIN,
        settings=SETTINGS,
        front_end=FrontEndSpec(),
        seed=1,
        scratch_dir="scratch",
    )
    assert node.outputs["model"].type is StudentModel
    assert StudentSpec.from_parameter(node.exec_properties["spec"]) == PLAIN


def test_construct_with_too_few_epochs_fails(distillation_set: str) -> None:
    with pytest.raises(ValueError, match=r"training.epochs is 2, but its phases"):
        StudentTrainer(
            windows=channel_utils.as_channel([DistillationSet()]),
            spec=COMPRESSED,
            settings=TrainingSettings(epochs=2),
            front_end=FrontEndSpec(),
            seed=1,
            scratch_dir="scratch",
        )


@pytest.mark.slow
def test_what_ships_was_trained_in_the_form_in_which_it_ships(distillation_set: str, tmp_path: Path) -> None:
    windows, model = DistillationSet(), StudentModel()
    windows.uri, model.uri = distillation_set, str(tmp_path / "model")
    Executor().Do(
        {executor.WINDOWS_KEY: [windows]},
        {executor.MODEL_KEY: [model]},
        {
            executor.SPEC_KEY: COMPRESSED.to_parameter(),
            executor.SETTINGS_KEY: SETTINGS.to_parameter(),
            executor.FRONT_END_KEY: FrontEndSpec().to_parameter(),
            executor.SEED_KEY: 5,
            executor.SCRATCH_KEY: str(tmp_path / "scratch"),
            executor.CODE_DIGEST_KEY: "",
        },
    )
    info = StudentInfo.load(model.uri)
    assert [epoch.phase for epoch in info.epochs] == ["float", "annealed", "factored", "qat"]
    assert [epoch.svd_alpha for epoch in info.epochs] == [1.0, 0.0, 0.0, 0.0]
    assert info.best_epoch == 4
    student = load_student(model.uri)
    weights = {weight.name: weight.numpy() for weight in student.bottleneck.weights}
    # The rank that was trained is the rank that ships, and the quantisers know their ranges.
    assert weights["reduce_dense/kernel:0"].shape[1] == 8
    assert weights["embedding_dense/kernel:0"].shape == (8, 32)
    assert weights["quant_embedding_dense/post_activation_max:0"] not in (0.0, 6.0)
    log_mel = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path / "scratch").log_mel
    assert np.isfinite(student.core(log_mel[:4].astype(np.float32)).numpy()).all()
    assert not list((tmp_path / "scratch" / "checkpoints").iterdir())


@pytest.mark.slow
def test_an_interrupted_training_ends_in_the_same_weights(distillation_set: str, tmp_path: Path) -> None:
    spec = PLAIN.model_copy(update={"svd_rank": 8})
    straight, info = _training(distillation_set, tmp_path / "straight", spec=spec).run()
    for epoch in (1, 2, 3):
        killed = _training(distillation_set, tmp_path / "killed", spec=spec, after_epoch=_kill_after(epoch))
        with pytest.raises(Killed):
            killed.run()
    resumed, resumed_info = _training(distillation_set, tmp_path / "killed", spec=spec).run()
    assert [epoch.loss for epoch in resumed_info.epochs] == [epoch.loss for epoch in info.epochs]
    for expected, weight in zip(straight.core.get_weights(), resumed.core.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.slow
def test_a_student_learns_and_works_in_inference_mode(distillation_set: str, tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=25, batch_size=16, batch_norm_momentum=0.8, learning_rate=3e-3)
    _, info = _training(distillation_set, tmp_path, settings=settings).run()
    assert info.target_variance_explained > 0.5
    assert info.epochs[-1].validation_loss < info.epochs[-1].loss * 3


def test_a_loss_that_is_not_finite_names_the_candidate(distillation_set: str, tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=1, batch_size=32, learning_rate=1e30, clip_norm=0, warmup=0)
    with pytest.raises(FloatingPointError, match=r"tiny-w0.25-gap-e32: the loss is .* in epoch 1"):
        _training(distillation_set, tmp_path, settings=settings).run()


def test_windows_of_another_length_are_refused(distillation_set: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"windows have 15600 samples, but a patch .* needs 15440"):
        open_store(distillation_set, "train", FrontEndSpec(frames=95), tmp_path)


def test_log_mels_are_computed_once(distillation_set: str, tmp_path: Path) -> None:
    first = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    second = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path)
    np.testing.assert_array_equal(first.log_mel, second.log_mel)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == files
    assert first.log_mel.shape == (48, 96, 64)
    np.testing.assert_allclose(np.array(first.target[:, 5], np.float32), 0.0, atol=1e-3)  # constant target
