"""Quantisation-aware training of a whole student, with TFMOT's 8-bit quantisers.

TFMOT's ``quantize_model`` refuses hard-swish and products of maps, leaves the kernel of a convolution with
a ReLU behind it in float, and rewrites the graph once a layer, which takes minutes on a deep network.
So its wrappers and configurations are placed here, in one pass and by the same rule as there: what the
converter computes as one operator (convolution, batch normalisation, ReLU) has one quantiser, at its end.
"""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from components.common.modeling.frontend import LogMelStatistics
from components.common.modeling.student_network import Student

_KERNELS = {
    keras.layers.Conv2D: "kernel",
    keras.layers.DepthwiseConv2D: "depthwise_kernel",
    keras.layers.Dense: "kernel",
}
# Their output gets a range of its own.
_COMPUTING = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.LayerNormalization,
    keras.layers.Multiply,
    keras.layers.ReLU,
)
# Their output has the range of their input.
_PASSING = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.MaxPooling2D,
    keras.layers.Reshape,
    keras.layers.ZeroPadding2D,
)
# One operator with what stands before them.
_FUSING = {
    keras.layers.Conv2D: (keras.layers.BatchNormalization, keras.layers.ReLU),
    keras.layers.DepthwiseConv2D: (keras.layers.BatchNormalization, keras.layers.ReLU),
    keras.layers.Dense: (keras.layers.ReLU,),
    keras.layers.BatchNormalization: (keras.layers.ReLU,),
    keras.layers.Add: (keras.layers.ReLU,),
}


def flat_core(student: Student) -> keras.Model:
    """The student from log-mel to embedding as one flat network, with copies of its weights."""
    log_mel = _log_mel(student)
    return _copied(student, log_mel, log_mel)


def quantised_network(student: Student) -> keras.Model:
    """The student with fake quantisation (8 bit) of its kernels and maps; it shares no weights with it.

    The ranges of the activations are TFMOT's own until
    :func:`~components.common.modeling.quantisation.calibrate` sets them from data.

    Args:
      student: With a full or a factored bottleneck that is not quantised.

    Returns:
      Log-mel ``(batch, frames, mels)`` to embedding ``(batch, embedding_width)``.

    Raises:
      ValueError: Naming the candidate and the layer that cannot be quantised.
    """
    from tensorflow_model_optimization.python.core.quantization.keras import (
        quantize,
        quantize_layer,
        quantizers,
    )

    log_mel = _log_mel(student)
    quantiser = quantizers.AllValuesQuantizer(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
    heard = quantize_layer.QuantizeLayer(quantiser, name="quantize_layer")(log_mel)
    with quantize.quantize_scope():
        return keras.models.clone_model(
            _copied(student, log_mel, heard),
            clone_function=lambda layer: _quantised(layer, student.spec.candidate_id),
        )


def _log_mel(student: Student) -> Any:
    return keras.Input((student.front_end.frames, student.front_end.mels), name="log_mel")


def _copied(student: Student, log_mel: Any, x: Any) -> keras.Model:
    core = keras.Model(log_mel, student.bottleneck.call(student.features.call(x)), name="core")
    copy = keras.models.clone_model(core)
    copy.set_weights(core.get_weights())
    return copy


def _quantised(layer: keras.layers.Layer, candidate: str) -> keras.layers.Layer:
    """The layer in TFMOT's wrapper, or as it is where there is nothing to quantise."""
    from tensorflow_model_optimization.python.core.quantization.keras import quantize_layer, quantize_wrapper
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs,
        default_8bit_quantize_registry,
    )

    if isinstance(layer, (*_PASSING, LogMelStatistics, quantize_layer.QuantizeLayer)):
        return layer
    ends = not _fused_with_next(layer)
    if type(layer) in _KERNELS:
        config_type = (
            default_8bit_quantize_registry.Default8BitQuantizeConfig
            if isinstance(layer, keras.layers.Dense)
            else default_8bit_quantize_registry.Default8BitConvQuantizeConfig
        )
        config = config_type([_KERNELS[type(layer)]], ["activation"] if ends else [], False)
    elif isinstance(layer, _COMPUTING):
        if not ends:
            return layer
        config = default_8bit_quantize_configs.Default8BitOutputQuantizeConfig()
    else:
        raise ValueError(
            f"{candidate}: qat 'network' cannot quantise the layer {layer.name!r} ({type(layer).__name__}); "
            "use qat 'bottleneck'"
        )
    return quantize_wrapper.QuantizeWrapperV2(layer, config)


def _fused_with_next(layer: keras.layers.Layer) -> bool:
    following = [node.layer for node in layer.outbound_nodes]
    return len(following) == 1 and isinstance(following[0], _FUSING.get(type(layer), ()))
