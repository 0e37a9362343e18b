"""What a network computes: multiply-accumulates, counted by TensorFlow's own registry of operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

_OPERATIONS = frozenset(("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2"))


def multiply_accumulates(network: Any) -> int:
    """Multiply-accumulates of one pass forward, of convolutions and matrix products.

    What is done value by value (activations, normalisation) is not counted. A training step computes about
    three times as many a window: forward, and backward for activations and for weights.

    Args:
      network: A ``keras.Model`` of one input, ``(batch, ...)``.
    """
    shape = (1, *network.inputs[0].shape[1:])
    graph = tf.function(network).get_concrete_function(tf.TensorSpec(shape, tf.float32)).graph
    # A multiplication and an addition are two operations in the registry.
    return sum(
        int(ops.get_stats_for_node_def(graph, operation.node_def, "flops").value or 0) // 2
        for operation in graph.get_operations()
        if operation.type in _OPERATIONS
    )


def bottleneck_multiply_accumulates(features: int, units: int, rank: int) -> int:
    """Those of a bottleneck: of a full matrix (rank 0) or of two factors."""
    return rank * (features + units) if rank else features * units
