"""What the quantised forms of a network share: their ranges and their state.

TFMOT starts every range at -6 to 6. Those of kernels follow at the first training step; those of activations
move by a thousandth a step, so that a short training would ship ranges that have nothing to do with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

Array = np.ndarray[Any, Any]


def calibrate(plain: keras.Model, quantised: keras.Model, batches: Iterable[Array]) -> None:
    """Sets the ranges of a quantised network to those of its kernels and of what its float network gives.

    Args:
      plain: The float network that ``quantised`` was made of, of the same weights and layer names.
      quantised: What TFMOT made of it; its ranges are set in place.
      batches: Inputs of ``plain``.

    Raises:
      ValueError: If there is not one batch.
    """
    from tensorflow_model_optimization.python.core.quantization.keras import quantize_wrapper

    computed = [layer for layer in plain.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(plain.input, [layer.output for layer in computed])
    measure = tf.function(
        lambda batch: _ranges([batch, *tf.nest.flatten(outputs(batch, training=False))]), autograph=False
    )
    seen = [measure(tf.constant(batch, tf.float32)).numpy() for batch in batches]
    if not seen:
        raise ValueError("quantisers need at least one batch to find their ranges in")
    # A range holds 0: padding and pruned weights must be exact.
    low = np.minimum(np.min(seen, axis=0)[:, 0], 0.0)
    high = np.maximum(np.max(seen, axis=0)[:, 1], 0.0)
    place = {layer.name: index for index, layer in enumerate(computed, start=1)}
    for layer in quantised.layers:
        wraps = isinstance(layer, quantize_wrapper.QuantizeWrapper)
        for kernel, quantiser, its_range in layer._weight_vars if wraps else ():
            quantiser(kernel, training=True, weights=its_range)
        index = place[layer.layer.name] if wraps else 0
        for weight in layer.weights:
            if not is_state(weight) or "kernel" in _own_name(weight):
                continue
            if _own_name(weight).endswith("_min"):
                weight.assign(low[index])
            elif _own_name(weight).endswith("_max"):
                weight.assign(high[index])


def is_state(weight: tf.Variable) -> bool:
    """Whether a weight of a quantised network belongs to a quantiser: used in training, never shipped."""
    return _own_name(weight).endswith(("_min", "_max", "optimizer_step"))


def _own_name(weight: tf.Variable) -> str:
    path, _, _ = str(weight.name).partition(":")
    return path.rpartition("/")[2]


def _ranges(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.stack([tf.stack([tf.reduce_min(value), tf.reduce_max(value)]) for value in values])
