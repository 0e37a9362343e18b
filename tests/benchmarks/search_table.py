"""What every cell of a grid costs and gives, from finished runs: the table that searches are replayed on.

    python -m tests.benchmarks.search_table OUTPUT --table FILE

``OUTPUT`` is a run's folder; its newest run is read, a row a candidate. A run without a search gives rows of
the schedule ``full``: every candidate on its own, to the end. A searched run gives rows ``warm`` of those
that started from their trained network, and ``short`` of all: what was expected of them. Rows of the same
schedule, seed and candidate are replaced, so that a table grows run by run.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.common.modeling.arithmetic import multiply_accumulates
from components.common.modeling.student import build_deployed
from pipeline.configuration.config_file import load_config
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import NodeRun, newest_run
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.noss_reports import NossReport
from schemas.search_reports import SearchReport
from schemas.student_reports import StudentInfo

VARIANT = "core-float32"
SEARCH = "FrontierSearch"
_WARM = "-warm"
_KEY = ("schedule", "seed", "candidate")


def main() -> None:
    """Adds the rows of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path, help="folder of a run")
    parser.add_argument("--table", type=Path, required=True, help="CSV that the rows are added to")
    options = parser.parse_args()
    layout = RunLayout(options.output)
    config, nodes = load_config(layout.config), newest_run(layout)
    made = [*trained(nodes, config.training.batch_size), *expected(nodes, config.seed)]
    write(options.table, [*read(options.table), *made])
    print(f"{len(made)} rows from {options.output} into {options.table}")


def expected(nodes: dict[str, NodeRun], seed: int) -> Iterable[dict[str, Any]]:
    """A row for each candidate that a search judged; none without a search."""
    if SEARCH not in nodes:
        return
    for one in SearchReport.load(nodes[SEARCH].outputs["decision"]).candidates:
        yield {
            "schedule": "short",
            "seed": seed,
            "candidate": one.candidate_id.removesuffix(_WARM),
            "mmacs": one.mega_macs,
            "expected": one.expected,
        }


def trained(nodes: dict[str, NodeRun], batch_size: int) -> Iterable[dict[str, Any]]:
    """A row for each candidate of a run whose training ended well."""
    timed = _latencies(nodes)
    for name, node in nodes.items():
        component, _, candidate = name.partition(".")
        if component != "StudentTrainer" or "model" not in node.outputs:
            continue
        info = StudentInfo.load(node.outputs["model"])
        report = NossReport.load(nodes[f"NossEvaluator.{candidate}"].outputs["report"])
        result = report.result(VARIANT)
        if info.failure or result is None:
            continue
        spec = info.spec
        measured = timed.get(candidate)
        yield {
            "schedule": "warm" if spec.warm_start else "full",
            "seed": info.seed,
            "candidate": candidate.removesuffix(_WARM),
            "trunk": spec.architecture.label,
            "pooling": spec.pooling,
            "rank": info.rank,
            "qat": spec.qat,
            "mmacs": multiply_accumulates(build_deployed(spec, info.front_end, info.rank).core) / 1e6,
            "parameters": info.parameters,
            "bytes": measured.bytes if measured else "",
            "p50_ms": measured.p50_ms if measured else "",
            "windows": info.steps * batch_size,
            "seconds": sum(epoch.seconds for epoch in info.epochs),
            "explained": info.target_variance_explained,
            "validation": statistics.fmean(task.validation for task in result.deciding),
            "test": result.mean,
            **{f"validation/{task.task}": task.validation for task in result.tasks},
            **{f"test/{task.task}": task.score for task in result.tasks},
        }


def read(table: Path) -> list[dict[str, Any]]:
    """The rows that are there already; none if there is no file."""
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(table: Path, every: list[dict[str, Any]]) -> None:
    """Writes the rows in a stable order, the last one of each key."""
    kept = {tuple(str(row[key]) for key in _KEY): row for row in every}
    columns = list(dict.fromkeys(column for row in kept.values() for column in row))
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for _, row in sorted(kept.items()):
            writer.writerow(
                {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
            )


def _latencies(nodes: dict[str, NodeRun]) -> dict[str, LatencyMeasurement]:
    folders = [node.outputs["report"] for name, node in nodes.items() if name.startswith("LatencyBenchmark.")]
    measurements = [one for folder in folders for one in LatencyReport.load(folder).measurements]
    return {one.candidate_id: one for one in measurements if one.variant == VARIANT}


if __name__ == "__main__":
    main()
