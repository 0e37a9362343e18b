"""AudioIngest and TeacherEmbedder on real recordings, by whatever runner Beam is told of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.audio_ingest.executor import Executor as IngestExecutor
from components.audio_ingest.settings import AudioIngestSettings
from components.teacher_embedder.executor import Executor as EmbedExecutor
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet, IngestReport
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestWork
from schemas.teachers import TfliteStage, TfliteTeacher
from tests.components.executors import BEAM_ARGS, artifact, folder_bytes, run_ingest

_SHARD_CLIPS = 4


def ingest(
    data: Path, folder: Path, beam_args: Sequence[str] = (), clips: int = 60
) -> tuple[dict[str, bytes], IngestWork]:
    """Takes clips of each split in.

    Args:
      data: The shared recordings.
      folder: Where the artifacts go; workers must see it.
      beam_args: After those that stand for the default runner.
      clips: How many of each split.

    Returns:
      The files of the examples, and what work it was.
    """
    settings = AudioIngestSettings(root=str(data / "mini_audioset"), limit=clips, shard_clips=_SHARD_CLIPS)
    examples, report = run_ingest(IngestExecutor, settings, folder, beam_args=[*BEAM_ARGS, *beam_args])
    assert report.work is not None
    return folder_bytes(examples.uri), report.work


def embed(
    models: Path, ingested: Path, folder: Path, beam_args: Sequence[str] = (), scratch: str | Path = ""
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Asks YAMNet about all windows.

    Args:
      models: The shared teachers.
      ingested: Folder that :func:`ingest` was given.
      folder: Where the windows go; workers must see it.
      beam_args: After those that stand for the default runner.
      scratch: Where finished shards are kept; empty: nowhere.

    Returns:
      The files of the records, and what is written of them but for the time.
    """
    teacher = TfliteTeacher(name="YAMNet", stages=[TfliteStage(file=str(models / "yamnet_embedding.tflite"))])
    settings = TeacherEmbedderSettings(teacher=teacher)
    windows = artifact(DistillationSet, folder / "windows")
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[*BEAM_ARGS, *beam_args], tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    EmbedExecutor(context).Do(
        {
            "examples": [artifact(standard_artifacts.Examples, ingested / "examples")],
            "report": [artifact(IngestReport, ingested / "report")],
        },
        {"windows": [windows]},
        {
            "settings": settings.to_parameter(),
            "seed": 3,
            "scratch_dir": str(scratch),
            "min_test_speakers": 6,
            "code_digest": "",
        },
    )
    info = DistillationSetInfo.load(windows.uri).model_dump(exclude={"seconds"})
    records = {name: data for name, data in folder_bytes(windows.uri).items() if name.startswith("Split-")}
    return records, info


def finished_shards(scratch: Path) -> int:
    """How many shards :func:`embed` has kept so far."""
    return len(list((scratch / "shards" / "TeacherEmbedder").glob("*.json")))
