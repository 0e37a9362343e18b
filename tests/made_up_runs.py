"""Made-up but valid reports of a whole run, for tests of what comes after the measurements."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from schemas.comparison_reports import LeftOut, ModelSlices, NossComparison, PairedDifference
from schemas.distillation_reports import DistillationSetInfo
from schemas.footprints import Footprint
from schemas.ingest_reports import IngestReport, SplitCounts
from schemas.latency_reports import (
    LatencyMeasurement,
    LatencyReport,
    Machine,
    OperatorTime,
    SessionConditions,
)
from schemas.noss_reports import NossModelResult, NossReport, TaskResult, TfmaSummary
from schemas.noss_task_sets import UnavailableTask
from schemas.noss_tasks import Obtain
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tensors import TensorInfo, VariantInput
from schemas.tflite_reports import Behaviour, LayerNoise, Parity, Precision, TfliteReport, TfliteVariant
from schemas.training_reports import EpochMetrics
from tests.students import mobilenet

TASKS = ("language", "speaker", "keyword")
REFERENCE_SHA256 = "f" * 64
PROTOCOL = "logistic regression, C chosen on validation"


EMBEDDING = {"embedding": [1, 8]}
STATE = {"state_frames": [1, 72, 65], "state_samples": [1, 240]}
# Inputs and outputs of a file by its kind.
ENDS: dict[str, tuple[dict[str, list[int]], dict[str, list[int]]]] = {
    "wave": ({"waveform": [1, 15600]}, EMBEDDING),
    "core": ({"log_mel": [1, 96, 64]}, EMBEDDING),
    "stream": (
        {"samples": [1, 3840], **STATE},
        {**EMBEDDING, **{f"next_{name}": shape for name, shape in STATE.items()}},
    ),
}


@dataclass(frozen=True)
class Made:
    """One made-up variant.

    Attributes:
      quality: Mean accuracy.
      latency_ms: p50; the reference takes 10 ms.
      name: Variant name; its input is what stands before the dash.
      spread: Half width of the latency intervals, as a share.
      size: Bytes said to be in the file.
      content: Bytes of the file, or None for made-up ones.
      golden: Bytes of its golden-vector file, or None for one of zeros.
    """

    quality: float
    latency_ms: float
    name: str = "wave-float32"
    spread: float = 0.01
    size: int = 1_000_000
    content: bytes | None = None
    golden: bytes | None = None


@dataclass
class Run:
    """All reports of a run, in memory."""

    converted: list[TfliteReport]
    noss: list[NossReport]
    students: list[StudentInfo]
    latencies: list[LatencyReport]
    teacher: NossReport
    baselines: list[NossReport]
    files: dict[str, bytes] = field(default_factory=dict)
    golden: dict[str, bytes] = field(default_factory=dict)
    sources: list[IngestReport] = field(default_factory=lambda: make_sources())


def make_run(
    candidates: Mapping[StudentSpec, Sequence[Made]],
    *,
    teacher: float = 0.8,
    baseline: float | None = 0.6,
    synthetic: bool = True,
    devices: Mapping[str, float] | None = None,
    doubt: float = 1.0,
) -> Run:
    """A run in which each candidate has the given variants.

    Args:
      candidates: Their variants.
      teacher: Mean score of the teacher.
      baseline: Mean score of the one baseline, or None for no baseline.
      synthetic: What is said of the sound.
      devices: By name, how many times the made latency a model takes there; 'host' is the host, a name that
        begins with 'board' a microcontroller that measures no time, every other name an Android device.
        None: the host alone.
      doubt: How wide the intervals of quality are; 0: limits are met or missed by the figures themselves.
    """
    converted, noss, students = [], [], []
    files: dict[str, bytes] = {}
    golden: dict[str, bytes] = {}
    for spec, made in candidates.items():
        name = spec.candidate_id
        for variant in made:
            files[f"{name}/{variant.name}"] = variant.content or f"{name}/{variant.name}".encode()
            golden[f"{name}/{variant.name}"] = variant.golden or make_golden(variant)
        variants = [make_variant(variant, files[f"{name}/{variant.name}"]) for variant in made]
        results = [
            make_result(name, v.quality, t.name, t.sha256, synthetic=synthetic, doubt=doubt)
            for v, t in zip(made, variants, strict=True)
        ]
        converted.append(
            TfliteReport(
                candidate_id=name,
                spec=spec,
                front_end=FrontEndSpec(),
                parameters=123_456,
                total_steps=(student := make_student(spec)).total_steps,
                variants=variants,
            )
        )
        noss.append(NossReport(protocol=PROTOCOL, results=results))
        students.append(student)
    return Run(
        converted,
        noss,
        students,
        [
            make_footprints(device, factor, candidates, converted)
            if device.startswith("board")
            else make_latency(device, factor, candidates, converted)
            for device, factor in (devices or {"host": 1.0}).items()
        ],
        NossReport(
            protocol=PROTOCOL,
            results=[make_result("teacher", teacher, kind="teacher", synthetic=synthetic, doubt=doubt)],
        ),
        []
        if baseline is None
        else [
            NossReport(
                protocol=PROTOCOL,
                results=[make_result("logmel", baseline, kind="baseline", synthetic=synthetic, doubt=doubt)],
            )
        ],
        files,
        golden,
    )


def make_golden(made: Made) -> bytes:
    """Golden vectors of zeros, in the form of the variant."""
    file = io.BytesIO()
    shape = [1, 96, 64] if made.name.startswith("core") else [1, 15600]
    np.savez(file, input=np.zeros(shape, np.float32), embedding=np.zeros((1, 8), np.float32))
    return file.getvalue()


def make_footprints(
    device: str,
    factor: float,
    candidates: Mapping[StudentSpec, Sequence[Made]],
    converted: Sequence[TfliteReport],
) -> LatencyReport:
    """A board's report: a million multiply-accumulates and 40 KiB of arena for each made millisecond."""
    return LatencyReport(
        machine=Machine(
            profile=device,
            backend="micro",
            name="Test Board",
            os="none",
            runtime="TensorFlow Lite Micro 0.1",
            threads=1,
            is_device=False,
        ),
        started="2026-03-01T12:00:00Z",
        sessions=0,
        rounds=0,
        reference=None,
        measurements=[],
        footprints=[
            make_footprint(
                f"{report.candidate_id}/{variant.name}",
                sha256=variant.sha256,
                bytes=variant.bytes,
                shared_bytes=int(30 * 1024 * made.latency_ms * factor),
                persistent_bytes=int(10 * 1024 * made.latency_ms * factor),
                multiply_accumulates=int(1e6 * made.latency_ms * factor),
            )
            for report, variants in zip(converted, candidates.values(), strict=True)
            for made, variant in zip(variants, report.variants, strict=True)
        ],
    )


def make_footprint(key: str, **changes: Any) -> Footprint:
    """100 KiB of arena for a file of 600 KiB that computes three million products; ``changes`` first."""
    candidate_id, _, variant = key.rpartition("/")
    told: dict[str, Any] = {
        "candidate_id": candidate_id,
        "variant": variant,
        "input": variant.partition("-")[0],
        "sha256": "0" * 64,
        "bytes": 600 * 1024,
        "shared_bytes": 60 * 1024,
        "persistent_bytes": 40 * 1024,
        "allocations": {"Persistent buffer data": 1024},
        "multiply_accumulates": 3_000_000,
        "operators": {"CONV_2D": 30},
        "windows": 4,
        "step": 0.02,
        "difference": 1.0,
        "golden_difference": 4.0,
        **changes,
    }
    return Footprint(arena_bytes=told["shared_bytes"] + told["persistent_bytes"], **told)


def make_latency(
    device: str,
    factor: float,
    candidates: Mapping[StudentSpec, Sequence[Made]],
    converted: Sequence[TfliteReport],
) -> LatencyReport:
    """A report on one device, where everything but the reference takes ``factor`` times as long."""
    android = device != "host"
    return LatencyReport(
        machine=Machine(
            profile=device,
            backend="adb" if android else "host",
            name="Test Phone" if android else "Test CPU",
            soc="Test SoC" if android else "",
            os="Android 15" if android else "Linux 6",
            runtime="benchmark_model" if android else "LiteRT 2.3.0",
            delegate="XNNPACK",
            threads=1,
            is_device=android,
        ),
        started="2026-03-01T12:00:00Z",
        sessions=3,
        rounds=5,
        min_runs=50,
        min_seconds=0.05,
        max_disagreement=1.0,
        reference=make_measurement("reference", Made(0, 10.0), REFERENCE_SHA256),
        measurements=[
            make_measurement(
                report.candidate_id,
                replace(made, latency_ms=made.latency_ms * factor, size=variant.bytes),
                variant.sha256,
            )
            for report, variants in zip(converted, candidates.values(), strict=True)
            for made, variant in zip(variants, report.variants, strict=True)
        ],
        conditions=[
            SessionConditions(
                attempt=1,
                session=session,
                started=f"2026-03-01T12:0{session}:00Z",
                seconds=12.0,
                models=5,
                temperatures_c={"battery": (30.0, 31.0)} if android else {},
                throttled=False if android else None,
                reference_ms=10.0,
                drift=1.0,
            )
            for session in (1, 2, 3)
        ],
    )


def make_variant(made: Made, content: bytes) -> TfliteVariant:
    """An accepted variant."""
    kind, precision = made.name.split("-")
    inputs, outputs = ENDS[kind]
    return TfliteVariant(
        name=made.name,
        input=TypeAdapter(VariantInput).validate_python(kind),
        precision=TypeAdapter(Precision).validate_python(precision),
        file=f"{made.name}.tflite",
        golden=f"{made.name}.golden.npz",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=made.size if made.content is None else len(content),
        inputs=[TensorInfo(name=name, shape=shape, dtype="float32") for name, shape in inputs.items()],
        outputs=[TensorInfo(name=name, shape=shape, dtype="float32") for name, shape in outputs.items()],
        operators={"CONV_2D": 3},
        int8_tensors=[],
        parity=Parity(n=16, cosine_mean=0.9999, cosine_min=0.999, max_abs_difference=1e-4),
        behaviour=[Behaviour(sound="silence", finite=True, norm=1.0)],
        layers=[
            LayerNoise(name=name, operator="CONV_2D", low=-1.0, high=2.0, snr_db=snr)
            for name, snr in (("stem", 41.0), ("conv_1", 19.5), ("conv_2", 12.5), ("gap", 30.0))
        ]
        if precision == "dynamic"
        else [],
        accepted=True,
    )


def make_result(
    model: str,
    mean: float,
    variant: str = "",
    sha256: str = "",
    *,
    kind: str = "student",
    synthetic: bool = True,
    tasks: Sequence[str] = TASKS,
    doubt: float = 1.0,
) -> NossModelResult:
    """A model whose accuracies lie around ``mean``; intervals of 0.04 and 0.02 times ``doubt``."""
    offsets = np.linspace(-0.05, 0.05, len(tasks))
    return NossModelResult(
        model=model,
        kind=kind,
        variant=variant,
        sha256=sha256,
        embedding_dim=8,
        tasks=[
            TaskResult(
                task=task,
                task_digest=hashlib.sha256(f"record of {task}".encode()).hexdigest()[:16],
                data_digest=hashlib.sha256(task.encode()).hexdigest(),
                value=mean + offset,
                low=mean + offset - 0.04 * doubt,
                high=mean + offset + 0.04 * doubt,
                validation=mean,
                chance=0.2,
                score=mean + offset,
                n_train=100,
                n_validation=50,
                n_test=60,
                n_used=210,
                n_classes=5,
                n_speakers_test=6,
                synthetic=synthetic,
            )
            for task, offset in zip(tasks, offsets, strict=True)
        ],
        mean=mean,
        mean_low=mean - 0.02 * doubt,
        mean_high=mean + 0.02 * doubt,
        clips=210,
        windows=300,
        embed_seconds=1.5,
    )


def make_measurement(candidate: str, made: Made, sha256: str) -> LatencyMeasurement:
    """A measurement with intervals of ``made.spread``."""
    ms, low, high = made.latency_ms, 1 - made.spread, 1 + made.spread
    n, apart = 750, min(made.spread, 0.02)
    kind = made.name.partition("-")[0]
    student = candidate != "reference"
    return LatencyMeasurement(
        candidate_id=candidate,
        variant=made.name,
        input=TypeAdapter(VariantInput).validate_python(kind) if student else None,
        sha256=sha256,
        bytes=made.size,
        sessions=3,
        n=n,
        seconds=n * ms * 1.02 / 1e3,
        p50_ms=ms,
        p90_ms=ms * 1.1,
        p95_ms=ms * 1.2,
        p99_ms=ms * 1.4,
        mean_ms=ms * 1.02,
        spread_low_ms=ms * low,
        spread_high_ms=ms * high,
        session_ms=[ms * (1 - apart), ms, ms * (1 + apart)] if student else [ms] * 3,
        disagreement=(1 + apart) / (1 - apart) - 1 if student else 0.0,
        ratio=ms / 10,
        ratio_low=ms / 10 * low,
        ratio_high=ms / 10 * high,
        sound_seconds=0.24 if kind == "stream" else 0.96,
        init_ms=2.0,
        first_ms=ms * 2,
        peak_mib=5.0 + made.size / 2**20,
        operators=[
            OperatorTime(name=name, operator=operator, mean_us=1e3 * ms * share, share=share)
            for name, operator, share in (
                ("conv_1", "CONV_2D", 0.5),
                ("dw_1", "DEPTHWISE_CONV_2D", 0.3),
                ("bottleneck", "FULLY_CONNECTED", 0.2),
            )
        ],
    )


def make_student(spec: StudentSpec) -> StudentInfo:
    """A student that was trained for six epochs, the last two in another phase."""
    last = "qat" if spec.qat != "none" else "factored" if spec.svd_rank else "float"
    slow = 0.2 * getattr(spec.architecture, "width", 1.0)
    epochs = [
        EpochMetrics(
            epoch=i + 1,
            phase="float" if i < 4 else last,
            loss=0.4 + 0.6 / (1 + i * slow * 4),
            validation_loss=0.45 + 0.55 / (1 + i * slow * 3) + (0.02 if i == 5 else 0),
            learning_rate=1e-3,
            seconds=4.0,
        )
        for i in range(6)
    ]
    return StudentInfo(
        candidate_id=spec.candidate_id,
        spec=spec,
        front_end=FrontEndSpec(),
        parameters=123_456,
        target_dim=16,
        target_variance_explained=0.45,
        seed=1,
        best_epoch=5,
        epochs=epochs,
        steps=600,
        total_steps=1000 if spec.warm_start else 600,
        windows_per_second=250.0,
    )


def write_run(run: Run, root: Path) -> dict[str, list[Any]]:
    """Writes all reports and files below ``root``.

    Returns:
      An ``input_dict`` as TFX gives it to the gate and the pusher.
    """
    inputs: dict[str, list[Any]] = {}

    def folder(key: str) -> str:
        path = root / key
        path.mkdir(parents=True, exist_ok=True)
        kind = key.rstrip("_0123456789").capitalize()
        inputs[key] = [SimpleNamespace(uri=str(path), id=100 + len(inputs), type_name=kind)]
        return str(path)

    for i, (converted, noss, student) in enumerate(zip(run.converted, run.noss, run.students, strict=True)):
        where = folder(f"variants_{i:03d}")
        converted.save(where)
        for variant in converted.variants:
            key = f"{converted.candidate_id}/{variant.name}"
            Path(where, variant.file).write_bytes(run.files[key])
            Path(where, variant.golden).write_bytes(run.golden[key])
        noss_folder = folder(f"noss_{i:03d}")
        noss.save(noss_folder)
        for result in noss.results:
            write_samples(result, Path(noss_folder))
        student.save(folder(f"student_{i:03d}"))
    for i, baseline in enumerate(run.baselines):
        baseline.save(folder(f"baseline_{i:03d}"))
    run.teacher.save(folder("teacher"))
    comparison = folder("comparison")
    make_comparison(run).save(comparison)
    Path(comparison, NossComparison.HEAT_MAP).write_bytes(b"a picture")
    for i, latency in enumerate(run.latencies):
        latency.save(folder(f"latency_{i:03d}"))
    make_windows().save(folder("windows"))
    for i, source in enumerate(run.sources):
        source.save(folder(f"source_{i:03d}"))
    return inputs


def write_samples(result: NossModelResult, folder: Path) -> None:
    """Bootstrapped scores of one model: most of their noise is common to all models, as clips are."""
    path = folder / NossReport.SAMPLES / f"{result.variant or result.model}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    common = np.random.default_rng(1).normal(0, 0.015, (len(result.tasks), 200))
    own = np.random.default_rng(list(result.name.encode())).normal(0, 0.002, common.shape)
    scores = np.array([[task.score] for task in result.tasks]) + common + own
    np.savez(path, tasks=np.array([task.task for task in result.tasks]), scores=scores.astype(np.float32))


def make_comparison(run: Run) -> NossComparison:
    """The comparison of a run's models; paired intervals are three quarters of their own."""
    teacher = run.teacher.results[0]
    results = [result for report in run.noss for result in report.results]
    return NossComparison(
        tasks=[],
        unavailable=[
            UnavailableTask(name="voxforge", reason="no folder VoxForge", obtain=Obtain(page="a page"))
        ],
        protocol=PROTOCOL,
        models=[teacher, *results],
        against_teacher=[
            PairedDifference(
                model=f"{result.model}/{result.variant}",
                against=teacher.model,
                difference=result.mean - teacher.mean,
                low=result.mean - teacher.mean - 0.75 * (result.mean - result.mean_low),
                high=result.mean - teacher.mean + 0.75 * (result.mean_high - result.mean),
                tasks={},
            )
            for result in results
        ],
        between_students=[],
        not_comparable=[LeftOut(model="other/core-int8", reason="other clips of speaker")],
        slices=[
            ModelSlices(
                model="a/wave-float32",
                tfma=TfmaSummary(
                    min_slice=10, slices=[], validated=False, reasons=["language: 0.6 is below 0.7"]
                ),
            )
        ],
    )


def make_sources() -> list[IngestReport]:
    """What was taken in: a corpus whose licence was stated, and tasks of which one's was."""
    counts = {
        "train": SplitCounts(rows=9, clips=8, hours=0.5),
        "eval": SplitCounts(rows=2, clips=2, hours=0.1),
    }
    tasks = {
        f"{task}/{split}": SplitCounts(rows=60, clips=60, hours=0.05)
        for task in TASKS
        for split in ("train", "validation", "test")
    }
    return [
        IngestReport(
            source="sound/corpus",
            synthetic=True,
            splits=counts,
            licences={"corpus": "CC BY 4.0"},
            digest="c" * 64,
        ),
        IngestReport(
            source="sound/noss",
            synthetic=True,
            splits=tasks,
            licences={"speaker": "CC BY-NC 4.0"},
            digest="n" * 64,
        ),
    ]


def make_windows() -> DistillationSetInfo:
    """A small distillation set."""
    return DistillationSetInfo(
        teacher="a made-up teacher",
        teacher_digest="t" * 64,
        teacher_licence="Apache-2.0",
        window_samples=15600,
        hop_samples=15360,
        target_dim=2,
        target_blocks=[2],
        target_mean=[0.0, 0.0],
        target_std=[1.0, 1.0],
        windows={"train": 8, "eval": 2},
        augmented={"train": 0, "eval": 0},
        synthetic=True,
        digest="w" * 64,
        seconds=1.0,
    )


def demo_run(**options: Any) -> Run:
    """Eight candidates with four variants each, not unlike a real run."""
    rng = np.random.default_rng(3)
    candidates: dict[StudentSpec, list[Made]] = {}
    grid = [
        ("tiny", 0.5, "gap", 0, "none"),
        ("tiny", 1.0, "gap", 0, "none"),
        ("tiny", 1.0, "flatten", 0, "bottleneck"),
        ("small", 0.5, "gap", 0, "none"),
        ("small", 0.5, "gap", 32, "bottleneck"),
        ("small", 1.0, "gap", 0, "none"),
        ("small", 1.0, "flatten", 64, "none"),
        ("large", 0.5, "gap", 0, "none"),
    ]
    for i, (size, width, pooling, rank, qat) in enumerate(grid):
        spec = mobilenet(size, width, pooling=pooling, embedding_width=256, svd_rank=rank, qat=qat)
        base = 0.58 + 0.02 * i - 0.02 * (rank > 0) + rng.normal(0, 0.008)
        ms = 0.35 * 1.35**i * (0.9 if rank else 1)
        size_bytes = int(9e5 * 1.45**i)
        candidates[spec] = [
            Made(base, ms + 0.4, "wave-float32", 0.015, size_bytes + 80_000),
            Made(base - 0.0015, (ms + 0.4) * 0.95, "wave-dynamic", 0.02, size_bytes // 4 + 80_000),
            Made(base, ms, "core-float32", 0.015, size_bytes),
            Made(base - 0.004, ms * 0.97, "core-dynamic", 0.03, size_bytes // 4),
        ]
    return make_run(candidates, **options)
