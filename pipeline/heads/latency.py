"""The classifier timed beside its bare student, by the benchmark of the pipeline."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from components.common.frontier.session_pairs import FEWEST_SESSIONS
from components.common.modeling import flatbuffer
from components.common.statistics.sessions import exponential, interval
from pipeline.heads.students import FrozenStudent
from schemas.devices import HostDevice
from schemas.head_reports import HeadLatency
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.students import StudentSpec
from schemas.tflite_reports import TfliteReport, TfliteVariant

_STUDENT, _CLASSIFIER = "student", "classifier"


def measure_latency(student: FrozenStudent, classifier: bytes, seed: int) -> HeadLatency:
    """Times both files in interleaved rounds on this host.

    Args:
      student: The bare student.
      classifier: The file with the head.
      seed: Of the order and the inputs.
    """
    from components.latency_benchmark.executor import benchmark
    from components.latency_benchmark.settings import MeasurementSettings

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variants = [
            _variant(folder, _STUDENT, student.content), _variant(folder, _CLASSIFIER, classifier)
        ]  # fmt: skip
        TfliteReport(
            candidate_id="head",
            spec=StudentSpec(),
            front_end=student.about.front_end,
            parameters=0,
            variants=variants,
        ).save(folder)
        report = benchmark(
            [name], str(folder / "report"), "host", HostDevice(), MeasurementSettings(profile_runs=0), seed
        )
    return _summary(report)


def _variant(folder: Path, name: str, content: bytes) -> TfliteVariant:
    (folder / f"{name}.tflite").write_bytes(content)
    model = flatbuffer.parse(content)
    return TfliteVariant(
        name=name, input="wave", precision="float32", file=f"{name}.tflite", golden="",
        sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), inputs=flatbuffer.inputs(model),
        outputs=flatbuffer.outputs(model), operators=flatbuffer.operators(model), int8_tensors=[],
        parity=None, behaviour=[], accepted=True,
    )  # fmt: skip


def _summary(report: LatencyReport) -> HeadLatency:
    bare, joined = (report.measurement("head", name) for name in (_STUDENT, _CLASSIFIER))
    reasons = [report.failure, *report.failures.values()]
    reasons += [reason for one in (bare, joined) if one and not one.valid for reason in one.reasons]
    ratio, low, high = _ratio(bare, joined)
    return HeadLatency(
        machine=report.machine.name,
        student_ms=bare.typical_ms if bare else None,
        classifier_ms=joined.typical_ms if joined else None,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        sessions=joined.sessions if joined else 0,
        n=joined.n if joined else 0,
        invalid="; ".join(dict.fromkeys(filter(None, reasons))),
    )


def _ratio(
    bare: LatencyMeasurement | None, joined: LatencyMeasurement | None
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Of rounds that both were timed in, one after the other: what slows both cancels."""
    if bare is None or joined is None:
        return None, None, None
    rounds = dict(zip(bare.session_numbers, bare.round_ms, strict=True))
    pairs = [
        (own, rounds[number])
        for number, own in zip(joined.session_numbers, joined.round_ms, strict=True)
        if len(rounds.get(number, ())) == len(own) > 0
    ]
    if len(pairs) < FEWEST_SESSIONS:
        return None, None, None
    found = exponential(interval([np.log(np.divide(*pair)) for pair in pairs], 0))
    return found.value, found.low, found.high
