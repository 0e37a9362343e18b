"""The way of one file as cards: a step and what it made are one card, and what leads from one to the next.

What stands beside the way (checks, the other candidates) is not drawn; a card says how many others there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.models.lineage.chain import chain
from pipeline.models.lineage.facts import counted
from pipeline.models.lineage.stages import CONVERTER, STUDENT, SYNTHESIZER, TASKS, TEACHER, component_of
from schemas.lineage import LineageGraph, LineageNode, Stage

COLUMNS: tuple[Stage, ...] = (
    "sound",
    "teaching",
    "student",
    "file",
    "measured",
    "verdict",
    "published",
    "use",
)
# Lies beside the clips that it tells of.
_SIDE_REPORT = "schemas.IngestReport"
_GHOSTS: tuple[tuple[Stage, str, list[str]], ...] = (
    ("published", "Not published", ["no folder, no version"]),
    ("use", "Not in use", ["not the champion,", "served by nobody known"]),
)


@dataclass(frozen=True)
class Card:
    """A station of the way.

    Attributes:
      id: Of the node it tells of.
      stage: Its column.
      lane: 0 on the way itself; less is above, more below.
      title: A few words.
      lines: What a person wants to know first.
      footer: What is not drawn.
      tone: How it looks.
      nodes: All nodes it stands for, the one it tells of first.
    """

    id: str
    stage: Stage
    lane: int
    title: str
    lines: list[str]
    nodes: list[LineageNode]
    footer: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Way:
    """The way of one file.

    Attributes:
      focus: The node that was asked about.
      name: What the way is called.
      cards: In the order of the way.
      links: Pairs of card ids.
    """

    focus: LineageNode
    name: str
    cards: list[Card]
    links: list[tuple[str, str]]


def way_of(graph: LineageGraph, focus: str) -> Way:
    """The way of one file through a graph.

    Args:
      graph: All of it, so that what is not drawn can be counted.
      focus: Id of a version or of a file.
    """
    part = chain(graph, focus)
    asked = part.node(focus)
    groups = _groups(part)
    lanes = _lanes(groups, asked)
    cards = [_card(graph, asked, group, lanes[group[0].id]) for group in groups]
    ghosts = [
        _ghost(stage, title, lines)
        for stage, title, lines in _GHOSTS
        if not any(card.stage == stage for card in cards)
    ]
    cards = sorted([*cards, *ghosts], key=lambda card: (COLUMNS.index(card.stage), card.lane))
    links = _links(part, groups, {card.id for card in cards if card.lane == 0})
    for ghost in ghosts:
        before = COLUMNS[COLUMNS.index(ghost.stage) - 1]
        links += [(card.id, ghost.id) for card in cards if card.stage == before and card.lane == 0]
    return Way(asked, asked.title if asked.kind == "version" else asked.point, cards, links)


def _groups(part: LineageGraph) -> list[list[LineageNode]]:
    """The nodes of a way, those of one card together."""
    drawn = {node.id: node for node in part.nodes if node.stage != "checks"}
    made: dict[str, list[LineageNode]] = defaultdict(list)
    for edge in part.edges:
        if edge.source in drawn and edge.target in drawn:
            made[edge.source].append(drawn[edge.target])
    groups = [[node] for node in drawn.values() if node.kind in ("source", "version", "use")]
    for step in (node for node in drawn.values() if node.kind == "execution"):
        artifacts = sorted(made[step.id], key=lambda one: (not one.lines, one.type == _SIDE_REPORT))
        parts = [one for artifact in artifacts for one in made[artifact.id] if one.kind in ("part", "folder")]
        if parts:
            groups += [[one, *artifacts, step] for one in parts]
        elif step.stage != "published":
            groups.append([*artifacts, step])
    alone = {node.id for group in groups for node in group}
    return groups + [[n] for n in drawn.values() if n.id not in alone and n.stage != "published"]


def _lanes(groups: Iterable[list[LineageNode]], asked: LineageNode) -> dict[str, int]:
    """Where each card stands: on the way (0), above or below it."""
    lanes: dict[str, int] = {}
    taken: dict[Stage, set[int]] = defaultdict(set)
    for group in sorted(groups, key=lambda group: _rank(group[0], asked)):
        node = group[0]
        down = _goes_down(node)
        wanted = _wanted(node, asked)
        while wanted in taken[node.stage]:
            wanted += 1 if down else -1
        taken[node.stage].add(wanted)
        lanes[node.id] = wanted
    return lanes


def _rank(node: LineageNode, asked: LineageNode) -> tuple[int, str]:
    """Who is asked first where it wants to stand."""
    return abs(_wanted(node, asked)), node.id


def _wanted(node: LineageNode, asked: LineageNode) -> int:
    component = component_of(node.node_id)
    if node.kind == "source" and component_of(node.id.removeprefix("source:")) == TASKS:
        return 2
    if node.kind == "source" or component in (SYNTHESIZER, TEACHER):
        return -1
    if component == TASKS or node.id.startswith("noss:") or node.kind == "folder":
        return 1
    if component in (STUDENT, CONVERTER) and node.candidate != asked.candidate:
        return -1
    if node.type == "schemas.NossReport":
        return 1
    return 0


def _goes_down(node: LineageNode) -> bool:
    return _wanted(node, node) > 0 or node.kind in ("use", "version")


def _card(graph: LineageGraph, asked: LineageNode, group: list[LineageNode], lane: int) -> Card:
    node = group[0]
    step = next((one for one in group if one.kind == "execution"), None)
    lines = node.lines
    if step and not lines:
        lines = ["its report was not read"] if step.state in ("COMPLETE", "CACHED") else [step.state.lower()]
    title = node.title
    if node.type == "schemas.SoundCorpus":
        title, lines = "Sound", ["synthesised by this pipeline"]
    return Card(node.id, node.stage, lane, title, lines, group, _footer(graph, asked, node), _tone(node))


def _footer(graph: LineageGraph, asked: LineageNode, node: LineageNode) -> str:
    """How many others there are that are not drawn."""
    if node.candidate != asked.candidate:
        return ""
    if node.stage == "student":
        others = {one.candidate for one in graph.of_kind("artifact") if one.stage == "student"}
        return _others(len(others - {node.candidate}), "student")
    files = [one for one in graph.of_kind("part") if one.stage == "file" and one.id != node.id]
    if node.stage == "file":
        return _others(sum(one.candidate == node.candidate for one in files), "file", " of it")
    if node.id.startswith("decision:"):
        return f"1 of {counted(len(files), 'judged file')}" if len(files) > 1 else ""
    if node.kind == "version":
        return _others(sum(one.id != node.id for one in graph.of_kind("version")), "version")
    return ""


def _others(number: int, noun: str, more: str = "") -> str:
    return f"+ {number:,} other {noun}{'' if number == 1 else 's'}{more}" if number else ""


def _tone(node: LineageNode) -> str:
    if node.id.startswith("decision:"):
        return "good" if node.facts.get("decision") == "blessed" else "bad"
    if node.kind == "use":
        return "use"
    return "version" if node.kind == "version" else ""


def _ghost(stage: Stage, title: str, lines: list[str]) -> Card:
    return Card(f"none:{stage}", stage, 0, title, lines, [], tone="ghost")


def _links(part: LineageGraph, groups: Iterable[list[LineageNode]], way: set[str]) -> list[tuple[str, str]]:
    """What leads from card to card, without what a longer way says as well.

    Args:
      part: What is drawn, and more.
      groups: The cards.
      way: Ids of the cards on the way itself: what links neighbours of these stays.
    """
    cards: dict[str, list[LineageNode]] = defaultdict(list)
    for group in groups:
        for node in group:
            cards[node.id].append(group[0])
    links = {
        (source.id, target.id)
        for edge in part.edges
        for source in cards[edge.source]
        for target in cards[edge.target]
        if source.id != target.id
        and not (source.device and target.device and source.device != target.device)
        and not {source.id, target.id} <= {node.id for node in cards[edge.source]}
    }
    stages = {group[0].id: COLUMNS.index(group[0].stage) for group in groups}
    neighbours = {
        (source, target)
        for source, target in links
        if {source, target} <= way and stages[target] - stages[source] == 1
    }
    return sorted(_reduced(links) | neighbours)


def _reduced(links: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The links that no longer way says as well."""
    after: dict[str, set[str]] = defaultdict(set)
    for source, target in links:
        after[source].add(target)

    def reachable(start: str, without: str) -> set[str]:
        found: set[str] = set()
        waiting = [one for one in after[start] if one != without]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += after[one]
        return found

    return {(source, target) for source, target in links if target not in reachable(source, target)}


def seconds(node: LineageNode) -> float | None:
    """How long a step took; None if it did not end."""
    if not node.begun or not node.ended:
        return None
    return (datetime.fromisoformat(node.ended) - datetime.fromisoformat(node.begun)).total_seconds()
