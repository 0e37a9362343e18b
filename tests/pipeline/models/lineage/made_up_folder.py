"""The folder of a run that was never run: made-up reports, and the ML Metadata between them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.local.layout import RunLayout
from schemas.ingest_reports import IngestReport, SplitCounts
from schemas.noss_task_sets import NossTaskSet
from schemas.tflite_reports import TfliteReport
from schemas.verdicts import Verdict
from tests.made_up_runs import Made as MadeVariant
from tests.made_up_runs import make_run, write_run
from tests.pipeline.models.lineage.metadata_writer import Made, MetadataWriter
from tests.pushed_runs import make_verdict
from tests.students import mobilenet

RUN = "2026-11-21T10:00:00.000000"
TEACHER = "https://tfhub.dev/google/trill/3"
CORPUS = "/sound/audioset"


def write_folder(
    root: Path, inputs: Mapping[str, Sequence[Any]], pushed: Path | None, run: str = RUN
) -> RunLayout:
    """Writes ML Metadata of a run with a released teacher and real sound.

    Args:
      root: The run's folder.
      inputs: ``input_dict`` of the pusher: see tests.made_up_runs.write_run; the verdict is among it.
      pushed: The pusher's artifact; None: it failed.
      run: Name of the pipeline run.
    """
    layout = RunLayout(root)
    folders = {key: artifacts[0].uri for key, artifacts in inputs.items()}
    candidates = {
        TfliteReport.load(folder).candidate_id: key.removeprefix("variants_")
        for key, folder in folders.items()
        if key.startswith("variants_")
    }
    write_sound(root)
    writer = MetadataWriter(layout.metadata)
    writer.begin(run)
    corpus = writer.step(
        "AudioIngest",
        {},
        {"examples": ("Examples", root / "corpus"), "report": ("schemas.IngestReport", root / "corpus")},
        {"settings": json.dumps({"root": CORPUS, "licence": "CC BY 4.0"}), "data_digest": "d1"},
    )
    tasks = writer.step(
        "NossIngest",
        {},
        {"examples": ("Examples", root / "tasks")},
        {"settings": json.dumps({"root": "/noss"})},
    )
    writer.step(
        "StatisticsGen.corpus", {"examples": [corpus["examples"]]}, {"statistics": ("ExampleStatistics", "s")}
    )
    teacher = {"kind": "tfhub", "handle": TEACHER, "licence": "Apache-2.0"}
    windows = writer.step(
        "TeacherEmbedder",
        {"examples": [corpus["examples"]]},
        {"windows": ("schemas.DistillationSet", folders["windows"])},
        {"settings": json.dumps({"teacher": teacher})},
    )["windows"]
    students, variants, noss = {}, {}, {}
    for name, number in candidates.items():
        students[name] = writer.step(
            f"StudentTrainer.{name}",
            {"windows": [windows]},
            {"model": ("schemas.StudentModel", folders[f"student_{number}"])},
        )["model"]
        variants[name] = writer.step(
            f"TfliteConverter.{name}",
            {"model": [students[name]], "windows": [windows]},
            {"variants": ("schemas.TfliteVariants", folders[f"variants_{number}"])},
        )["variants"]
        noss[name] = writer.step(
            f"NossEvaluator.{name}",
            {"variants": [variants[name]], "examples": [tasks["examples"]]},
            {"report": ("schemas.NossReport", folders[f"noss_{number}"])},
            {"evaluates": "student"},
        )["report"]
    latency = [
        writer.step(
            f"LatencyBenchmark.{_device(folder)}",
            {"variants": list(variants.values())},
            {"report": ("schemas.LatencyReport", folder)},
        )["report"]
        for key, folder in sorted(folders.items())
        if key.startswith("latency_")
    ]
    everything: dict[str, Sequence[Made]] = {
        "variants": list(variants.values()),
        "students": list(students.values()),
        "noss": list(noss.values()),
        "latency": latency,
    }
    verdict = writer.step(
        "FrontierGate", everything, {"verdict": ("schemas.FrontierVerdict", folders["verdict"])}
    )
    writer.step(
        "FrontierPusher",
        {**everything, "verdict": [verdict["verdict"]]},
        {"pushed": ("schemas.PushedFrontier", pushed)} if pushed else {},
        {"settings": json.dumps({"destination": str(root / "pushed")})},
        state="COMPLETE" if pushed else "FAILED",
    )
    return layout


def write_sound(root: Path) -> None:
    """The reports of both ingestions."""
    IngestReport(
        source=CORPUS,
        synthetic=False,
        splits={"train": SplitCounts(rows=12, clips=10, hours=0.5, quarantined={"missing": 2})},
        licences={"corpus": "CC BY 4.0"},
    ).save(root / "corpus")
    NossTaskSet(tasks=[]).save(root / "tasks")


def many(root: Path, candidates: int = 144, blessed: int = 9) -> RunLayout:
    """A folder with many candidates, of which some have a blessed file; nothing was pushed."""
    specs = [mobilenet("tiny", embedding_width=64 + number) for number in range(candidates)]
    run = make_run(
        {spec: [MadeVariant(0.7, 2.0, name) for name in ("wave-float32", "core-float32")] for spec in specs}
    )
    inputs = write_run(run, root / "in")
    points = [f"{spec.candidate_id}/wave-float32" for spec in specs[:blessed]]
    make_verdict(run, {"host": points}, {}).save(root / "in" / "verdict")
    inputs["verdict"] = [type(inputs["windows"][0])(uri=str(root / "in" / "verdict"))]
    return write_folder(root, inputs, None)


def _device(folder: str) -> str:
    from schemas.latency_reports import LatencyReport

    return LatencyReport.load(folder).machine.profile


def verdict_of(inputs: Mapping[str, Sequence[Any]]) -> Verdict:
    """The gate's decision among a pusher's inputs."""
    return Verdict.load(inputs["verdict"][0].uri)
