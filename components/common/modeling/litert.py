"""TFLite files, run by LiteRT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.tensors import TensorInfo

Array = np.ndarray[Any, Any]

_FLEX = "Flex"


class LiteRtModel:
    """One TFLite file behind one interpreter; not safe to share between threads."""

    def __init__(self, model: str | Path | bytes, num_threads: int = 1) -> None:
        """Loads a model; its tensors are allocated before the first run.

        Args:
          model: Path of a ``.tflite`` file, or its content.
          num_threads: Threads of the interpreter, at least 1.

        Raises:
          FileNotFoundError: If the file does not exist.
          ValueError: If LiteRT cannot read it, or it needs operators of TensorFlow.
        """
        from ai_edge_litert.interpreter import Interpreter

        self._name = "model" if isinstance(model, bytes) else str(model)
        source: dict[str, Any] = {"model_content": model}
        if not isinstance(model, bytes):
            if not Path(model).is_file():
                raise FileNotFoundError(f"there is no TFLite file {model}")
            source = {"model_path": str(model)}
        try:
            self._interpreter = Interpreter(num_threads=num_threads, **source)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self._name} is not a TFLite file that LiteRT can read: {error}") from error
        flex = [name for name in custom_operators(model) if name.startswith(_FLEX)]
        if flex:
            raise ValueError(
                f"{self._name} needs TensorFlow's Flex operators ({', '.join(flex)}), which LiteRT alone "
                "does not have: convert it with TFLite's builtin operators only, or use the SavedModel or "
                "ONNX file it was made of"
            )
        self._allocated = False

    @property
    def inputs(self) -> list[TensorInfo]:
        """Inputs in order; a dimension that may be resized freely is -1."""
        return [_info(detail) for detail in self._interpreter.get_input_details()]

    @property
    def outputs(self) -> list[TensorInfo]:
        """Outputs in order; a dimension that follows the input is -1."""
        return [_info(detail) for detail in self._interpreter.get_output_details()]

    def check_output(self, index: int) -> None:
        """Refuses an output that holds no numbers of its own: integers without the scale they stand for.

        Raises:
          ValueError: With the output's type and the outputs that could be used.
        """
        details = self._interpreter.get_output_details()
        usable = [place for place, detail in enumerate(details) if _is_real(detail)]
        if index not in usable:
            raise ValueError(
                f"{self._name}: output {index} is {np.dtype(details[index]['dtype']).name} without scale and "
                f"zero point, which is not an embedding; outputs of real numbers are {usable or 'none'}"
            )

    def resize_input(self, index: int, shape: Sequence[int]) -> None:
        """Gives input ``index`` another shape.

        Raises:
          ValueError: If a fixed dimension would change: delegates do not survive it.
        """
        detail = self._interpreter.get_input_details()[index]
        fixed = _info(detail).shape
        fits = len(fixed) == len(shape) and all(
            have in (-1, want) for have, want in zip(fixed, shape, strict=True)
        )
        if not fits:
            raise ValueError(f"{self._name}: input {index} has the shape {fixed}, {list(shape)} does not fit")
        if list(detail["shape"]) != list(shape):
            self._interpreter.resize_tensor_input(detail["index"], list(shape), strict=False)
            self._allocated = False

    def run(self, *arrays: Array) -> list[Array]:
        """Runs the model once; what is quantised comes back as the numbers it stands for.

        Args:
          *arrays: One array an input, of the input's shape and type; a quantised input takes the numbers that
            its codes stand for, too.

        Returns:
          A copy of each output; integers that have a scale as float32.

        Raises:
          ValueError: If the number, shape or type of the arrays does not fit the inputs.
        """
        details = self._interpreter.get_input_details()
        if len(arrays) != len(details):
            raise ValueError(f"{self._name} has {len(details)} inputs, got {len(arrays)} arrays")
        self._allocate()
        for detail, array in zip(details, arrays, strict=True):
            self._interpreter.set_tensor(detail["index"], quantised(array, detail))
        self._interpreter.invoke()
        return [
            dequantised(self._interpreter.get_tensor(detail["index"]), detail)
            for detail in self._interpreter.get_output_details()
        ]

    def run_each(self, items: Array) -> Array:
        """Runs a model of one input of batch 1 once an item; nothing is looked up between the runs.

        Args:
          items: ``(n, ...)``, n at least 1; each item is the input without its batch dimension.

        Returns:
          The first output of each, ``(n, ...)``; integers that have a scale as float32.

        Raises:
          ValueError: If the shape or type of an item does not fit the input.
        """
        self._allocate()
        interpreter = self._interpreter
        taken = interpreter.get_input_details()[0]
        source = taken["index"]
        answer = interpreter.get_output_details()[0]
        answers = np.empty((len(items), *answer["shape"][1:]), answer["dtype"])
        for index in range(len(items)):
            interpreter.set_tensor(source, quantised(items[index : index + 1], taken))
            interpreter.invoke()
            answers[index] = interpreter.get_tensor(answer["index"])[0]
        return dequantised(answers, answer)

    def codes(self, values: Array, *, output: bool = False) -> Array:
        """What the first input, or the first output, holds for numbers: codes if it is quantised, or they."""
        details = self._interpreter.get_output_details() if output else self._interpreter.get_input_details()
        return quantised(values, details[0])

    def _allocate(self) -> None:
        if not self._allocated:
            self._interpreter.allocate_tensors()
            self._allocated = True


def quantised(values: Array, detail: Mapping[str, Any]) -> Array:
    """The codes of numbers for a quantised tensor; codes, and numbers for any other tensor, as they are.

    Args:
      values: Numbers, or what the tensor holds.
      detail: What the interpreter says of the tensor: one scale for all.
    """
    parameters, dtype = detail["quantization_parameters"], np.dtype(detail["dtype"])
    if values.dtype.kind != "f" or dtype.kind not in "iu" or len(parameters["scales"]) != 1:
        return values
    codes = np.round(values / parameters["scales"][0]) + parameters["zero_points"][0]
    limits = np.iinfo(dtype)
    return np.clip(codes, limits.min, limits.max).astype(dtype)


def dequantised(values: Array, detail: Mapping[str, Any]) -> Array:
    """``scale * (code - zero point)`` of a quantised tensor; any other as it is.

    Args:
      values: What the tensor holds, of its own rank.
      detail: What the interpreter says of the tensor: one scale, or one for each index of an axis.
    """
    parameters = detail["quantization_parameters"]
    scales, zeros = np.asarray(parameters["scales"]), np.asarray(parameters["zero_points"])
    if not np.issubdtype(values.dtype, np.integer) or not scales.size:
        return values
    if scales.size > 1:
        shape = [1] * values.ndim
        shape[parameters["quantized_dimension"]] = scales.size
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    return (scales * (values.astype(np.float64) - zeros)).astype(np.float32)


def _is_real(detail: Mapping[str, Any]) -> bool:
    dtype = np.dtype(detail["dtype"])
    scales = detail["quantization_parameters"]["scales"]
    return dtype.kind == "f" or (dtype.kind in "iu" and len(scales) > 0)


def custom_operators(model: str | Path | bytes) -> list[str]:
    """Names of the operators of a TFLite file that are none of its builtin ones, sorted."""
    from ai_edge_litert import schema_py_generated as schema

    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    root = schema.Model.GetRootAs(content, 0)
    codes = (root.OperatorCodes(index).CustomCode() for index in range(root.OperatorCodesLength()))
    return sorted({code.decode(errors="replace") for code in codes if code})


def _info(detail: dict[str, Any]) -> TensorInfo:
    signature = detail.get("shape_signature")
    shape = detail["shape"] if signature is None or not len(signature) else signature
    scales, zeros = (detail["quantization_parameters"][name] for name in ("scales", "zero_points"))
    known = len(scales) == 1
    return TensorInfo(
        name=detail["name"],
        shape=[int(size) for size in shape],
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(scales[0]) if known else None,
        zero_point=int(zeros[0]) if known else None,
    )
