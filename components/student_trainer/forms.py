"""From one form of the bottleneck to the next, with the weights carried over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from components.modeling import bottleneck as bottlenecks
from components.modeling.student import Student
from components.student_trainer.phases import PhaseName

Array = np.ndarray[Any, Any]


def enter_phase(student: Student, phase: PhaseName, seed: int, features: Iterable[Array]) -> Student:
    """The student with the bottleneck that a phase trains.

    Args:
      student: In the form of the phase before.
      phase: The phase that begins.
      seed: Of the randomised SVD.
      features: Batches of pooled features ``(batch, features)`` that show the quantisers their ranges.
    """
    width = student.features.output_shape[-1]
    units, rank = student.spec.embedding_width, student.spec.svd_rank
    bottleneck = student.bottleneck
    if phase == "annealed":
        bottleneck = bottlenecks.annealed(width, units, rank)
        layer = bottleneck.get_layer("annealed")
        kernel, bias = student.bottleneck.get_layer("embedding_dense").get_weights()
        layer.full.assign(kernel)
        layer.bias.assign(bias)
        layer.refit(seed)
    elif phase == "factored":
        trained = student.bottleneck.get_layer("annealed")
        bottleneck = bottlenecks.factored(width, units, rank)
        bottleneck.get_layer("reduce_dense").set_weights([trained.reduce.numpy()])
        bottleneck.get_layer("embedding_dense").set_weights([trained.expand.numpy(), trained.bias.numpy()])
    elif phase == "qat":
        bottleneck = bottlenecks.quantised(student.bottleneck)
        _calibrate(student, bottleneck, features)
    return student.with_bottleneck(bottleneck)


def _calibrate(student: Student, quantised: Any, features: Iterable[Array]) -> None:
    """Sets the quantisers' activation ranges to what the float bottleneck gives.

    TFMOT starts every range at -6 to 6 and moves it by a thousandth a step: without this, a short
    training would ship ranges that have nothing to do with the activations.
    """
    import tensorflow as tf
    import tf_keras as keras

    dense = [layer for layer in student.bottleneck.layers if isinstance(layer, keras.layers.Dense)]
    probe = keras.Model(student.bottleneck.input, [layer.output for layer in dense])
    low = np.full(len(dense) + 1, np.inf)
    high = np.full(len(dense) + 1, -np.inf)
    for batch in features:
        values = [batch, *tf.nest.flatten(probe(batch, training=False))]
        low = np.minimum(low, [float(np.min(value)) for value in values])
        high = np.maximum(high, [float(np.max(value)) for value in values])
    for variable in quantised.variables:
        owner, _, kind = variable.name.partition(":")[0].rpartition("/")
        names = ["quantize_layer", *(f"quant_{layer.name}" for layer in dense)]
        for index, name in enumerate(names):
            if owner.startswith(name) and kind.endswith("_min") and "kernel" not in kind:
                variable.assign(min(low[index], 0.0))
            elif owner.startswith(name) and kind.endswith("_max") and "kernel" not in kind:
                variable.assign(max(high[index], 0.0))
