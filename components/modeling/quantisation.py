"""What the quantised forms of a network share: their ranges and their state.

TFMOT starts the range of every activation at -6 to 6 and moves it by a thousandth a step: without a
calibration a short training would ship ranges that have nothing to do with the activations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

Array = np.ndarray[Any, Any]


def calibrate(plain: keras.Model, quantised: keras.Model, batches: Iterable[Array]) -> None:
    """Sets the ranges of a quantised network's activations to what its float network gives.

    Args:
      plain: The float network that ``quantised`` was made of, of the same weights and layer names.
      quantised: What TFMOT made of it; its ranges are set in place.
      batches: Inputs of ``plain``.

    Raises:
      ValueError: If there is not one batch.
    """
    computed = [layer for layer in plain.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(plain.input, [layer.output for layer in computed])
    measure = tf.function(lambda batch: _ranges([batch, *tf.nest.flatten(outputs(batch, training=False))]))
    seen = [measure(tf.constant(batch, tf.float32)).numpy() for batch in batches]
    if not seen:
        raise ValueError("quantisers need at least one batch to find their ranges in")
    # A range holds 0: padding and pruned weights must be exact.
    low = np.minimum(np.min(seen, axis=0)[:, 0], 0.0)
    high = np.maximum(np.max(seen, axis=0)[:, 1], 0.0)
    place = {layer.name: index for index, layer in enumerate(computed, start=1)}
    for layer in quantised.layers:
        index = place[layer.layer.name] if hasattr(layer, "layer") else 0
        for weight in layer.weights:
            kind = _own_name(weight)
            if is_state(weight) and "kernel" not in kind:
                if kind.endswith("_min"):
                    weight.assign(low[index])
                elif kind.endswith("_max"):
                    weight.assign(high[index])


def is_state(weight: tf.Variable) -> bool:
    """Whether a weight of a quantised network belongs to a quantiser: used in training, never shipped."""
    return _own_name(weight).endswith(("_min", "_max", "optimizer_step"))


def _own_name(weight: tf.Variable) -> str:
    path, _, _ = str(weight.name).partition(":")
    return path.rpartition("/")[2]


def _ranges(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.stack([tf.stack([tf.reduce_min(value), tf.reduce_max(value)]) for value in values])
