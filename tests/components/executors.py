"""Running an executor as TFX would, on plain folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

import schemas
from schemas.ingest_reports import IngestReport

# Without the name of an image TFX packs its whole installation each time.
BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=unused"]


def artifact(kind: type[types.Artifact], folder: Path) -> types.Artifact:
    """An artifact whose uri is a folder that exists."""
    folder.mkdir(parents=True, exist_ok=True)
    made = kind()
    made.uri = str(folder)
    return made


def run_ingest(
    executor: type[base_beam_executor.BaseBeamExecutor],
    settings: Any,
    folder: Path,
    corpus: Path | None = None,
    beam_args: Sequence[str] = BEAM_ARGS,
    scratch: str = "",
) -> tuple[types.Artifact, IngestReport]:
    """Runs AudioIngest's or NossIngest's executor; returns the examples and the report."""
    examples = artifact(standard_artifacts.Examples, folder / "examples")
    report = artifact(schemas.IngestReport, folder / "report")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam_args), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    inputs = {"corpus": [artifact(schemas.SoundCorpus, corpus)]} if corpus else {}
    executor(context).Do(
        inputs,
        {"examples": [examples], "report": [report]},
        {"settings": settings.to_parameter(), "scratch_dir": scratch},
    )
    return examples, IngestReport.load(report.uri)


def folder_bytes(folder: str | Path) -> dict[str, bytes]:
    """All files below a folder by their relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }
