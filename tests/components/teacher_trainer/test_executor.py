"""A small teacher is really trained, written, read and better than chance on clips it never heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components.common.modeling.checkpoint import Checkpoints, TrainingState
from components.common.modeling.teachers import TeacherError, load_teacher
from components.common.store.shards import iterate_examples, list_shards
from components.teacher_trainer.executor import Executor
from components.teacher_trainer.settings import TeacherTrainerSettings
from components.teacher_trainer.training import TeacherTraining
from schemas.artifacts import TeacherModel
from schemas.records import Clip
from schemas.resnet import ResNetSpec
from schemas.students import FrontEndSpec
from schemas.teachers import TrainedTeacher
from schemas.trained_teacher import TrainedTeacherInfo
from tests.components.teacher_trainer.conftest import write_clips

pytestmark = pytest.mark.slow

SMALL = ResNetSpec(depths=(1, 1, 1), width=8, expansion=2, embedding_dim=16)
TINY = ResNetSpec(depths=(1,), width=4, expansion=1, embedding_dim=8)


def train(clips_uri: str, folder: Path, seed: int = 1, **options: Any) -> TrainedTeacherInfo:
    examples, model = standard_artifacts.Examples(), TeacherModel()
    examples.uri, model.uri = clips_uri, str(folder)
    settings = TeacherTrainerSettings.model_validate({"network": SMALL, "batch_clips": 16, **options})
    Executor().Do(
        {"examples": [examples]},
        {"model": [model]},
        {
            "settings": settings.to_parameter(),
            "front_end": FrontEndSpec().to_parameter(),
            "seed": seed,
            "scratch_dir": str(folder.parent / f"{folder.name}-scratch"),
            "code_digest": "",
        },
    )
    return TrainedTeacherInfo.load(str(folder))


@pytest.fixture(scope="module")
def trained(clips: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, TrainedTeacherInfo]:
    folder = tmp_path_factory.mktemp("teacher")
    return str(folder), train(clips, folder, epochs=12)


def test_loss_falls(trained: tuple[str, TrainedTeacherInfo]) -> None:
    info = trained[1]
    assert info.epochs[-1].loss < 0.7 * info.epochs[0].loss
    assert info.epochs[-1].validation_loss < 0.7 * info.epochs[0].validation_loss
    assert info.epochs[info.best_epoch - 1].validation_loss == min(e.validation_loss for e in info.epochs)
    assert info.clips == {"train": 64, "eval": 24}
    assert info.steps == 12 * 4
    assert [e.epoch for e in info.epochs] == list(range(1, 13))


def test_windows_of_a_clip_lie_together(clips: str, trained: tuple[str, TrainedTeacherInfo]) -> None:
    """Nearest neighbour among held-out clips: chance is 1 of 24."""
    teacher = load_teacher(TrainedTeacher(), trained[0])
    audio = np.stack([Clip.from_example(e).audio for e in iterate_examples(list_shards(clips, "eval"))])
    waves = audio.astype(np.float32) / np.float32(32768)
    first, last = teacher.embed(waves[:, :15_600]), teacher.embed(waves[:, -15_600:])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    last /= np.linalg.norm(last, axis=1, keepdims=True)
    right = np.mean((first @ last.T).argmax(axis=1) == np.arange(24))
    assert right > 0.4
    assert trained[1].triplet_accuracy > 0.85


def test_evaluation_is_the_saved_network_in_inference_mode(
    trained: tuple[str, TrainedTeacherInfo],
) -> None:
    teacher = load_teacher(TrainedTeacher(), trained[0])
    sound = np.random.default_rng(0).normal(0, 0.1, (3, 15_600)).astype(np.float32)
    alone = np.concatenate([teacher.embed(one[None]) for one in sound])
    np.testing.assert_allclose(teacher.embed(sound), alone, rtol=1e-4, atol=1e-5)
    assert teacher.dim == 16
    assert load_teacher(TrainedTeacher(output="features"), trained[0]).dim == 32 * 2 * 6 * 4
    assert teacher.embed(sound[:, :100]).shape == (3, 16)


def test_same_seed_same_teacher(clips: str, tmp_path: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (2, 15_600)).astype(np.float32)
    embeddings = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(clips, tmp_path / name, seed=seed, epochs=1, network=TINY)
        embeddings.append(load_teacher(TrainedTeacher(), str(tmp_path / name)).embed(sound))
    np.testing.assert_array_equal(embeddings[0], embeddings[1])
    assert (embeddings[0] != embeddings[2]).any()


def test_contrastive_views_are_told_apart_and_its_projection_is_not_kept(clips: str, tmp_path: Path) -> None:
    info = train(
        clips,
        tmp_path / "teacher",
        epochs=8,
        objective={"kind": "contrastive", "projection": 16},
        # What tells these tones apart is also what noise and rooms hide: too much for 32 steps.
        views={name: {"probability": 0} for name in ("noise", "reverberation", "band", "equaliser")},
        learning_rate=3e-3,
        min_distance_s=0.0,
    )
    assert info.objective == "contrastive"
    assert info.epochs[-1].validation_loss < info.epochs[0].validation_loss
    assert info.triplet_accuracy > 0.75
    teacher = load_teacher(TrainedTeacher(), str(tmp_path / "teacher"))
    assert teacher.dim == 16


def test_a_killed_training_goes_on_to_the_same_teacher(
    clips: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {
        "epochs": 3,
        "network": TINY,
        "objective": {"kind": "contrastive", "projection": 8},
        "views": {},
    }
    train(clips, tmp_path / "straight", **options)
    save, heard = Checkpoints.save, []
    epochs = TeacherTraining._epoch

    def killed_after_the_second(self: Checkpoints, progress: TrainingState, *weights: Any) -> None:
        save(self, progress, *weights)
        if len(progress.epochs) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", killed_after_the_second)
        with pytest.raises(KeyboardInterrupt):
            train(clips, tmp_path / "killed", **options)

    def listening(self: TeacherTraining, epoch: int) -> float:
        heard.append(epoch)
        return epochs(self, epoch)

    monkeypatch.setattr(TeacherTraining, "_epoch", listening)
    train(clips, tmp_path / "killed", **options)
    assert heard == [3]
    one, other = (TrainedTeacherInfo.load(str(tmp_path / name)) for name in ("straight", "killed"))
    assert [e.loss for e in one.epochs] == [e.loss for e in other.epochs]
    sound = np.random.default_rng(0).normal(0, 0.1, (2, 15_600)).astype(np.float32)
    straight, resumed = (
        load_teacher(TrainedTeacher(), str(tmp_path / name)).embed(sound) for name in ("straight", "killed")
    )
    np.testing.assert_array_equal(straight, resumed)
    assert not list((tmp_path / "killed-scratch").rglob("*.npz")), "a finished training leaves nothing"


def test_says_how_many_clips_are_needed(tmp_path: Path) -> None:
    uri = write_clips(tmp_path / "clips", 4, 4)
    with pytest.raises(ValueError, match=r"the train split has 4 clips .* at least 16 are needed"):
        train(uri, tmp_path / "teacher")


def test_names_a_folder_without_a_teacher(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"holds no trained teacher: teacher\.json or teacher\.weights"):
        load_teacher(TrainedTeacher(), str(tmp_path))


def test_refuses_weights_of_another_network(trained: tuple[str, TrainedTeacherInfo], tmp_path: Path) -> None:
    other = trained[1].model_copy(update={"network": SMALL.model_copy(update={"width": 12})})
    other.save(str(tmp_path))
    weights = Path(trained[0]) / TrainedTeacherInfo.WEIGHTS
    (tmp_path / TrainedTeacherInfo.WEIGHTS).write_bytes(weights.read_bytes())
    with pytest.raises(TeacherError, match="does not hold the weights of the network"):
        load_teacher(TrainedTeacher(), str(tmp_path))


def test_needs_the_output_of_the_trainer() -> None:
    with pytest.raises(TeacherError, match="needs the output of TeacherTrainer"):
        load_teacher(TrainedTeacher())
