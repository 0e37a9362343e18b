"""Writes the published JSON schemas of the configuration and of all reports: ``schemas/json``.

python -m pipeline.configuration.json_schemas
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from pipeline.configuration.config import RunConfig
from schemas import (
    comparison_reports,
    corpus_statistics,
    distillation_reports,
    head_reports,
    ingest_reports,
    latency_reports,
    lineage,
    noss_reports,
    noss_task_sets,
    noss_tasks,
    push_reports,
    run_records,
    search_reports,
    student_reports,
    tflite_reports,
    verdicts,
)

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "json"
MODELS: dict[str, type[BaseModel]] = {
    "config": RunConfig,
    "ingest_report": ingest_reports.IngestReport,
    "corpus_statistics": corpus_statistics.CorpusStatistics,
    "distillation_set": distillation_reports.DistillationSetInfo,
    "search": search_reports.SearchReport,
    "student": student_reports.StudentInfo,
    "variants": tflite_reports.TfliteReport,
    "noss_task": noss_tasks.TaskRecord,
    "noss_tasks": noss_task_sets.NossTaskSet,
    "noss_result": noss_reports.NossModelResult,
    "noss_comparison": comparison_reports.NossComparison,
    "noss_report": noss_reports.NossReport,
    "latency_report": latency_reports.LatencyReport,
    "verdict": verdicts.Verdict,
    "pushed": push_reports.PushReport,
    "lineage": lineage.LineageGraph,
    "head": head_reports.HeadReport,
    "run_record": run_records.RunRecord,
}


def render(name: str) -> str:
    """The schema of one record as JSON text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[name].model_json_schema()}
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def schema_file(name: str) -> Path:
    """Where the schema of one record lies."""
    return FOLDER / f"{name}.schema.json"


def main() -> None:
    """Writes all schemas."""
    FOLDER.mkdir(exist_ok=True)
    for name in MODELS:
        schema_file(name).write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    main()
