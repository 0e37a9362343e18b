"""Trains a teacher and writes it down."""

from __future__ import annotations

import logging

from components.common.modeling.checkpoint import Checkpoints
from components.common.modeling.teachers.trained import save_network
from components.common.store.computed import key_of
from components.common.store.shards import list_shards
from components.common.tfx.executors import TaskExecutor
from components.teacher_trainer.component import TeacherTrainer
from components.teacher_trainer.pairs import PairReader
from components.teacher_trainer.training import TeacherTraining

log = logging.getLogger("tinytrill.teacher_trainer")


class Executor(TaskExecutor[TeacherTrainer]):
    """Reads the clips, trains, saves."""

    def run(self, task: TeacherTrainer) -> None:
        """Trains the teacher of the given settings; an interrupted training goes on.

        Raises:
          ValueError: If a split has too few clips, or the training diverges.
        """
        settings, front_end, seed = task.settings, task.front_end, task.seed
        readers = {
            split: PairReader(
                list_shards(task.examples.uri, split),
                front_end.window_samples,
                settings.max_distance_s,
                seed,
                settings.min_distance_s,
            )
            for split in ("train", "eval")
        }
        identity = key_of(
            "teacher",
            task.examples.uri,
            [part.to_parameter() for part in (settings, front_end)],
            seed,
            task.code_digest,
        )
        checkpoints = Checkpoints.of(task.scratch_dir, identity)
        training = TeacherTraining(settings, front_end, readers["train"], readers["eval"], seed, checkpoints)
        info = training.run()
        save_network(training.network, info, task.model.uri)
        checkpoints.remove()
        log.info(
            "teacher of %.1f M parameters, %.1f %% of the eval triplets right",
            info.parameters / 1e6,
            100 * info.triplet_accuracy,
        )
