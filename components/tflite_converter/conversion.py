"""From a Keras student to a TFLite file.

The contract of the file: one static input (``waveform`` (1, samples) or ``log_mel`` (1, frames, mels),
float32), one output ``embedding`` (1, D), builtin operators only.
"""

from __future__ import annotations

from typing import Any

from components.modeling import flatbuffer
from components.modeling.student import Student
from schemas.reports import VariantInput

INPUT_NAMES: dict[VariantInput, str] = {"wave": "waveform", "core": "log_mel"}
OUTPUT_NAME = "embedding"


class ConversionRefused(Exception):
    """The student cannot become this variant; the message says why."""


def input_shape(student: Student, kind: VariantInput) -> tuple[int, ...]:
    """Shape of a variant's input for one patch, batch of one included."""
    if kind == "wave":
        return (1, student.front_end.window_samples)
    return (1, student.front_end.frames, student.front_end.mels)


def convert(student: Student, kind: VariantInput) -> bytes:
    """Converts a student in its own precision.

    Float weights stay float32. A bottleneck trained with fake quantisation becomes true int8
    arithmetic: without ``Optimize.DEFAULT`` the converter would leave pairs of QUANTIZE and DEQUANTIZE
    round float weights. Seeing fake quantisers, it touches nothing else.

    Raises:
      ConversionRefused: If the converter fails or an operator is not builtin.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    function = _frozen(student, kind)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if student.spec.qat != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        content = converter.convert()
    except ConverterError as error:
        raise ConversionRefused(f"the TFLite converter failed: {_essence(str(error))}") from error
    model = flatbuffer.parse(content)
    foreign = flatbuffer.foreign_operators(model)
    if foreign:
        raise ConversionRefused(f"operators that are not builtin: {', '.join(foreign)}")
    flatbuffer.rename(model, INPUT_NAMES[kind], OUTPUT_NAME)
    return flatbuffer.serialize(model)


def _frozen(student: Student, kind: VariantInput) -> Any:
    """The network as one concrete function with its weights as constants.

    Handing the Keras model itself to the converter would save it as a SavedModel first, which traces
    every layer again and takes several times as long.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    network = student.wave if kind == "wave" else student.core
    signature = tf.TensorSpec(input_shape(student, kind), tf.float32, name=INPUT_NAMES[kind])
    serve = tf.function(lambda x: network(x, training=False), input_signature=[signature], autograph=False)
    return convert_variables_to_constants_v2(serve.get_concrete_function())


def _essence(message: str) -> str:
    """The lines of a converter's message that name operators, or its last line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("Flex ops:", "Custom ops:", "TF Select ops:"))]
    return "; ".join(telling) if telling else lines[-1]
