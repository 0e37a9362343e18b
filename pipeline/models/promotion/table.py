"""The champion before and after, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console

from pipeline.terminal.words import print_table
from schemas.verdicts import FrontierPoint

NONE = "-"


@dataclass(frozen=True)
class Row:
    """One figure of both.

    Attributes:
      figure: Its name, with the unit.
      before: Of the champion, with its interval; '-' if there is none.
      after: Of the version.
      difference: Absolute, and as a share where that says more.
    """

    figure: str
    before: str
    after: str
    difference: str


@dataclass(frozen=True)
class _Figure:
    """A figure of one point; without an interval low and high are None."""

    value: float
    low: float | None = None
    high: float | None = None


def rows(before: FrontierPoint | None, after: FrontierPoint) -> list[Row]:
    """All figures that the version has, beside those of the champion if there is one."""
    known = dict(_figures(before)) if before else {}
    return [_row(name, known.get(name), figure) for name, figure in _figures(after)]


def draw(console: Console, title: str, names: tuple[str, str], found: list[Row]) -> None:
    """Prints the rows.

    Args:
      console: Where to.
      title: Above it.
      names: Of the champion and of the version.
      found: The rows.
    """
    rows = [(row.figure, row.before, row.after, row.difference) for row in found]
    print_table(console, ("", *names, "difference"), rows, title)


def _figures(point: FrontierPoint) -> Iterator[tuple[str, _Figure]]:
    yield "NOSS mean", _Figure(point.quality, point.quality_low, point.quality_high)
    for task, score in point.tasks.items():
        yield f"  {task}", _Figure(score)
    if point.latency_ms is not None:
        yield (
            f"{point.typical} (ms)",
            _Figure(point.latency_ms, point.latency_low_ms, point.latency_high_ms),
        )
    for name, told in (("p95 (ms)", point.p95_ms), ("p99 (ms)", point.p99_ms)):
        if told is not None:
            yield name, _Figure(told)
    if point.latency_ratio is not None:
        yield (
            "x the reference network",
            _Figure(point.latency_ratio, point.latency_ratio_low, point.latency_ratio_high),
        )
    if point.real_time_factor is not None:
        yield "real-time factor", _Figure(point.real_time_factor)
    for name, told in (
        ("init (ms)", point.init_ms),
        ("arena (KiB)", point.arena_kib),
        ("multiply-accumulates (M)", point.mega_macs),
    ):
        if told is not None:
            yield name, _Figure(told)
    if point.peak_mib is not None:
        yield "peak memory (MiB)", _Figure(point.peak_mib)
    yield "file (MiB)", _Figure(point.bytes / 2**20)
    yield "parameters", _Figure(float(point.parameters))


def _row(name: str, before: _Figure | None, after: _Figure) -> Row:
    if before is None:
        return Row(name, NONE, _words(after), NONE)
    gain = after.value - before.value
    words = f"{gain:+.3g}" if abs(gain) < 1000 else f"{gain:+,.0f}"
    if before.value and not name.startswith((" ", "NOSS")):
        words += f" ({gain / before.value:+.1%})"
    if _touch(before, after):
        words += ", intervals touch"
    return Row(name, _words(before), _words(after), words)


def _words(figure: _Figure) -> str:
    value = f"{figure.value:,.0f}" if figure.value >= 1000 else f"{figure.value:.4g}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({figure.low:.4g} to {figure.high:.4g})"


def _touch(one: _Figure, other: _Figure) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high
