"""The process that runs one model under TensorFlow Lite Micro: numpy, TFLM and LiteRT, nothing else.

Run as a script. A request is a JSON line on standard input, its answer one on standard output:

* ``{"op": "hello"}``: answers the version of TFLM and the commit that it was built from;
* ``{"op": "footprint", "path", "golden", "arena_bytes"}``: loads the file into an arena of that size, runs
  the golden vectors, and answers what TFLM says of its allocations and how its embeddings differ. A stream
  file is given each window chunk by chunk, from a state of zeros.

Either answer may be ``{"error": message}``; a crash is for the parent to notice. TFLM says on standard error
why it refuses a file, and prints its allocations there, so that is read along.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import metadata, version
from typing import Any, TextIO

import numpy as np
from ai_edge_litert import interpreter as litert
from tflite_micro.python.tflite_micro import runtime

Request = dict[str, Any]

_STDERR = 2
_NEXT = "next_"


def hello(_: Request) -> Request:
    """Introduces the runtime; the wheel tells the commit in its description."""
    described = metadata("tflite-micro").get_payload()  # type: ignore[attr-defined]
    commit = str(described).partition("built from commit")[2].partition("[")[2].partition("]")[0]
    return {"runtime": version("tflite-micro"), "commit": commit}


def footprint(request: Request) -> Request:
    """Runs a file; what TFLM wrote on standard error is in the answer whatever happens."""
    with np.load(request["golden"], allow_pickle=False) as golden:
        inputs, expected = golden["input"], golden["embedding"]
    reference = litert.Interpreter(
        request["path"], experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    reference.allocate_tensors()
    ends = _Ends(reference)
    with _standard_error() as told:
        try:
            model = runtime.Interpreter.from_file(request["path"], arena_size=request["arena_bytes"])
            given = [_embed(ends, value, partial(_run, model, ends)) for value in inputs]
            model.print_allocations()
        except RuntimeError as error:
            return {"refused": str(error), "told": _read(told)}
        words = _read(told)
    right = np.stack([_embed(ends, value, partial(_ask, reference, ends)) for value in inputs])
    return {
        "told": words,
        "windows": len(inputs),
        "difference": _largest(given, right),
        "golden_difference": _largest(given, expected),
        "largest": float(np.abs(right).max()),
    }


class _Ends:
    """Inputs and outputs in the order of the file, by LiteRT: TFLM knows no names.

    Attributes:
      inputs: The sound, or its log-mels; of a stream file then its states.
      outputs: The embedding first.
      states: Which output is the next value of each input but the first.
    """

    def __init__(self, model: Any) -> None:
        self.inputs, self.outputs = model.get_input_details(), model.get_output_details()
        names = [one["name"] for one in self.outputs]
        self.states = [names.index(_NEXT + one["name"]) for one in self.inputs[1:]]


def _embed(ends: _Ends, value: Any, run: Callable[[list[Any]], list[Any]]) -> Any:
    """The embedding of a golden vector; of a window that a stream file hears, the one at its end."""
    pieces = value[np.newaxis, np.newaxis]
    if ends.states:
        shape = ends.inputs[0]["shape"]
        pieces = np.pad(value, (-len(value) % shape[1], 0)).reshape(-1, *shape)
    state = [np.zeros(one["shape"], one["dtype"]) for one in ends.inputs[1:]]
    answers: list[Any] = []
    for piece in pieces:
        answers = run([piece, *state])
        state = [answers[place] for place in ends.states]
    return _real(answers[0][0], ends.outputs[0]["quantization_parameters"])


def _run(model: Any, ends: _Ends, given: list[Any]) -> list[Any]:
    for place, value in enumerate(given):
        model.set_input(value, place)
    model.invoke()
    return [model.get_output(place) for place in range(len(ends.outputs))]


def _ask(model: Any, ends: _Ends, given: list[Any]) -> list[Any]:
    """The same by LiteRT's reference kernels, which TFLM's were taken from."""
    for one, value in zip(ends.inputs, given, strict=True):
        model.set_tensor(one["index"], value)
    model.invoke()
    return [model.get_tensor(one["index"]) for one in ends.outputs]


def _real(values: Any, parameters: Request) -> Any:
    """What quantised values stand for; float32 values are themselves."""
    if values.dtype.kind == "f" or not len(parameters["scales"]):
        return values.astype(np.float64)
    return (values.astype(np.float64) - parameters["zero_points"][0]) * parameters["scales"][0]


def _largest(given: Any, expected: Any) -> float:
    return float(np.abs(np.stack(given) - expected).max())


@contextlib.contextmanager
def _standard_error() -> Iterator[TextIO]:
    """Sends the process' standard error into a file, also what native code writes."""
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        kept = os.dup(_STDERR)
        os.dup2(file.fileno(), _STDERR)
        try:
            yield file
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)


def _read(file: TextIO) -> str:
    file.seek(0)
    return file.read()


def main() -> None:
    """Answers requests until standard input ends."""
    # Native code writes to descriptor 1 as it likes, so the answers move to a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(_STDERR, 1)
    operations = {"hello": hello, "footprint": footprint}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = operations[request["op"]](request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
