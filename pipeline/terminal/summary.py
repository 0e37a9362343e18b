"""The end of a run in the terminal: what to ship, the frontier, and where to look."""

from __future__ import annotations

from rich.console import Console

from components.common.frontier.answer import answers, best_first
from pipeline.local.layout import RunLayout
from pipeline.models.lineage.export import LINEAGE_PAGE
from pipeline.terminal.rich_text import tell
from pipeline.terminal.words import counted, print_table
from schemas.comparison_reports import NossComparison
from schemas.plain_text import plain
from schemas.push_reports import PushReport
from schemas.verdicts import DeviceVerdict, FrontierPoint, ReferenceQuality, Verdict


def print_summary(console: Console, layout: RunLayout, verdict: Verdict, pushed: PushReport | None) -> None:
    """Prints what to ship, each device's frontier as a table, then where report, models and store are.

    That blessed files lie below a baseline comes before all else.

    Args:
      console: Where to.
      layout: The run's folder.
      verdict: Its verdict.
      pushed: What the pusher did; none: it left nothing.
    """
    if verdict.below_baseline:
        tell(console, plain(verdict.below_baseline), style="red")
    print_answers(console, verdict)
    for device in verdict.devices:
        _print_device(console, verdict, device)
    places: list[tuple[str, object]] = [
        ("report", layout.report / Verdict.PAGE),
        ("picture", layout.report / Verdict.PICTURE),
        ("benchmark", layout.report / Verdict.BENCHMARK / f"{NossComparison.TABLE}.html"),
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


def print_answers(console: Console, verdict: Verdict) -> None:
    """Prints which file to ship on each device, with what a reader wants to know before."""
    for answer in answers(verdict):
        tell(console, plain(answer.sentence), style="bold" if answer.point else "red")
        for line in answer.more:
            tell(console, plain(f"  {line}"))


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
    headings = ("best first", "NOSS mean", *costs, "size (MiB)", "of teacher", "pushed")
    frontier = [point for point in device.points if point.on_frontier or point.blessed]
    rows = [_row(device, verdict, one) for one in best_first(verdict, frontier)]
    print_table(console, headings, rows, title, words=(0, len(headings) - 1))
    beaten = sum(not point.on_frontier for point in device.points)
    lines = [
        f"{counted(beaten, 'variant')} {'is' if beaten == 1 else 'are'} beaten, "
        f"{len(device.refused)} {'was' if len(device.refused) == 1 else 'were'} refused",
    ]
    lines += [
        f"registered {model.name} is beaten by {', '.join(model.beaten_by)}"
        for model in device.registered
        if model.beaten_by
    ]
    lines += [f"the gate is closed for {device.device}: {reason}" for reason in device.closed]
    for line in lines:
        tell(console, line)


def _row(device: DeviceVerdict, verdict: Verdict, one: FrontierPoint | ReferenceQuality) -> tuple[str, ...]:
    """A file, or what it is held against."""
    if isinstance(one, ReferenceQuality):
        name = one.kind if one.kind == "teacher" else f"{one.model} ({one.kind})"
        return (name, f"{one.quality:.3f}", *[""] * (4 if device.machine.measures_time else 5))
    if one in device.blessed:
        pushed = "yes, below a baseline" if verdict.baselines_above(one) else "yes"
    else:
        pushed = f"no: {'; '.join(one.reasons or ['the gate is closed'])}"
    return (
        one.point_id,
        f"{one.quality:.3f}",
        *cost_cells(one, timed=device.machine.measures_time),
        f"{one.bytes / 2**20:.2f}",
        f"{one.quality_of_teacher:.1%}",
        pushed,
    )


def cost_cells(one: FrontierPoint, *, timed: bool) -> tuple[str, ...]:
    """What running a file costs: milliseconds, or millions of multiply-accumulates and KiB of arena."""
    figures = (one.latency_ms,) if timed else (one.mega_macs, one.arena_kib)
    return tuple("" if figure is None else f"{figure:.3f}" for figure in figures)
