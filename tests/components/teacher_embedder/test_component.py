"""The node: types of its outputs and parameters, and which teachers go with which inputs."""

from __future__ import annotations

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components.teacher_embedder.component import TeacherEmbedder
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet, TeacherModel
from schemas.teachers import ConcatTeacher, TfHubTeacher, TrainedTeacher

HUB = TfHubTeacher(handle="https://tfhub.dev/a/b/1")


def examples() -> types.Channel:
    return types.Channel(type=standard_artifacts.Examples)


def test_construct() -> None:
    settings = TeacherEmbedderSettings(teacher=HUB)
    node = TeacherEmbedder(examples(), settings, 7, code_digest="code", data_digest="data")
    assert node.outputs["windows"].type is DistillationSet
    assert TeacherEmbedderSettings.from_parameter(node.exec_properties["settings"]) == settings
    assert node.exec_properties["seed"] == 7
    assert set(node.inputs) == {"examples"}


def test_construct_with_a_trained_teacher() -> None:
    settings = TeacherEmbedderSettings(teacher=ConcatTeacher(teachers=(TrainedTeacher(), HUB)))
    node = TeacherEmbedder(examples(), settings, 7, types.Channel(type=TeacherModel))
    assert set(node.inputs) == {"examples", "teacher"}


def test_construct_without_the_trained_teacher_fails() -> None:
    with pytest.raises(ValueError, match="the output of TeacherTrainer is needed"):
        TeacherEmbedder(examples(), TeacherEmbedderSettings(teacher=TrainedTeacher()), 7)


def test_construct_with_a_teacher_nobody_asks_for_fails() -> None:
    with pytest.raises(ValueError, match="is of kind 'tfhub' and does not use it"):
        TeacherEmbedder(examples(), TeacherEmbedderSettings(teacher=HUB), 7, types.Channel(type=TeacherModel))
