"""The real-audio configuration on a slice of real recordings, with the real teachers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.noss_reports import NossReport
from schemas.verdicts import Verdict
from tests.e2e.runs import COMPRESSED, TIMED_BRIEFLY, run

pytestmark = pytest.mark.slow

SLICE = (
    "corpus.limit=120",
    "noss.limit=120",
    "training.epochs=4",
    "training.batch_size=32",
    *TIMED_BRIEFLY,
    "conversion.dynamic_floor={cosine_mean: 0.9, cosine_min: 0.8}",
    f"students.explicit=[{COMPRESSED}]",
)


def test_real_recordings_and_teachers_go_the_whole_road(
    tmp_path: Path, shared_data: Path, shared_models: Path
) -> None:
    roots = (f"data_root={shared_data}", f"teacher_root={shared_models}")
    folder = tmp_path / "run"
    done = run("run", "--config", "real_audio", "--output", str(folder), overrides=(*roots, *SLICE))
    assert done.code == 0, done.err
    nodes = newest_run(RunLayout(folder))
    assert {node.state for node in nodes.values()} == {"COMPLETE"}
    ingest = IngestReport.load(nodes["AudioIngest"].outputs["report"])
    assert not ingest.synthetic
    assert ingest.splits["train"].clips + sum(ingest.splits["train"].quarantined.values()) == 120
    windows = DistillationSetInfo.load(nodes["TeacherEmbedder"].outputs["windows"])
    assert windows.target_blocks == [1024, 96]
    assert windows.augmented["train"] > 0 == windows.augmented["eval"]
    teacher = NossReport.load(nodes["NossEvaluator.teacher"].outputs["report"]).results[0]
    baseline = NossReport.load(nodes["NossEvaluator.baselines"].outputs["report"]).results[0]
    assert {task.task for task in teacher.tasks} == {task.name for task in (shared_data / "noss").iterdir()}
    # YAMNet knows sounds: on ESC-10 it must be far above chance and above plain statistics.
    scores = {result.task: result for result in teacher.tasks}
    floor = {result.task: result for result in baseline.tasks}
    assert scores["esc10"].value > floor["esc10"].value > scores["esc10"].chance
    assert not Verdict.load(str(folder / "report")).synthetic
