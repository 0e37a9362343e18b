"""A student network: front end, MobileNetV3, pooling, bottleneck.

The target head that maps the embedding to the teacher's dimension belongs to the training
(``components/student_trainer``) and never ships.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from components.modeling import bottleneck as bottlenecks
from components.modeling import frontend
from components.modeling.frontend import LogMel, LogMelStatistics
from components.modeling.mobilenet_v3 import build_backbone
from schemas.reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec

Weights = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Student:
    """A student in one form of its bottleneck.

    Attributes:
      spec: What it is made of.
      front_end: The front end it hears through.
      features: Log-mel ``(batch, frames, mels)`` to pooled features ``(batch, features)``.
      bottleneck: Features to the embedding ``(batch, embedding_width)``.
      core: The two together: log-mel to embedding.
    """

    spec: StudentSpec
    front_end: FrontEndSpec
    features: keras.Model
    bottleneck: keras.Model
    core: keras.Model

    @property
    def wave(self) -> keras.Model:
        """Waveform ``(batch, window_samples)`` in [-1, 1] to embedding."""
        waveform = keras.Input((self.front_end.window_samples,), name="waveform")
        return keras.Model(
            waveform, self.core(LogMel(self.front_end, name=frontend.NAME)(waveform)), name="wave"
        )

    @property
    def parameters(self) -> int:
        """Weights that ship: moving averages count, state of the quantisers does not."""
        quantisers = ("optimizer_step", "quantizer", "_min", "_max", "quantize_layer")
        return int(
            sum(
                np.prod(weight.shape)
                for weight in self.core.weights
                if not any(part in weight.name for part in quantisers)
            )
        )

    def with_bottleneck(self, bottleneck: keras.Model) -> Student:
        """The same features under another bottleneck."""
        return _assemble(self.spec, self.front_end, self.features, bottleneck)


def build_student(spec: StudentSpec, front_end: FrontEndSpec, batch_norm_momentum: float = 0.95) -> Student:
    """Builds a student with a full bottleneck and fresh weights."""
    features = _features(spec, front_end, batch_norm_momentum)
    return _assemble(
        spec, front_end, features, bottlenecks.full(features.output_shape[-1], spec.embedding_width)
    )


def build_deployed(spec: StudentSpec, front_end: FrontEndSpec) -> Student:
    """Builds a student in the form that ships: factored and quantised as its parameters say."""
    features = _features(spec, front_end, batch_norm_momentum=0.95)
    width = features.output_shape[-1]
    bottleneck = (
        bottlenecks.factored(width, spec.embedding_width, spec.svd_rank)
        if spec.svd_rank
        else bottlenecks.full(width, spec.embedding_width)
    )
    if spec.qat:
        bottleneck = bottlenecks.quantised(bottleneck)
    return _assemble(spec, front_end, features, bottleneck)


def save_weights(student: Student, folder: str) -> None:
    """Writes the weights as plain arrays: no pickles, and the same bytes for the same weights."""
    write_arrays(Path(folder) / StudentInfo.WEIGHTS, student.core.get_weights())


def load_student(folder: str) -> Student:
    """Reads a student from the folder of a ``StudentModel`` artifact.

    Raises:
      ValueError: If the weights do not fit the network that the parameters describe.
    """
    info = StudentInfo.load(folder)
    student = build_deployed(info.spec, info.front_end)
    path = Path(folder) / StudentInfo.WEIGHTS
    weights = read_arrays(path)
    expected = [tuple(weight.shape) for weight in student.core.weights]
    if [weight.shape for weight in weights] != expected:
        raise ValueError(f"{path} does not hold the weights of {info.candidate_id}: shapes differ")
    student.core.set_weights(weights)
    return student


def write_arrays(path: Path, arrays: Iterable[np.ndarray[Any, Any]]) -> None:
    """Writes arrays in order as ``.npz``."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{f"{index:05d}": array for index, array in enumerate(arrays)})


def read_arrays(path: Path) -> Weights:
    """Reads what :func:`write_arrays` wrote; an array of objects (a pickle) is refused."""
    with np.load(path, allow_pickle=False) as file:
        return [file[name] for name in sorted(file.files)]


def _features(spec: StudentSpec, front_end: FrontEndSpec, batch_norm_momentum: float) -> keras.Model:
    backbone = build_backbone(spec.size, spec.width, front_end.frames, front_end.mels, batch_norm_momentum)
    log_mel = keras.Input((front_end.frames, front_end.mels), name="log_mel")
    x = backbone(keras.layers.Reshape((front_end.frames, front_end.mels, 1), name="channel")(log_mel))
    pool = keras.layers.GlobalAveragePooling2D if spec.pooling == "gap" else keras.layers.Flatten
    features = pool(name=spec.pooling)(x)
    if spec.statistics_skip:
        levels = keras.layers.BatchNormalization(
            momentum=batch_norm_momentum, center=False, scale=False, name="statistics_bn"
        )(LogMelStatistics(name="statistics")(log_mel))
        features = keras.layers.Concatenate(name="features")([features, levels])
    return keras.Model(log_mel, features, name="features")


def _assemble(
    spec: StudentSpec, front_end: FrontEndSpec, features: keras.Model, bottleneck: keras.Model
) -> Student:
    log_mel = keras.Input((front_end.frames, front_end.mels), name="log_mel")
    core = keras.Model(log_mel, bottleneck(features(log_mel)), name="core")
    return Student(spec, front_end, features, bottleneck, core)
