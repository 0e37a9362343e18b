"""Building a student, writing its weights and reading them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling import bottleneck as bottlenecks
from components.common.modeling import whole_network
from components.common.modeling.architectures import build_network
from components.common.modeling.frontend import LogMelStatistics
from components.common.modeling.student_network import Student, assemble
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec

Weights = list[np.ndarray[Any, Any]]


class UnreadableWeights(ValueError):
    """A file of weights that is not there, is damaged, or holds those of another network."""


def build_student(spec: StudentSpec, front_end: FrontEndSpec, batch_norm_momentum: float = 0.95) -> Student:
    """Builds a student with a full bottleneck and fresh weights."""
    features, moments = _features(spec, front_end, batch_norm_momentum)
    bottleneck = bottlenecks.full(features.output_shape[-1], spec.embedding_width)
    return assemble(spec, front_end, features, moments, bottleneck)


def build_deployed(spec: StudentSpec, front_end: FrontEndSpec, rank: int) -> Student:
    """Builds a student in the form that ships: factored and quantised as its parameters say.

    Args:
      spec: What it is made of.
      front_end: Its log-mel front end.
      rank: Of its bottleneck's factors; 0 for a full matrix.
    """
    features, moments = _features(spec, front_end, batch_norm_momentum=0.95)
    width = features.output_shape[-1]
    bottleneck = (
        bottlenecks.factored(width, spec.embedding_width, rank)
        if rank
        else bottlenecks.full(width, spec.embedding_width)
    )
    if spec.qat == "bottleneck":
        bottleneck = bottlenecks.quantised(bottleneck)
    student = assemble(spec, front_end, features, moments, bottleneck)
    return student.with_core(whole_network.quantised_network(student)) if spec.qat == "network" else student


def save_weights(student: Student, folder: str) -> None:
    """Writes the weights as plain arrays: no pickles, and the same bytes for the same weights."""
    write_arrays(Path(folder) / StudentInfo.WEIGHTS, student.core.get_weights())


def load_student(folder: str) -> Student:
    """Reads a student from the folder of a ``StudentModel`` artifact.

    Raises:
      UnreadableReport: If its description cannot be read.
      UnreadableWeights: If its weights cannot, or do not fit the network that the parameters describe.
    """
    info = StudentInfo.load(folder)
    student = build_deployed(info.spec, info.front_end, info.rank)
    path = Path(folder) / StudentInfo.WEIGHTS
    weights = read_arrays(path)
    expected = [tuple(weight.shape) for weight in student.core.weights]
    if [weight.shape for weight in weights] != expected:
        raise UnreadableWeights(f"{path} does not hold the weights of {info.candidate_id}: shapes differ")
    student.core.set_weights(weights)
    return student


def write_arrays(path: Path, arrays: Iterable[np.ndarray[Any, Any]]) -> None:
    """Writes arrays in order as ``.npz``."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{f"{index:05d}": array for index, array in enumerate(arrays)})


def read_arrays(path: Path) -> Weights:
    """Reads what :func:`write_arrays` wrote; an array of objects (a pickle) is refused.

    Raises:
      UnreadableWeights: If the file is not there or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in sorted(file.files)]
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableWeights(f"{path} holds no weights that can be read: {error}") from error


def _features(
    spec: StudentSpec, front_end: FrontEndSpec, batch_norm_momentum: float
) -> tuple[keras.Model, keras.Model | None]:
    """Log-mel to pooled features, and to the features of each moment where there are any."""
    network = build_network(spec.architecture, front_end.frames, front_end.mels, batch_norm_momentum)
    # The layers of the network, not the network as one layer: a form that TFMOT accepts is flat.
    log_mel = network.input
    x, token = network.outputs if spec.architecture.HAS_TOKEN else (network.output, None)
    levels = None
    if spec.statistics_skip:
        levels = keras.layers.BatchNormalization(
            momentum=batch_norm_momentum, center=False, scale=False, name="statistics_bn"
        )(LogMelStatistics(name="statistics")(log_mel))
    if spec.pooling == "token":
        return _joined(log_mel, token, levels), None
    if spec.pooling == "flatten":
        return _joined(log_mel, keras.layers.Flatten(name="flatten")(x), levels), None
    features = _joined(log_mel, keras.layers.GlobalAveragePooling2D(name="gap")(x), levels)
    each = FrequencyMean(name="frequency_mean")(x)
    if levels is not None:
        repeated = keras.layers.RepeatVector(x.shape[1], name="statistics_of_each")(levels)
        each = keras.layers.Concatenate(name="moment_features")([each, repeated])
    return features, keras.Model(log_mel, each, name="moments")


def _joined(log_mel: Any, pooled: Any, levels: Any | None) -> keras.Model:
    if levels is not None:
        pooled = keras.layers.Concatenate(name="features")([pooled, levels])
    return keras.Model(log_mel, pooled, name="features")


class FrequencyMean(keras.layers.Layer):
    """Mean over frequency: ``(batch, time, frequency, channels)`` to ``(batch, time, channels)``."""

    def call(self, x: Any) -> Any:
        """Averages over the third axis."""
        return tf.reduce_mean(x, axis=2)
