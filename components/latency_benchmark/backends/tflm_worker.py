"""The process that runs one model under TensorFlow Lite Micro: numpy, TFLM and LiteRT, nothing else.

Run as a script. A request is a JSON line on standard input, its answer one on standard output:

* ``{"op": "hello"}``: answers the version of TFLM and the commit that it was built from;
* ``{"op": "footprint", "path", "golden", "arena_bytes"}``: loads the file into an arena of that size, runs
  the golden vectors, and answers what TFLM says of its allocations and how its embeddings differ.

Either answer may be ``{"error": message}``; a crash is for the parent to notice. TFLM says on standard error
why it refuses a file, and prints its allocations there, so that is read along.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import metadata, version
from typing import Any, TextIO

import numpy as np
from ai_edge_litert import interpreter as litert
from tflite_micro.python.tflite_micro import runtime

Request = dict[str, Any]

_STDERR = 2


def hello(_: Request) -> Request:
    """Introduces the runtime; the wheel tells the commit in its description."""
    described = metadata("tflite-micro").get_payload()  # type: ignore[attr-defined]
    commit = str(described).partition("built from commit")[2].partition("[")[2].partition("]")[0]
    return {"runtime": version("tflite-micro"), "commit": commit}


def footprint(request: Request) -> Request:
    """Runs a file; what TFLM wrote on standard error is in the answer whatever happens."""
    with np.load(request["golden"], allow_pickle=False) as golden:
        inputs, expected = golden["input"], golden["embedding"]
    with _standard_error() as told:
        try:
            model = runtime.Interpreter.from_file(request["path"], arena_size=request["arena_bytes"])
            given = [_run(model, value[np.newaxis]) for value in inputs]
            model.print_allocations()
        except RuntimeError as error:
            return {"refused": str(error), "told": _read(told)}
        words = _read(told)
    reference = _reference(request["path"], inputs)
    return {
        "told": words,
        "windows": len(inputs),
        "difference": _largest(given, reference),
        "golden_difference": _largest(given, expected),
        "largest": float(np.abs(reference).max()),
    }


def _run(model: Any, value: Any) -> Any:
    model.set_input(value, 0)
    model.invoke()
    return _real(model.get_output(0)[0], model.get_output_details(0)["quantization_parameters"])


def _reference(path: str, inputs: Any) -> Any:
    """Embeddings by LiteRT's reference kernels, which TFLM's were taken from."""
    model = litert.Interpreter(path, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    model.allocate_tensors()
    source, answer = model.get_input_details()[0], model.get_output_details()[0]
    found = []
    for value in inputs:
        model.set_tensor(source["index"], value[np.newaxis])
        model.invoke()
        found.append(_real(model.get_tensor(answer["index"])[0], answer["quantization_parameters"]))
    return np.stack(found)


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
