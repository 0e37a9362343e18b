"""Building a student, writing its weights and reading them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from components.common.modeling import bottleneck as bottlenecks
from components.common.modeling import whole_network
from components.common.modeling.architectures import build_network
from components.common.modeling.frontend import LogMelStatistics
from components.common.modeling.student_network import Student, assemble
from components.common.store.arrays import UnreadableWeights, read_arrays, write_arrays
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec


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


def _features(
    spec: StudentSpec, front_end: FrontEndSpec, batch_norm_momentum: float
) -> tuple[keras.Model, keras.Model | None]:
    """Log-mel to pooled features, and to the features of each moment where there are any."""
    network = build_network(spec.architecture, front_end.frames, front_end.mels, batch_norm_momentum)
    # The layers of the network, not the network as one layer: a form that TFMOT accepts is flat.
    log_mel = network.input
    x, token = network.outputs if spec.architecture.HAS_TOKEN else (network.output, None)
    beside: list[Any] = []
    if spec.taps:
        beside = [
            keras.layers.GlobalAveragePooling2D(name=f"tap_{number}")(network.get_layer(name).input)
            for number, name in enumerate(spec.architecture.taps)
        ]
    if spec.statistics_skip:
        statistics = LogMelStatistics(name="statistics")(log_mel)
        beside.append(
            keras.layers.BatchNormalization(
                momentum=batch_norm_momentum, center=False, scale=False, name="statistics_bn"
            )(statistics)
        )
    if spec.pooling == "token":
        return _joined(log_mel, token, beside), None
    if spec.pooling == "flatten":
        return _joined(log_mel, keras.layers.Flatten(name="flatten")(x), beside), None
    features = _joined(log_mel, keras.layers.GlobalAveragePooling2D(name="gap")(x), beside)
    each = FrequencyMean(name="frequency_mean")(x)
    if beside:
        constant = beside[0] if len(beside) == 1 else keras.layers.Concatenate(name="beside")(beside)
        repeated = keras.layers.RepeatVector(x.shape[1], name="beside_of_each")(constant)
        each = keras.layers.Concatenate(name="moment_features")([each, repeated])
    return features, keras.Model(log_mel, each, name="moments")


def _joined(log_mel: Any, pooled: Any, beside: list[Any]) -> keras.Model:
    if beside:
        pooled = keras.layers.Concatenate(name="features")([pooled, *beside])
    return keras.Model(log_mel, pooled, name="features")


class FrequencyMean(keras.layers.Layer):
    """Mean over frequency: ``(batch, time, frequency, channels)`` to ``(batch, time, channels)``."""

    def call(self, x: Any) -> Any:
        """Averages over the third axis."""
        return tf.reduce_mean(x, axis=2)
