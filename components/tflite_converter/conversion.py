"""From a Keras student to a TFLite file.

The contract of the file: one static input (``waveform`` (1, samples) or ``log_mel`` (1, frames, mels),
float32), the output ``embedding`` (1, D) and, where asked for, a second one ``frames`` (1, moments, D);
builtin operators only. A stream file has its state beside them (``stream.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from components.common.modeling import flatbuffer
from components.common.modeling.student_network import Student
from components.tflite_converter.settings import FrameOutput

WAVEFORM, LOG_MEL = "waveform", "log_mel"
EMBEDDING, FRAMES = "embedding", "frames"
FRONT_END, NETWORK = "front_end", "network"


class ConversionRefused(Exception):
    """The student cannot become this variant; the message says why."""


def convert(student: Student, frame_output: FrameOutput = "no") -> bytes:
    """Converts a student from log-mel on, in its own precision.

    Float weights stay float32. What was trained with fake quantisation becomes true int8 arithmetic:
    without ``Optimize.DEFAULT`` the converter would leave pairs of QUANTIZE and DEQUANTIZE round float
    weights. Seeing fake quantisers, it touches nothing else.

    Raises:
      ConversionRefused: If the converter fails, an operator is not builtin, or frames are required of a
        student that has none.
    """
    inputs = {LOG_MEL: (1, student.front_end.frames, student.front_end.mels)}
    quantised = student.spec.qat != "none"
    if not _with_frames(student, frame_output):
        core = student.core
        return convert_function(lambda x: core(x, training=False), inputs, [EMBEDDING], NETWORK, quantised)
    network = student.frames

    def both(log_mel: Any) -> Any:
        import tensorflow as tf

        frames = network(log_mel, training=False)
        return tf.reduce_mean(frames, axis=1), frames

    return convert_function(both, inputs, [EMBEDDING, FRAMES], NETWORK, quantised)


def convert_function(
    function: Callable[..., Any],
    inputs: Mapping[str, tuple[int, ...]],
    output_names: Sequence[str],
    scope: str,
    quantised: bool = False,
) -> bytes:
    """Converts a function of float32 tensors.

    Args:
      function: Of one tensor or several; gives one or several.
      inputs: Names and shapes of what it takes, in its order, batch of one included.
      output_names: Of the file, in the function's order.
      scope: Name under which its tensors stand in the file.
      quantised: Whether fake quantisation becomes int8 arithmetic.

    Raises:
      ConversionRefused: If the converter fails or an operator is not builtin.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    frozen = _frozen(function, inputs, scope)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        content = converter.convert()
    except ConverterError as error:
        raise ConversionRefused(f"the TFLite converter failed: {_essence(str(error))}") from error
    model = flatbuffer.parse(content)
    foreign = flatbuffer.foreign_operators(model)
    if foreign:
        raise ConversionRefused(f"operators that are not builtin: {', '.join(foreign)}")
    _order_ends(model, inputs)
    flatbuffer.name_ends(model, list(inputs), output_names)
    return flatbuffer.serialize(model)


def _with_frames(student: Student, frame_output: FrameOutput) -> bool:
    if frame_output == "no":
        return False
    if student.spec.qat == "network":
        reason = "its network was quantised as a whole, up to one embedding a patch"
    elif student.moments is None:
        reason = f"pooling {student.spec.pooling!r} leaves no moments"
    else:
        return True
    if frame_output == "required":
        raise ConversionRefused(f"no output for each moment: {reason}")
    return False


def _order_ends(model: Any, inputs: Iterable[str]) -> None:
    """Puts the ends in the function's order: the converter orders the file's by names that it gives them.

    Of some networks (EfficientNetV2) the converter's file has no signature that tells which is which.

    Raises:
      ConversionRefused: If the ends of such a file could be mistaken for each other.
    """
    graph = flatbuffer.only_graph(model)
    if not model.signatureDefs:
        if len(graph.inputs) > 1 or len(graph.outputs) > 1:
            raise ConversionRefused("the converter's file does not tell its inputs and outputs apart")
        return
    (signature,) = model.signatureDefs
    taken = {flatbuffer.text(entry.name): entry.tensorIndex for entry in signature.inputs}
    given = {flatbuffer.text(entry.name): entry.tensorIndex for entry in signature.outputs}
    graph.inputs = [taken[name] for name in inputs]
    graph.outputs = [given[f"output_{place}"] for place in range(len(given))]


def _frozen(function: Callable[..., Any], inputs: Mapping[str, tuple[int, ...]], scope: str) -> Any:
    """The function as one concrete function with its weights as constants.

    Handing the Keras model itself to the converter would save it as a SavedModel first, which traces
    every layer again and takes several times as long.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def scoped(*tensors: Any) -> Any:
        with tf.name_scope(scope):
            return function(*tensors)

    signature = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in inputs.items()]
    serve = tf.function(scoped, input_signature=signature, autograph=False)
    return convert_variables_to_constants_v2(serve.get_concrete_function())


def _essence(message: str) -> str:
    """The lines of a converter's message that name operators, or its last line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("Flex ops:", "Custom ops:", "TF Select ops:"))]
    return "; ".join(telling) if telling else lines[-1]
