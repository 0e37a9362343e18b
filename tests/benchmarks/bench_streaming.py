"""What a second of sound costs in a stream, by the wave file and by the stream file, on this host.

    python -m tests.benchmarks.bench_streaming [--rounds 10] [--runs 20]

A wave file at a hop of 0.1 s computes a window of 0.975 s ten times a second; a stream file computes the
network as often, but each frame's log-mel once. All files are timed in the same interleaved rounds. Weights
are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from components.common.modeling import flatbuffer
from components.common.modeling.student import build_deployed
from components.latency_benchmark.attempts import measure
from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.base import ModelUnderTest
from components.latency_benchmark.figures import ratio, summary
from components.latency_benchmark.finished import FinishedSessions
from components.latency_benchmark.reference import write_reference
from components.latency_benchmark.settings import MeasurementSettings
from components.latency_benchmark.sounds import write_input
from components.tflite_converter.network import Network
from components.tflite_converter.settings import ConverterSettings, VariantName
from schemas.devices import HostDevice
from schemas.students import FrontEndSpec, StudentSpec
from tests.students import mobilenet

SEED = 22
HOPS_S = (0.1, 0.24, 0.96)
STUDENTS = (
    mobilenet("tiny", 0.5, embedding_width=256),
    mobilenet("small", 0.5, embedding_width=1024),
    mobilenet("small", 1.0),
)
WAVES: tuple[VariantName, ...] = ("wave-float32", "wave-dynamic")


def main() -> None:
    """Prints milliseconds an invocation and a second of sound, and the ratio of stream to wave file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="of each of three sessions")
    parser.add_argument("--runs", type=int, default=20, help="timed runs a round")
    options = parser.parse_args()
    settings = MeasurementSettings(
        rounds=options.rounds, min_runs=options.rounds * options.runs, min_seconds=0, attempts=1
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = write_reference(folder, folder, SEED)
        models = [model for spec in STUDENTS for model in _files(spec, folder)]
        with open_backend("host", HostDevice(), settings) as backend:
            measured = measure(backend, reference, models, settings, SEED, FinishedSessions(None))
    timings = {key: pooled.timings for key, pooled in measured.pooled.items()}
    print(f"{settings.sessions} sessions of {options.rounds} rounds of {options.runs} runs, one thread, host")
    print(f"{'file':44} {'ms':>8} {'hop s':>6} {'ms/s':>8} {'RTF':>8}  stream / wave [95 % interval]")
    for model in models:
        took = summary(timings[model.key]).typical_ms
        wave = f"{model.candidate_id}/wave-{model.variant.split('-')[1].partition('@')[0]}"
        against = ""
        if model.key != wave:
            found = ratio(timings[model.key], timings[wave], SEED)
            against = f"  {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        for hop_s in HOPS_S if model.key == wave else (model.sound_seconds,):
            cost = took / hop_s
            print(f"{model.key:44} {took:8.3f} {hop_s:6g} {cost:8.2f} {cost / 1e3:8.5f}{against}")
    for key, why in measured.failures.items():
        print(f"{key}: {why}")


def _files(spec: StudentSpec, folder: Path) -> Iterator[ModelUnderTest]:
    student = build_deployed(spec, FrontEndSpec(), spec.svd_rank)
    network = Network(student, "", ConverterSettings())
    for name in WAVES:
        yield _model(spec.candidate_id, name, network.file(name), folder, 0.96)
    for hop_s in HOPS_S:
        network = Network(student, "", ConverterSettings(stream_hop_s=hop_s))
        for name in WAVES:
            stream: VariantName = "stream-float32" if name == "wave-float32" else "stream-dynamic"
            yield _model(spec.candidate_id, f"{stream}@{hop_s:g}", network.file(stream), folder, hop_s)


def _model(
    candidate: str, variant: str, content: bytes, folder: Path, sound_seconds: float
) -> ModelUnderTest:
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / f"{sha256}.tflite"
    path.write_bytes(content)
    source = write_input(flatbuffer.inputs(flatbuffer.parse(content))[0], folder, SEED)
    return ModelUnderTest(candidate, variant, None, path, source, sha256, len(content), sound_seconds)


if __name__ == "__main__":
    main()
