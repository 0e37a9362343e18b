"""Latency of students against a network of TRILL's shape, interleaved in the same rounds on this host.

    python -m tests.benchmarks.bench_trill_speed [--operators CANDIDATE/VARIANT]

TRILL's network is a ResNet-50 on 96x64 patches whose last map, 3x2x2048, is flattened to ``layer19``
(12288-d); FRILL was published as 32 times faster on a Pixel 1. Weights are random: time does not depend
on them. ``--operators`` tells where one file's time goes: it is cut off after each operator, the pieces
are timed in interleaved rounds, and an operator's share is the difference of two neighbours.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.common.modeling import flatbuffer
from components.common.modeling.resnet import FEATURES, build_resnet
from components.common.modeling.student import build_deployed
from components.latency_benchmark.attempts import measure
from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.base import ModelUnderTest
from components.latency_benchmark.figures import Timings, ratio, summary
from components.latency_benchmark.finished import FinishedSessions
from components.latency_benchmark.settings import MeasurementSettings
from components.latency_benchmark.sounds import write_input
from components.tflite_converter.conversion import (
    EMBEDDING,
    LOG_MEL,
    NETWORK,
    ConversionRefused,
    convert_function,
)
from components.tflite_converter.network import Network
from components.tflite_converter.settings import ConverterSettings
from schemas.devices import HostDevice
from schemas.resnet import ResNetSpec
from schemas.students import FrontEndSpec, StudentSpec
from tests.components.student_trainer.conftest import write_distillation_set
from tests.students import mobilenet

TRILL = "TRILL-shaped"
SEED = 20
STUDENTS = (
    mobilenet("small", 2.0),  # FRILL as published
    mobilenet("small", 2.0, svd_rank=100),
    mobilenet("small", 1.0),
    mobilenet("small", 1.0, svd_rank=100),
    mobilenet("small", 0.5),
    mobilenet("small", 0.5, embedding_width=1024, statistics_skip=True),
    mobilenet("small", 0.5, embedding_width=1024, statistics_skip=True, svd_rank=96),
    mobilenet("tiny", 0.5, embedding_width=1024, statistics_skip=True),
    mobilenet("tiny", 0.5, embedding_width=512, statistics_skip=True, svd_rank=64),
)


def main() -> None:
    """Prints latency, ratio to TRILL's shape and size of every variant of every student."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="of each of three sessions")
    parser.add_argument("--runs", type=int, default=20, help="timed runs a round")
    parser.add_argument(
        "--operators", metavar="CANDIDATE/VARIANT", help="profile this file, operator by operator"
    )
    options = parser.parse_args()
    settings = MeasurementSettings(
        rounds=options.rounds, min_runs=options.rounds * options.runs, min_seconds=0, attempts=1
    )
    with tempfile.TemporaryDirectory() as folder:
        if options.operators:
            candidate, _, variant = options.operators.rpartition("/")
            spec = next(spec for spec in STUDENTS if spec.candidate_id == candidate)
            content = dict(_variants(spec, Path(folder)))[variant]
            _print_operators(content, Path(folder), settings)
            return
        models = [_model(TRILL, "float32", _trill(), Path(folder))]
        for spec in STUDENTS:
            models += [
                _model(spec.candidate_id, name, content, Path(folder))
                for name, content in _variants(spec, Path(folder))
            ]
        timings = _measure(models, settings)
    print(
        f"{len(models)} files, {settings.sessions} sessions of {options.rounds} interleaved rounds of "
        f"{options.runs} runs, one thread, host"
    )
    print(f"{'file':60} {'p50 ms':>8} {'MiB':>7}  TRILL's time / this [95 % interval]")
    for model in models:
        own = timings[model.key]
        faster = ratio(timings[models[0].key], own, SEED)
        print(
            f"{model.key:60} {summary(own).typical_ms:8.3f} {model.bytes / 2**20:7.2f}"
            f"  {faster.value:6.1f} [{faster.low:.1f}, {faster.high:.1f}]"
        )


def _trill() -> bytes:
    network = build_resnet(ResNetSpec(depths=(3, 4, 6, 3), width=64), FrontEndSpec())
    return convert_function(
        lambda patch: network(patch, training=False)[FEATURES], {LOG_MEL: (1, 96, 64)}, [EMBEDDING], NETWORK
    )


def _variants(spec: StudentSpec, folder: Path) -> Iterator[tuple[str, bytes]]:
    settings = ConverterSettings(representative_windows=16)
    windows = folder / "windows"
    if not windows.exists():
        write_distillation_set(windows, train=16, held_out=1)
    network = Network(build_deployed(spec, FrontEndSpec(), spec.svd_rank), str(windows), settings)
    for name in settings.variants:
        try:
            yield name, network.file(name)
        except ConversionRefused as error:
            print(f"{spec.candidate_id}/{name} is left out: {error}")


def _model(candidate: str, variant: str, content: bytes, folder: Path) -> ModelUnderTest:
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.tflite"
    path.write_bytes(content)
    source = write_input(flatbuffer.inputs(flatbuffer.parse(content))[0], folder, SEED)
    sha256 = hashlib.sha256(content).hexdigest()
    return ModelUnderTest(candidate, variant, None, path, source, sha256, len(content), sound_seconds=0.0)


def _measure(models: list[ModelUnderTest], settings: MeasurementSettings) -> dict[str, Timings]:
    """What each file took; the first is the one that all are compared with."""
    with open_backend("host", HostDevice(), settings) as backend:
        measured = measure(backend, models[0], models[1:], settings, SEED, FinishedSessions(None))
    return {key: pooled.timings for key, pooled in measured.pooled.items()}


def _print_operators(content: bytes, folder: Path, settings: MeasurementSettings) -> None:
    pieces = list(_cut_after_each_operator(content))
    models = [_model("piece", f"{number:03d}", piece, folder) for number, (_, piece) in enumerate(pieces)]
    timings = _measure(models, settings)
    until = [summary(timings[model.key]).typical_ms for model in models]
    own = np.diff([0.0, *np.maximum.accumulate(until)])
    by_kind: dict[str, list[float]] = defaultdict(list)
    for (label, _), cost in zip(pieces, own, strict=True):
        by_kind[label.split()[0]].append(float(cost))
        print(f"{cost * 1000:8.1f} us {100 * cost / until[-1]:5.1f} %  {label}")
    for kind, costs in sorted(by_kind.items(), key=lambda item: -sum(item[1])):
        print(f"{kind:24} {sum(costs) * 1000:8.1f} us {100 * sum(costs) / until[-1]:5.1f} %  in {len(costs)}")


def _cut_after_each_operator(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Files that end after the first, the second, ... operator, with that operator's name and shape."""
    for last in range(len(flatbuffer.parse(content).subgraphs[0].operators)):
        model = flatbuffer.parse(content)
        graph = model.subgraphs[0]
        graph.operators = graph.operators[: last + 1]
        output = int(graph.operators[last].outputs[0])
        graph.outputs = np.array([output], np.int32)
        model.signatureDefs = None
        kind = flatbuffer.operator_name(model, graph.operators[last])
        shape = "x".join(str(size) for size in graph.tensors[output].shape)
        yield f"{kind} -> {shape}", flatbuffer.serialize(model)


if __name__ == "__main__":
    main()
