"""Trains one student and writes it down."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import Artifact, artifact_utils

from components.modeling.student import save_weights
from components.student_trainer.checkpoint import Checkpoints
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.training import Training
from components.student_trainer.window_store import open_store
from schemas.reports import DistillationSetInfo
from schemas.students import FrontEndSpec, StudentSpec

WINDOWS_KEY = "windows"
MODEL_KEY = "model"
SPEC_KEY = "spec"
SETTINGS_KEY = "settings"
FRONT_END_KEY = "front_end"
SEED_KEY = "seed"
SCRATCH_KEY = "scratch_dir"
CODE_DIGEST_KEY = "code_digest"


class Executor(base_executor.BaseExecutor):
    """Opens the windows, trains, saves."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains the student of the given parameters; an interrupted training goes on."""
        windows_uri = artifact_utils.get_single_uri(input_dict[WINDOWS_KEY])
        model_uri = artifact_utils.get_single_uri(output_dict[MODEL_KEY])
        front_end = FrontEndSpec.from_parameter(exec_properties[FRONT_END_KEY])
        scratch = exec_properties[SCRATCH_KEY]
        checkpoints = Checkpoints.of(scratch, _identity(windows_uri, exec_properties))
        student, info = Training(
            spec=StudentSpec.from_parameter(exec_properties[SPEC_KEY]),
            front_end=front_end,
            settings=TrainingSettings.from_parameter(exec_properties[SETTINGS_KEY]),
            target_info=DistillationSetInfo.load(windows_uri),
            train=open_store(windows_uri, "train", front_end, Path(scratch)),
            held_out=open_store(windows_uri, "eval", front_end, Path(scratch)),
            seed=exec_properties[SEED_KEY],
            checkpoints=checkpoints,
        ).run()
        Path(model_uri).mkdir(parents=True, exist_ok=True)
        save_weights(student, model_uri)
        info.save(model_uri)
        checkpoints.remove()


def _identity(windows_uri: str, exec_properties: dict[str, Any]) -> str:
    """What makes two trainings the same: a checkpoint is never taken from another one."""
    keys = (SPEC_KEY, SETTINGS_KEY, FRONT_END_KEY, SEED_KEY, CODE_DIGEST_KEY)
    identity = [windows_uri, *(exec_properties[key] for key in keys)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
