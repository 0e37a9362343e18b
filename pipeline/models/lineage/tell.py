"""The way of a version in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, zip_longest

from rich.console import Console
from rich.table import Table

from pipeline.models.lineage.cards import Card, Way, seconds, way_of
from pipeline.models.lineage.find import Found
from pipeline.models.lineage.stages import TITLES
from pipeline.terminal.rich_text import cell, cell_lines, tell
from pipeline.terminal.words import print_table
from schemas.lineage import LineageGraph
from schemas.plain_text import plain

_MOST_WAYS = 3


def print_ways(console: Console, found: Found) -> None:
    """Prints the run, the ways of what was asked about, and what could not be found out."""
    graph = found.graph
    _print_run(console, graph)
    for focus in found.focuses[:_MOST_WAYS]:
        _print_way(console, graph, focus)
    rest = found.focuses[_MOST_WAYS:]
    if rest:
        names = ", ".join(way_of(graph, focus).name for focus in rest)
        tell(console, plain(f"and {len(rest)} more: {names}"))
    if not found.focuses:
        console.print("no file was judged", highlight=False)
    for line in graph.missing:
        tell(console, f"missing: {line}")


def _print_run(console: Console, graph: LineageGraph) -> None:
    lines = [("run", f"{graph.run_name} {graph.pipeline_run[:16].replace('T', ' ')}".strip())]
    code = graph.provenance
    lines.append(
        (
            "code",
            f"{code.code_version}{' with uncommitted changes' if code.uncommitted else ''}; "
            f"requirements.lock {code.lock_sha256[:12] or 'none'}; configuration {code.config_sha256[:12]}"
            if code
            else "not recorded",
        )
    )
    if graph.parent_run_id:
        lines.append(("MLflow run", f"{graph.parent_run_id} in {graph.tracking_uri}"))
    for name, value in lines:
        tell(console, plain(f"{name + ':':12}{value}"))


def _print_way(console: Console, graph: LineageGraph, focus: str) -> None:
    """A table in a terminal; in a pipe or a file plain columns, a line for each that is said."""
    way = way_of(graph, focus)
    title = way.name + (f": {way.focus.point}" if way.focus.kind == "version" else "")
    if not console.is_terminal:
        print_table(console, ("part", "what", "made by"), list(_lines(way)), title, words=range(3))
        return
    table = Table(
        title=cell(title),
        title_justify="left",
        show_header=False,
    )
    for _ in range(3):
        table.add_column(overflow="fold")
    for stage, cards in groupby(way.cards, key=lambda card: card.stage):
        for index, card in enumerate(cards):
            said = "\n".join(map(plain, _said(card)))
            table.add_row(TITLES[stage] if index == 0 else "", cell_lines(said), cell_lines(_made_by(card)))
        table.add_section()
    console.print(table)


def _lines(way: Way) -> Iterator[tuple[str, str, str]]:
    """Part, what is said of it, and who made it: line by line, each named by its part."""
    for card in way.cards:
        for said, made in zip_longest(_said(card), _made_by(card).splitlines(), fillvalue=""):
            yield TITLES[card.stage], said, made


def _said(card: Card) -> list[str]:
    return [card.title, *card.lines, *([card.footer] if card.footer else [])]


def _made_by(card: Card) -> str:
    step = next((node for node in card.nodes if node.kind == "execution"), None)
    if step is None:
        return card.nodes[0].facts.get("ledger", "") if card.nodes else ""
    duration = seconds(step)
    took = f", {duration:.0f} s" if duration is not None else f", {step.state}"
    cached = f"\nfrom the cache, executed in run {step.executed_in[:16]}" if step.executed_in else ""
    return f"{step.node_id}\nexecution {step.metadata_id}, {step.begun[:16].replace('T', ' ')}{took}{cached}"
