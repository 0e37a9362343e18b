"""The node: types of its outputs and parameters."""

from __future__ import annotations

from tfx import types
from tfx.types import standard_artifacts

from components.teacher_trainer.component import TeacherTrainer
from components.teacher_trainer.settings import TeacherTrainerSettings
from schemas.artifacts import TeacherModel
from schemas.students import FrontEndSpec


def test_construct() -> None:
    settings = TeacherTrainerSettings(epochs=3)
    node = TeacherTrainer(
        types.Channel(type=standard_artifacts.Examples),
        settings,
        FrontEndSpec(mels=40),
        7,
        "/scratch",
        "digest",
    )
    assert node.outputs["model"].type is TeacherModel
    assert TeacherTrainerSettings.from_parameter(node.exec_properties["settings"]) == settings
    assert FrontEndSpec.from_parameter(node.exec_properties["front_end"]).mels == 40
    assert node.exec_properties["seed"] == 7
    assert node.exec_properties["scratch_dir"] == "/scratch"
    assert node.exec_properties["code_digest"] == "digest"
