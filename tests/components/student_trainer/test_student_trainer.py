"""StudentTrainer on a small set: what it ships, that it is the same twice, that it goes on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import channel_utils

from components.common.modeling import bottleneck
from components.common.modeling.checkpoint import Checkpoints
from components.common.modeling.student import Student, build_deployed, load_student, save_weights
from components.student_trainer import executor
from components.student_trainer.component import StudentTrainer
from components.student_trainer.distiller import Distiller
from components.student_trainer.losses import target_weights
from components.student_trainer.phase_transitions import sample_features
from components.student_trainer.settings import BatchAugmentation, LossWeights, TrainingSettings
from components.student_trainer.training import Training
from components.student_trainer.warm_start import save_heads
from components.student_trainer.window_store import open_store
from schemas.artifacts import DistillationSet, StudentModel
from schemas.distillation_reports import DistillationSetInfo
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.training_events import TrainingEvent
from tests.components.student_trainer.conftest import PLAIN, SETTINGS, execute, write_distillation_set
from tests.components.student_trainer.listening import listening
from tests.students import mobilenet

COMPRESSED = mobilenet("tiny", 0.25, embedding_width=32, svd_rank=8, qat="bottleneck", statistics_skip=True)


EVERYTHING = BatchAugmentation.model_validate(
    {
        "spec_time": {"count": 1},
        "spec_frequency": {"count": 1},
    }
)


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


def _kill_after(epoch: int, first: Callable[[TrainingEvent], None]) -> Callable[[TrainingEvent], None]:
    def hear(event: TrainingEvent) -> None:
        first(event)
        if event.epoch and event.epoch.epoch == epoch:
            raise Killed

    return hear


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
    assert "start" not in node.inputs
    assert node.outputs["model"].type is StudentModel
    assert StudentSpec.from_parameter(node.exec_properties["spec"]) == PLAIN


def test_a_start_must_be_asked_for_and_given(distillation_set: str) -> None:
    options: dict[str, Any] = {
        "settings": SETTINGS,
        "front_end": FrontEndSpec(),
        "seed": 1,
        "scratch_dir": "scratch",
    }
    windows = channel_utils.as_channel([DistillationSet()])
    start = channel_utils.as_channel([StudentModel()])
    warm = PLAIN.model_copy(update={"warm_start": "large"})
    with pytest.raises(ValueError, match=r"tiny-w0.25-gap-e32-warm starts from 'large'.* not given"):
        StudentTrainer(windows=windows, spec=warm, **options)
    with pytest.raises(ValueError, match=r"tiny-w0.25-gap-e32 starts from scratch, but"):
        StudentTrainer(windows=windows, spec=PLAIN, start=start, **options)
    node = StudentTrainer(windows=windows, spec=warm, start=start, **options)
    assert node.inputs["start"].type is StudentModel


@pytest.mark.parametrize(
    ("explained", "failure", "told"),
    [
        (0.0004, "", "explains 0.0 % of the variance of its held-out targets, less than 5 %"),
        (-0.3, "", "explains -30.0 % of"),
        (float("nan"), "", "explains nan % of"),
        (0.2, "", ""),
        (0.0, "the loss is nan", ""),  # the failure is told instead
    ],
)
def test_a_student_that_learnt_nothing_is_told_of(
    caplog: pytest.LogCaptureFixture, explained: float, failure: str, told: str
) -> None:
    info = StudentInfo(
        candidate_id="small", failure=failure, spec=PLAIN, front_end=FrontEndSpec(), parameters=1,
        target_dim=4, target_variance_explained=explained, seed=1, best_epoch=1, epochs=[], steps=1,
        windows_per_second=1.0,
    )  # fmt: skip
    executor.say_if_untaught(info)
    assert info.learnt_nothing == bool(told)
    assert bool(caplog.messages) == bool(told) and told in caplog.text


@pytest.mark.slow
def test_what_ships_was_trained_in_the_form_in_which_it_ships(
    distillation_set: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[tuple[Any, int]] = []

    def take(distiller: Distiller, student: Student) -> None:
        take_form(distiller, student)
        traced.append((distiller._step, len(student.core.trainable_variables)))

    take_form = Distiller.take
    monkeypatch.setattr(Distiller, "take", take)
    model = execute(tmp_path, distillation_set, COMPRESSED, SETTINGS)
    # Tracing takes longer than the steps of a short training: one trace a phase, and in it one operation of
    # an optimiser for each variable, those of the two heads included.
    assert [step.experimental_get_tracing_count() for step, _ in traced] == [1, 1, 1, 1]
    batch = [tf.TensorSpec((32, *shape)) for shape in ((96, 64), (8,))]
    for step, variables in traced:
        graph = step.get_concrete_function(*batch, tf.TensorSpec((), tf.int32)).graph
        kinds = Counter(operation.type for operation in graph.get_operations())
        assert kinds["ResourceApplyAdam"] == variables + 4

    info = StudentInfo.load(model)
    assert [epoch.phase for epoch in info.epochs] == ["float", "annealed", "factored", "qat"]
    assert [epoch.svd_alpha for epoch in info.epochs] == [1.0, 0.0, 0.0, 0.0]
    assert info.best_epoch == 4
    assert info.rank == 8
    student = load_student(model)
    weights = {weight.name: weight.numpy() for weight in student.bottleneck.weights}
    # The rank that was trained is the rank that ships, and the quantisers know their ranges.
    assert weights["reduce_dense/kernel:0"].shape[1] == 8
    assert weights["embedding_dense/kernel:0"].shape == (8, 32)
    assert weights["quant_embedding_dense/post_activation_max:0"] not in (0.0, 6.0)
    log_mel = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path / "scratch").log_mel
    assert np.isfinite(student.core(log_mel[:4].astype(np.float32)).numpy()).all()
    assert not list((tmp_path / "scratch" / "checkpoints").iterdir())


@pytest.mark.slow
def test_training_through_the_factors_beats_cutting_afterwards(distillation_set: str, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 12, "learning_rate": 3e-3})
    rank = 2
    plain, _, heads = _training(distillation_set, tmp_path / "plain", spec=PLAIN, settings=settings).run()
    kernel, bias = plain.bottleneck.get_layer("embedding_dense").get_weights()
    store = open_store(distillation_set, "train", FrontEndSpec(), tmp_path / "shown")
    sample = sample_features(plain, (log_mel for log_mel, _ in store.sequential(64)))
    reduce, expand = bottleneck.factorise(kernel, rank, sample, seed=0)
    bias = bias + sample.mean(axis=0) @ (kernel - reduce @ expand)
    cut = plain.with_bottleneck(bottleneck.factored(len(kernel), len(bias), rank))
    cut.bottleneck.set_weights([reduce, expand, bias])

    through = _training(
        distillation_set,
        tmp_path / "through",
        spec=PLAIN.model_copy(update={"svd_rank": rank}),
        settings=settings,
    ).run()
    shapes = [weight.shape for weight in through.student.bottleneck.get_weights()]
    assert shapes == [(len(kernel), rank), (rank, len(bias)), bias.shape]

    info = DistillationSetInfo.load(distillation_set)
    held_out = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path / "through")
    weights = target_weights(info, settings.target_weighting)
    error = 0.0
    for log_mel, target in held_out.sequential(64):
        answer = cut.core(log_mel, training=False).numpy() @ heads[0] + heads[1]
        error += float((np.square(answer - target) @ weights).sum()) / len(held_out)
    assert through.info.fitted_loss is not None
    assert through.info.fitted_loss < error  # of as many steps, and a fit at the end of both


@pytest.mark.slow
def test_an_interrupted_training_ends_in_the_same_weights_and_its_events_tell_it_once(
    distillation_set: str, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "spec": PLAIN.model_copy(update={"svd_energy": 0.6, "sparsity": 0.5}),
        "settings": SETTINGS.model_copy(update={"ema": 0.9, "augment": EVERYTHING}),
    }
    straight, info, _ = _training(distillation_set, tmp_path / "straight", **changes).run()

    def has_checkpoint(event: TrainingEvent) -> None:
        # An epoch that is told is never trained again: its checkpoint is there.
        if event.epoch:
            state = Checkpoints(tmp_path / "killed" / "checkpoints").load()
            assert state and state[0].epochs[-1] == event.epoch

    events: list[TrainingEvent] = []
    # Killed in the form it began with, in the annealed one and in the factored one.
    for epoch in (1, 2, 3):
        with pytest.raises(Killed), listening(_kill_after(epoch, has_checkpoint)) as heard:
            _training(distillation_set, tmp_path / "killed", **changes).run()
        assert [event.kind for event in heard] == ["began", "epoch"]
        events += heard
    with listening(has_checkpoint) as heard:
        resumed, resumed_info, _ = _training(distillation_set, tmp_path / "killed", **changes).run()
    assert [event.kind for event in heard] == ["began", "epoch", "ended"]
    events += heard

    assert resumed_info.rank == info.rank > 0
    assert [epoch.loss for epoch in resumed_info.epochs] == [epoch.loss for epoch in info.epochs]
    for expected, weight in zip(straight.core.get_weights(), resumed.core.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)

    told = [event for event in events if event.epoch]
    assert [event.epoch for event in told] == resumed_info.epochs
    # Of the killed training's epochs too: a training that goes on has cost what it cost before.
    assert all(epoch.cpu_seconds and epoch.cpu_seconds > 0 for epoch in resumed_info.epochs)
    # The very sums that the pusher makes of the report.
    seconds = list(accumulate(epoch.seconds for epoch in resumed_info.epochs))
    assert [event.second for event in told] == seconds
    assert [event.second for event in events if event.kind == "began"] == [0.0, *seconds[:3]]
    assert {(event.candidate_id, event.epochs) for event in events} == {(changes["spec"].candidate_id, 4)}
    parameters = events[0].parameters
    assert (parameters["architecture.size"], parameters["seed"], parameters["target_dim"]) == (
        "tiny",
        "5",
        "8",
    )


@pytest.mark.slow
def test_a_student_learns_and_works_in_inference_mode(learnt: str) -> None:
    info = StudentInfo.load(learnt)
    assert info.target_variance_explained > 0.5
    assert info.epochs[-1].validation_loss < info.epochs[-1].loss * 3


@pytest.mark.slow
def test_a_candidate_that_breaks_is_written_down_as_failed(
    distillation_set: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = TrainingSettings(epochs=1, batch_size=32, learning_rate=1e30, clip_norm=0, warmup=0)
    broken = execute(tmp_path, distillation_set, PLAIN, settings)
    info = StudentInfo.load(broken)
    assert re.search("tiny-w0.25-gap-e32: the loss is .* in epoch 1", info.failure)
    assert [record.levelname for record in caplog.records if "the loss is" in record.message] == ["WARNING"]
    assert not list(Path(broken).glob("*.npz"))

    warm = PLAIN.model_copy(update={"warm_start": PLAIN.candidate_id})
    follower = StudentInfo.load(execute(tmp_path, distillation_set, warm, settings, start=broken))
    assert follower.failure.startswith("tiny-w0.25-gap-e32-warm: nothing to start from: tiny-w0.25-gap-e32:")


@pytest.mark.parametrize("damaged", [StudentInfo.FILE, StudentInfo.WEIGHTS, "heads.npz"])
def test_a_sibling_that_cannot_be_read_is_nothing_to_start_from(
    distillation_set: str, tmp_path: Path, damaged: str
) -> None:
    start = tmp_path / "start"
    info = _training(distillation_set, tmp_path).failed("a failure")
    info.model_copy(update={"failure": ""}).save(start)
    save_weights(build_deployed(info.spec, info.front_end, info.rank), str(start))
    save_heads([np.zeros((32, 8), np.float32)], str(start))
    (start / damaged).write_bytes(b"{")
    warm = PLAIN.model_copy(update={"warm_start": PLAIN.candidate_id})
    follower = StudentInfo.load(
        execute(tmp_path, distillation_set, warm, TrainingSettings(), start=str(start))
    )
    assert follower.failure.startswith("tiny-w0.25-gap-e32-warm: nothing to start from: ")
    assert f"{start / damaged}" in follower.failure


def test_windows_shorter_than_a_patch_are_refused(distillation_set: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"windows have 15600 samples, but a patch .* needs 15760"):
        open_store(distillation_set, "train", FrontEndSpec(frames=97), tmp_path)


def test_a_target_of_another_dimension_is_refused_by_name(tmp_path: Path) -> None:
    windows = write_distillation_set(tmp_path / "windows", train=4, held_out=4)
    info = DistillationSetInfo.load(windows)
    info.model_copy(update={"target_dim": 9}).save(windows)
    expected = r"window at sample 0 of clip train0 has a target of 8 dimensions; .* says 9"
    with pytest.raises(ValueError, match=expected):
        open_store(windows, "train", FrontEndSpec(), tmp_path)


def test_longer_windows_are_kept_whole(distillation_set: str, tmp_path: Path) -> None:
    front_end = FrontEndSpec(frames=40)
    store = open_store(distillation_set, "eval", front_end, tmp_path)
    assert store.log_mel.shape == (48, 96, 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "changes"),
    [
        (64, {"longer_windows": "crop"}),
        (48, {"longer_windows": "patches"}),
        (96, {"precision": "bfloat16", "ema": 0.9, "loss": LossWeights(relational=0.5)}),
    ],
)
def test_each_way_of_training_learns(
    distillation_set: str, tmp_path: Path, frames: int, changes: dict[str, Any]
) -> None:
    front_end = FrontEndSpec(frames=frames)
    settings = SETTINGS.model_copy(update={"epochs": 10, "batch_size": 16, **changes})
    stores = {split: open_store(distillation_set, split, front_end, tmp_path) for split in ("train", "eval")}
    training = _training(
        distillation_set,
        tmp_path,
        settings=settings,
        front_end=front_end,
        train=stores["train"],
        held_out=stores["eval"],
    )
    student, info, _ = training.run()
    assert info.target_variance_explained > 0.2
    assert {weight.dtype.name for weight in student.core.weights} == {"float32"}
    assert {layer.compute_dtype for layer in student.features.layers} == {"float32"}


@pytest.mark.slow
def test_a_network_quantised_and_pruned_as_a_whole_is_what_ships(
    distillation_set: str, tmp_path: Path
) -> None:
    spec = mobilenet("tiny", 0.25, embedding_width=32, qat="network", sparsity=0.5)
    settings = SETTINGS.model_copy(update={"precision": "bfloat16", "epochs": 2})
    model = execute(tmp_path, distillation_set, spec, settings)
    info = StudentInfo.load(model)
    assert [epoch.phase for epoch in info.epochs] == ["float", "qat"]
    assert info.sparsity == pytest.approx(0.5, abs=0.02)
    student = load_student(model)
    assert any("QuantizeWrapper" in type(layer).__name__ for layer in student.core.layers)
    kept = [float(weight) for weight in student.core.weights if "post_activation_max" in weight.name]
    assert kept and all(value not in (0.0, 6.0) for value in kept[:-1])


def test_log_mels_are_computed_once(distillation_set: str, tmp_path: Path) -> None:
    first = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    second = open_store(distillation_set, "eval", FrontEndSpec(), tmp_path)
    np.testing.assert_array_equal(first.log_mel, second.log_mel)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == files
    assert first.log_mel.shape == (48, 96, 64)
    np.testing.assert_allclose(np.array(first.target[:, 5], np.float32), 0.0, atol=1e-3)  # constant target
