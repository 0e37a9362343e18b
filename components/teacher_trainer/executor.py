"""Trains a teacher and writes it down."""

from __future__ import annotations

import logging
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import Artifact, artifact_utils

from components.common.modeling.teachers.trained import save_network
from components.teacher_trainer.pairs import PairReader
from components.teacher_trainer.settings import TeacherTrainerSettings
from components.teacher_trainer.training import TeacherTraining
from schemas.records import list_shards

EXAMPLES_KEY = "examples"
MODEL_KEY = "model"
SETTINGS_KEY = "settings"
SEED_KEY = "seed"
CODE_DIGEST_KEY = "code_digest"

log = logging.getLogger("tinytrill.teacher_trainer")


class Executor(base_executor.BaseExecutor):
    """Reads the clips, trains, saves."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains the teacher of the given settings.

        Raises:
          ValueError: If a split has too few clips, or the training diverges.
        """
        examples_uri = artifact_utils.get_single_uri(input_dict[EXAMPLES_KEY])
        model_uri = artifact_utils.get_single_uri(output_dict[MODEL_KEY])
        settings = TeacherTrainerSettings.from_parameter(exec_properties[SETTINGS_KEY])
        seed = exec_properties[SEED_KEY]
        readers = {
            split: PairReader(
                list_shards(examples_uri, split),
                settings.front_end.window_samples,
                settings.max_distance_s,
                seed,
            )
            for split in ("train", "eval")
        }
        training = TeacherTraining(settings, readers["train"], readers["eval"], seed)
        info = training.run()
        save_network(training.network, info, model_uri)
        log.info(
            "teacher of %.1f M parameters, %.1f %% of the eval triplets right",
            info.parameters / 1e6,
            100 * info.triplet_accuracy,
        )
