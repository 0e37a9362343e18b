"""Quantisation-aware training of a whole student, in a form that TFMOT accepts.

TFMOT's default 8-bit scheme takes flat networks of layers that it knows: it leaves no quantiser between a
convolution and its batch normalisation, so that the converter can fold them, and quantises the weights of
convolutions per channel. It knows neither hard-swish nor products of maps, on which ``quantize_model``
fails; here such layers carry a configuration that quantises their output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tf_keras as keras

from components.modeling.frontend import LogMelStatistics

if TYPE_CHECKING:
    from components.modeling.student import Student

# Unknown to TFMOT; computed in float where TFLite has no integer kernel, with a quantised output.
_OUTPUT_ONLY = (
    keras.layers.Activation,
    keras.layers.Multiply,
    keras.layers.LayerNormalization,
)
_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def flat_core(student: Student) -> keras.Model:
    """The student from log-mel to embedding as one flat network, with copies of its weights."""
    log_mel = keras.Input((student.front_end.frames, student.front_end.mels), name="log_mel")
    core = keras.Model(log_mel, student.bottleneck.call(student.features.call(log_mel)), name="core")
    copy = keras.models.clone_model(core)
    copy.set_weights(core.get_weights())
    return copy


def quantised_network(student: Student) -> keras.Model:
    """The student with fake quantisation (8 bit) of every weight and every map.

    The weights are carried over; the ranges of the activations are TFMOT's own until
    :func:`~components.modeling.quantisation.calibrate` sets them from data.

    Args:
      student: With a full or a factored bottleneck that is not quantised.

    Returns:
      Log-mel ``(batch, frames, mels)`` to embedding ``(batch, embedding_width)``.

    Raises:
      ValueError: Naming the candidate and the layer that cannot be quantised.
    """
    import tensorflow_model_optimization as tfmot

    plain = flat_core(student)
    annotated = keras.models.clone_model(
        plain, clone_function=lambda layer: _annotated(layer, student.spec.candidate_id)
    )
    annotated.set_weights(plain.get_weights())
    with tfmot.quantization.keras.quantize_scope({"LogMelStatistics": LogMelStatistics}):
        return tfmot.quantization.keras.quantize_apply(annotated)


def _annotated(layer: keras.layers.Layer, candidate: str) -> keras.layers.Layer:
    """The layer marked for TFMOT, with a configuration of its own where TFMOT has none."""
    from tensorflow_model_optimization.python.core.quantization.keras import quantize_annotate
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs as configs,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry as registry,
    )

    mark: Any = quantize_annotate.QuantizeAnnotate
    if isinstance(layer, LogMelStatistics):
        return layer
    if isinstance(layer, _OUTPUT_ONLY) or _free_normalisation(layer):
        return mark(layer, quantize_config=configs.Default8BitOutputQuantizeConfig())
    if isinstance(layer, keras.layers.BatchNormalization) or (
        registry.Default8BitQuantizeRegistry().supports(layer)
    ):
        return mark(layer, quantize_config=None)
    raise ValueError(
        f"{candidate}: qat 'network' cannot quantise the layer {layer.name!r} ({type(layer).__name__}); "
        "use qat 'bottleneck'"
    )


def _free_normalisation(layer: keras.layers.Layer) -> bool:
    """Whether a batch normalisation follows something else than a convolution, into which it would fold."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
    return not isinstance(layer.inbound_nodes[0].inbound_layers, _CONVOLUTIONS)
