"""TFLite files, run by LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.tensors import TensorInfo

Array = np.ndarray[Any, Any]


class LiteRtModel:
    """One TFLite file behind one interpreter; not safe to share between threads."""

    def __init__(self, model: str | Path | bytes, num_threads: int = 1) -> None:
        """Loads a model; its tensors are allocated before the first run.

        Args:
          model: Path of a ``.tflite`` file, or its content.
          num_threads: Threads of the interpreter, at least 1.

        Raises:
          FileNotFoundError: If the file does not exist.
          ValueError: If LiteRT cannot read it.
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
        self._allocated = False

    @property
    def inputs(self) -> list[TensorInfo]:
        """Inputs in order; a dimension that may be resized freely is -1."""
        return [_info(detail) for detail in self._interpreter.get_input_details()]

    @property
    def outputs(self) -> list[TensorInfo]:
        """Outputs in order; a dimension that follows the input is -1."""
        return [_info(detail) for detail in self._interpreter.get_output_details()]

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
        """Runs the model once.

        Args:
          *arrays: One array an input, of the input's shape and type.

        Returns:
          A copy of each output.

        Raises:
          ValueError: If the number, shape or type of the arrays does not fit the inputs.
        """
        details = self._interpreter.get_input_details()
        if len(arrays) != len(details):
            raise ValueError(f"{self._name} has {len(details)} inputs, got {len(arrays)} arrays")
        self._allocate()
        for detail, array in zip(details, arrays, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self._interpreter.invoke()
        return [
            self._interpreter.get_tensor(detail["index"]) for detail in self._interpreter.get_output_details()
        ]

    def run_each(self, items: Array) -> Array:
        """Runs a model of one input of batch 1 once an item; nothing is looked up between the runs.

        Args:
          items: ``(n, ...)``, n at least 1; each item is the input without its batch dimension.

        Returns:
          The first output of each, ``(n, ...)``.

        Raises:
          ValueError: If the shape or type of an item does not fit the input.
        """
        self._allocate()
        interpreter = self._interpreter
        source = interpreter.get_input_details()[0]["index"]
        answer = interpreter.get_output_details()[0]
        answers = np.empty((len(items), *answer["shape"][1:]), answer["dtype"])
        for index in range(len(items)):
            interpreter.set_tensor(source, items[index : index + 1])
            interpreter.invoke()
            answers[index] = interpreter.get_tensor(answer["index"])[0]
        return answers

    def _allocate(self) -> None:
        if not self._allocated:
            self._interpreter.allocate_tensors()
            self._allocated = True


def _info(detail: dict[str, Any]) -> TensorInfo:
    signature = detail.get("shape_signature")
    shape = detail["shape"] if signature is None or not len(signature) else signature
    return TensorInfo(
        name=detail["name"], shape=[int(size) for size in shape], dtype=np.dtype(detail["dtype"]).name
    )
