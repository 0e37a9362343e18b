"""The end of a run in the terminal: the frontier, and where to look."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline.layout import RunLayout
from schemas.reports import PushReport
from schemas.verdicts import Verdict


def print_summary(console: Console, layout: RunLayout, verdict: Verdict, pushed: PushReport | None) -> None:
    """Prints the frontier as a table, then the places of the report, the models and the store."""
    measured = "synthetic speech" if verdict.synthetic else "real sound"
    where = "device" if verdict.machine.is_device else "host"
    table = Table(
        title=f"{verdict.run_name}: the frontier ({measured}, {where} latency)", title_justify="left"
    )
    for heading in ("point", "NOSS mean", "of teacher", f"{where} p50 [ms]", "size [MB]", "pushed"):
        table.add_column(heading, justify="left" if heading == "point" else "right", overflow="fold")
    frontier = [point for point in verdict.points if point.on_frontier]
    for point in sorted(frontier, key=lambda point: (point.input, point.latency_ms)):
        table.add_row(
            point.point_id,
            f"{point.quality:.3f}",
            f"{point.quality_of_teacher:.1%}",
            f"{point.latency_ms:.3f}",
            f"{point.bytes / 1e6:.2f}",
            "yes" if point.blessed else "no: " + "; ".join(point.reasons),
        )
    console.print(table)
    others = len(verdict.points) - len(frontier)
    console.print(
        f"teacher {verdict.teacher.quality:.3f}; {others} variants are beaten, "
        f"{len(verdict.refused)} were refused"
    )
    for name, place in (
        ("report", layout.report / Verdict.PAGE),
        ("picture", layout.report / Verdict.PICTURE),
        ("benchmark", layout.report / Verdict.BENCHMARK / "table.html"),
        ("models", layout.pushed),
        ("MLflow store", pushed.tracking_uri if pushed else f"sqlite:///{layout.mlflow}"),
    ):
        console.print(f"{name + ':':14}{place}", soft_wrap=True, highlight=False)
