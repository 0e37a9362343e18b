"""The end of a run in the terminal: the frontier, and where to look."""

from __future__ import annotations

from rich.console import Console

from pipeline.local.layout import RunLayout
from pipeline.models.lineage.export import LINEAGE_PAGE
from pipeline.terminal.rich_text import tell
from pipeline.terminal.words import counted, print_table
from schemas.plain_text import plain
from schemas.push_reports import PushReport
from schemas.verdicts import DeviceVerdict, Verdict


def print_summary(console: Console, layout: RunLayout, verdict: Verdict, pushed: PushReport | None) -> None:
    """Prints each device's frontier as a table, then the places of the report, the models and the store.

    That blessed files lie below a baseline comes before all else.

    Args:
      console: Where to.
      layout: The run's folder.
      verdict: Its verdict.
      pushed: What the pusher did; none: it left nothing.
    """
    if verdict.below_baseline:
        tell(console, plain(verdict.below_baseline), style="yellow")
    for device in verdict.devices:
        _print_device(console, verdict, device)
    console.print(f"teacher {verdict.teacher.quality:.3f}")
    places: list[tuple[str, object]] = [
        ("report", layout.report / Verdict.PAGE),
        ("picture", layout.report / Verdict.PICTURE),
        ("benchmark", layout.report / Verdict.BENCHMARK / "table.html"),
        ("lineage", layout.report / LINEAGE_PAGE),
        ("models", layout.pushed),
    ]
    if pushed:
        places.append(("MLflow store", pushed.tracking_uri))
        places += [("registered", words) for words in _registered(pushed)]
    for name, place in places:
        tell(console, plain(f"{name + ':':14}{place}"))
    if pushed and pushed.kept:
        tell(
            console,
            f"MLflow was not told: {pushed.unsent}\nnot registered: all is kept in {pushed.kept}; send it "
            f"with: pipeline_runner.py lineage sync --output {layout.root}",
            style="yellow",
        )


def _registered(pushed: PushReport) -> list[str]:
    """The versions of each registered model."""
    versions: dict[str, list[str]] = {}
    for model in pushed.models:
        for registration in model.registrations:
            versions.setdefault(registration.registered_model, []).append(registration.version)
    return [
        f"{name} {', '.join(f'v{version}' for version in sorted(numbers, key=int))}"
        for name, numbers in sorted(versions.items())
    ]


def _print_device(console: Console, verdict: Verdict, device: DeviceVerdict) -> None:
    measured = "synthetic speech" if verdict.synthetic else "real sound"
    where = "device" if device.machine.is_device else "host"
    timed = device.machine.measures_time
    title = (
        f"{verdict.run_name}: the frontier on {device.device}, {device.machine.name} "
        f"({measured}, {f'{where} latency' if timed else 'no time measured'})"
    )
    typical = "mean" if any(point.statistic == "mean" for point in device.points) else "p50"
    costs = (f"{where} {typical} (ms)",) if timed else ("M MACs", "arena (KiB)")
    headings = ("point", "NOSS mean", "of teacher", *costs, "size (MiB)", "pushed")
    frontier = [point for point in device.points if point.on_frontier]
    pushed = {point.point_id for point in device.blessed}
    rows = []
    for point in sorted(frontier, key=lambda point: (point.input, point.latency_ms or point.cost)):
        reasons = point.reasons or ["the gate is closed"]
        figures = (point.latency_ms,) if timed else (point.mega_macs, point.arena_kib)
        rows.append(
            (
                point.point_id,
                f"{point.quality:.3f}",
                f"{point.quality_of_teacher:.1%}",
                *(f"{figure:.3f}" for figure in figures if figure is not None),
                f"{point.bytes / 2**20:.2f}",
                "yes" if point.point_id in pushed else f"no: {'; '.join(reasons)}",
            )
        )
    print_table(console, headings, rows, title, words=(0, len(headings) - 1))
    beaten = len(device.points) - len(frontier)
    lines = [
        f"{counted(beaten, 'variant')} {'is' if beaten == 1 else 'are'} beaten, "
        f"{len(device.refused)} {'was' if len(device.refused) == 1 else 'were'} refused",
    ]
    lines += [f"recommended ({one.input}): {one.point_id}" for one in device.recommendations]
    lines += [
        f"registered {model.name} is beaten by {', '.join(model.beaten_by)}"
        for model in device.registered
        if model.beaten_by
    ]
    lines += [f"the gate is closed for {device.device}: {reason}" for reason in device.closed]
    for line in lines:
        tell(console, line)
