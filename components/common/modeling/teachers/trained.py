"""Teachers that ``TeacherTrainer`` trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from components.common.modeling.teachers.base import Array, Teacher, TeacherError, digest_files
from schemas.teachers import TrainedTeacher
from schemas.trained_teacher import TrainedTeacherInfo

_BATCH = 64


def save_network(network: Any, info: TrainedTeacherInfo, folder: str) -> None:
    """Writes the weights, then the report: a folder with a report is complete."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    network.save_weights(str(Path(folder) / TrainedTeacherInfo.WEIGHTS))
    info.save(folder)


class TrainedEmbedder(Teacher):
    """Front end and network, rebuilt from ``teacher.json``."""

    def __init__(self, spec: TrainedTeacher, folder: str) -> None:
        """Loads a ``TeacherModel`` artifact.

        Raises:
          TeacherError: If the folder holds no teacher, or weights of another network.
        """
        import tensorflow as tf

        from components.common.modeling.frontend import LogMel
        from components.common.modeling.resnet import build_resnet

        report, weights = (
            Path(folder) / name for name in (TrainedTeacherInfo.FILE, TrainedTeacherInfo.WEIGHTS)
        )
        if not report.is_file() or not weights.is_file():
            raise TeacherError(
                f"{folder} holds no trained teacher: {report.name} or {weights.name} is missing"
            )
        info = TrainedTeacherInfo.load(folder)
        window = info.front_end.window_samples
        super().__init__(spec.name or "trained teacher", digest_files([report, weights]), window)
        network = build_resnet(info.network, info.front_end)
        try:
            network.load_weights(str(weights))
        except (ValueError, OSError) as error:
            raise TeacherError(f"{weights} does not hold the weights of the network in {report}") from error
        log_mel = LogMel(info.front_end)

        @tf.function(input_signature=[tf.TensorSpec((None, window), tf.float32)])
        def embed(waveforms: tf.Tensor) -> tf.Tensor:
            return network(log_mel(waveforms), training=False)[spec.output]

        self._call = embed

    def _embed(self, waveforms: Array) -> Array:
        parts = [
            self._call(waveforms[start : start + _BATCH]).numpy()
            for start in range(0, len(waveforms), _BATCH)
        ]
        return np.concatenate(parts)


def load(spec: TrainedTeacher, trained_uri: str | None) -> Teacher:
    """The teacher of a specification.

    Raises:
      TeacherError: If it was not trained.
    """
    if not trained_uri:
        raise TeacherError("a teacher of kind 'trained' needs the output of TeacherTrainer")
    return TrainedEmbedder(spec, trained_uri)
