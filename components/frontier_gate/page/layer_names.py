"""Names of layers and operators as their owner knows them, instead of as TensorFlow's converter joins them.

The converter names a tensor by all operations that were fused into it, as in
'network/core/block_7_project_bn/FusedBatchNormV3;network/core/block_7_project_conv/Conv2D1': what a reader
looks for is the layer, 'block_7_project_conv', and that it is a convolution.
"""

from __future__ import annotations

import re

# What the student's network wraps around its layers.
_AROUND = ("network", "core")
_OPERATORS = {
    "CONV_2D": "convolution",
    "DEPTHWISE_CONV_2D": "depthwise convolution",
    "FULLY_CONNECTED": "dense",
    "BATCH_MATMUL": "matrix product",
    "MEAN": "mean",
    "MUL": "product",
    "ADD": "sum",
    "SUB": "difference",
    "LOGISTIC": "sigmoid",
    "QUANTIZE": "to int8",
    "DEQUANTIZE": "to float",
}
# TensorFlow's operation behind the operators that others are fused into.
_DOES_THE_WORK = re.compile(r"conv2d|depthwise|matmul", re.IGNORECASE)


def plain_operator(operator: str) -> str:
    """As in 'depthwise convolution' of DEPTHWISE_CONV_2D; one that has no other name in small letters."""
    return _OPERATORS.get(operator, operator.lower().replace("_", " "))


def plain_layer(name: str) -> str:
    """The layer that a tensor comes out of; of several that were fused, the one that does the work."""
    fused = [part.split("/") for part in name.split(";") if part]
    if not fused:
        return name
    working = [part for part in fused if _DOES_THE_WORK.search(part[-1])]
    chosen = (working or fused)[0]
    layers = [one for one in chosen[:-1] if one not in _AROUND]
    return "/".join(layers) or chosen[-1]
