"""Trains one student and writes it down."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import Artifact, artifact_utils

from components.common.modeling.student import save_weights
from components.student_trainer.checkpoint import Checkpoints
from components.student_trainer.distribution import Workers
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.training import Training
from components.student_trainer.warm_start import Start, save_heads
from components.student_trainer.window_store import open_store
from schemas.distillation_reports import DistillationSetInfo
from schemas.student_reports import LEAST_EXPLAINED, StudentInfo
from schemas.students import FrontEndSpec, StudentSpec

WINDOWS_KEY = "windows"
START_KEY = "start"
MODEL_KEY = "model"
SPEC_KEY = "spec"
SETTINGS_KEY = "settings"
FRONT_END_KEY = "front_end"
SEED_KEY = "seed"
SCRATCH_KEY = "scratch_dir"
CODE_DIGEST_KEY = "code_digest"


log = logging.getLogger("tinytrill.student_trainer")


class Executor(base_executor.BaseExecutor):
    """Opens the windows, trains, saves."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains the student of the given parameters; an interrupted training goes on.

        A training that ends in numbers that are not finite is a result: a description with the reason and
        without weights.
        """
        workers = Workers.join()
        windows_uri = artifact_utils.get_single_uri(input_dict[WINDOWS_KEY])
        model_uri = artifact_utils.get_single_uri(output_dict[MODEL_KEY])
        start_uri = artifact_utils.get_single_uri(input_dict[START_KEY]) if input_dict.get(START_KEY) else ""
        front_end = FrontEndSpec.from_parameter(exec_properties[FRONT_END_KEY])
        scratch, code = exec_properties[SCRATCH_KEY], exec_properties[CODE_DIGEST_KEY]
        training = Training(
            spec=StudentSpec.from_parameter(exec_properties[SPEC_KEY]),
            front_end=front_end,
            settings=TrainingSettings.from_parameter(exec_properties[SETTINGS_KEY]),
            target_info=DistillationSetInfo.load(windows_uri),
            train=open_store(windows_uri, "train", front_end, Path(scratch), code),
            held_out=open_store(windows_uri, "eval", front_end, Path(scratch), code),
            seed=exec_properties[SEED_KEY],
            checkpoints=Checkpoints.of(scratch, _identity([windows_uri, start_uri], exec_properties)),
            workers=workers,
        )
        failure = StudentInfo.load(start_uri).failure if start_uri else ""
        if failure:
            failure = f"{training.spec.candidate_id}: nothing to start from: {failure}"
            _write_down(training, failure, model_uri)
            return
        if start_uri:
            training.start = Start.read(start_uri)
        try:
            trained = training.run()
        except FloatingPointError as error:
            _write_down(training, str(error), model_uri)
            return
        say_if_untaught(trained.info)
        if workers.is_chief:
            Path(model_uri).mkdir(parents=True, exist_ok=True)
            save_weights(trained.student, model_uri)
            save_heads(trained.heads, model_uri)
            trained.info.save(model_uri)
            training.checkpoints.remove()


def say_if_untaught(info: StudentInfo) -> None:
    """Warns of a student that explains next to nothing of its held-out targets."""
    if info.learnt_nothing:
        log.warning(
            "%s: learnt next to nothing: it explains %.1f %% of the variance of its held-out targets, less "
            "than %.0f %%",
            info.candidate_id,
            100 * info.target_variance_explained,
            100 * LEAST_EXPLAINED,
        )


def _write_down(training: Training, failure: str, model_uri: str) -> None:
    """Writes a candidate down as failed."""
    log.warning("%s", failure)
    if training.workers.is_chief:
        training.failed(failure).save(model_uri)
        training.checkpoints.remove()


def _identity(uris: list[str], exec_properties: dict[str, Any]) -> str:
    """What makes two trainings the same: a checkpoint is never taken from another one."""
    keys = (SPEC_KEY, SETTINGS_KEY, FRONT_END_KEY, SEED_KEY, CODE_DIGEST_KEY)
    identity = [*uris, *(exec_properties[key] for key in keys)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
