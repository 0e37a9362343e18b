"""Whole networks in 8 bit: agreement with the float network, and what ships."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert import schema_py_generated as schema
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from components.common.modeling import bottleneck, flatbuffer, quantisation, whole_network
from components.common.modeling.litert import LiteRtModel
from components.common.modeling.student import Student, build_deployed, build_student
from schemas.students import FrontEndSpec
from tests.students import mobilenet

pytestmark = pytest.mark.slow

FRONT_END = FrontEndSpec()
SPEC = mobilenet("tiny", 0.5, embedding_width=32, svd_rank=8, qat="network", statistics_skip=True)


@dataclass(frozen=True)
class Trained:
    """A student trained for some steps, and the same in 8 bit with calibrated ranges."""

    plain: Student
    quantised: Student


def patches(count: int, seed: int) -> np.ndarray:
    """Log-mels with a level, a colour that drifts over the bands and one that drifts over time.

    Levels stay away from 0, where the targets vanish and an embedding has no direction to keep.
    """
    rng = np.random.default_rng(seed)
    colour = rng.normal(0, 0.2, (count, 1, 64)).cumsum(axis=2)
    course = rng.normal(0, 0.2, (count, 96, 1)).cumsum(axis=1)
    level = rng.normal(-3, 0.5, (count, 1, 1))
    return (level + colour + course + rng.normal(0, 0.3, (count, 96, 64))).astype(np.float32)


def targets(log_mel: np.ndarray) -> np.ndarray:
    """Levels of the bands, folded to the embedding's width."""
    mixing = np.random.default_rng(3).normal(0, 0.2, (64, 32))
    return (log_mel.mean(axis=1) @ mixing).astype(np.float32)


def train(network: keras.Model, steps: int, rate: float) -> None:
    """Some steps of mean squared error."""
    optimizer = keras.optimizers.Adam(rate)
    log_mel = patches(128, seed=0)
    target = targets(log_mel)

    @tf.function
    def step(inputs: tf.Tensor, wanted: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((network(inputs, training=True) - wanted) ** 2)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for index in range(steps):
        rows = np.arange(index * 32, index * 32 + 32) % 128
        step(tf.constant(log_mel[rows]), tf.constant(target[rows]))


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.sum(one * other, axis=1) / lengths


def tflite(network: keras.Model) -> bytes:
    """The file of a network for one patch, fake quantisers taken at their word."""
    signature = tf.TensorSpec((1, FRONT_END.frames, FRONT_END.mels), tf.float32)
    serve = tf.function(lambda x: network(x, training=False), input_signature=[signature], autograph=False)
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    content: bytes = converter.convert()
    return content


@pytest.fixture(scope="module")
def trained() -> Trained:
    keras.utils.set_random_seed(1)
    plain = build_student(SPEC, FRONT_END, batch_norm_momentum=0.8)
    width = plain.features.output_shape[-1]
    plain = plain.with_bottleneck(bottleneck.factored(width, SPEC.embedding_width, SPEC.svd_rank))
    train(plain.core, steps=60, rate=2e-3)
    network = whole_network.quantised_network(plain)
    quantisation.calibrate(whole_network.flat_core(plain), network, [patches(64, seed=0)])
    return Trained(plain, plain.with_core(network))


def test_a_calibrated_network_agrees_with_the_float_one(trained: Trained) -> None:
    unseen = patches(48, seed=1)
    expected = trained.plain.core(unseen, training=False).numpy()
    found = trained.quantised.core(unseen, training=False).numpy()
    assert cosines(found, expected).min() > 0.98
    assert np.abs(found - expected).max() > 0  # 8 bit, not float


def test_every_kernel_has_a_quantiser(trained: Trained) -> None:
    kernels = [w.name for w in trained.quantised.core.weights if w.name.endswith("kernel:0")]
    ranges = [w.name for w in trained.quantised.core.weights if w.name.endswith("kernel_min:0")]
    # Convolutions and depthwise convolutions of the network, and the bottleneck's two factors.
    assert len(kernels) == len(ranges) == 34 + 9 + 2


def test_only_what_ships_is_counted(trained: Trained) -> None:
    assert trained.quantised.parameters == trained.plain.parameters
    assert len(trained.quantised.core.weights) > len(trained.plain.core.weights)


def test_features_and_bottleneck_are_parts_of_the_quantised_network(trained: Trained) -> None:
    student, log_mel = trained.quantised, patches(4, seed=2)
    parts = student.bottleneck(student.features(log_mel, training=False), training=False)
    np.testing.assert_allclose(parts, student.core(log_mel, training=False), rtol=1e-5, atol=1e-5)
    own = {weight.ref() for weight in student.core.weights}
    assert all(weight.ref() in own for weight in student.bottleneck.weights)


def test_a_quantised_network_has_no_moments(trained: Trained) -> None:
    with pytest.raises(ValueError, match=r"tiny-w0.5-.*qatnet.*gives no embeddings of moments; use qat"):
        _ = trained.quantised.frames


def test_the_file_computes_in_int8_what_the_training_saw(trained: Trained) -> None:
    unseen = patches(32, seed=1)
    deployed = build_deployed(SPEC, FRONT_END, SPEC.svd_rank)
    deployed.core.set_weights(trained.quantised.core.get_weights())
    np.testing.assert_array_equal(
        deployed.core(unseen, training=False), trained.quantised.core(unseen, training=False)
    )
    train(deployed.core, steps=5, rate=1e-4)
    content = tflite(deployed.core)

    model = flatbuffer.parse(content)
    graph = model.subgraphs[0]
    operators = flatbuffer.operators(model)
    matrices = operators["CONV_2D"] + operators["DEPTHWISE_CONV_2D"] + operators["FULLY_CONNECTED"]
    assert matrices == 34 + 9 + 2
    assert len(flatbuffer.int8_weights(model)) >= matrices
    floats = sum(
        int(np.prod(tensor.shape))
        for tensor in graph.tensors
        if tensor.type == schema.TensorType.FLOAT32 and flatbuffer.constant(model, tensor) is not None
    )
    # The normalisation of the 128 statistics, which no convolution takes up, and a few scalars.
    assert floats <= 2 * 128 + 8
    assert {graph.tensors[i].type for i in (*graph.inputs, *graph.outputs)} == {schema.TensorType.FLOAT32}
    file = LiteRtModel(content)
    found = np.concatenate([file.run(patch[np.newaxis])[0] for patch in unseen])
    assert cosines(found, deployed.core(unseen, training=False).numpy()).min() > 0.99


def test_a_layer_that_cannot_be_quantised_is_named() -> None:
    student = build_student(mobilenet("tiny", 0.5, embedding_width=32, qat="network"), FRONT_END)
    student = student.with_bottleneck(
        keras.Model(
            student.bottleneck.input,
            keras.layers.PReLU(name="odd")(student.bottleneck.output),
            name="odd_end",
        )
    )
    with pytest.raises(ValueError, match=r"tiny-w0.5-gap-e32-qatnet: .* layer 'odd' \(PReLU\); use qat"):
        whole_network.quantised_network(student)


def test_calibration_needs_something_to_look_at(trained: Trained) -> None:
    with pytest.raises(ValueError, match="at least one batch"):
        quantisation.calibrate(whole_network.flat_core(trained.plain), trained.quantised.core, [])
