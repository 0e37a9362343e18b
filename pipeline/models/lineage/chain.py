"""The way of one file through a graph of many: what it was made from, and what became of it."""

from __future__ import annotations

from collections import defaultdict

from schemas.lineage import LineageGraph, LineageNode


def chain(graph: LineageGraph, focus: str) -> LineageGraph:
    """The part of a graph that concerns one node.

    What concerns everybody belongs to it; of what concerns one candidate, file or device, what concerns the
    same. A student that the candidate started from belongs to it, with all that was made from.

    Args:
      graph: All of it.
      focus: Id of the node: a version, a file, something of a candidate.
    """
    asked = graph.node(focus)
    nodes = {node.id: node for node in graph.nodes}
    sources: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    kept = {node.id for node in graph.nodes if _concern_the_same(asked, node)}
    kept |= _starts(nodes, sources, kept)
    if asked.kind == "version":
        kept -= {node.id for node in graph.of_kind("version")} - {focus}
        kept -= {node.id for node in graph.of_kind("use") if focus not in sources[node.id]}
    return graph.model_copy(
        update={
            "nodes": [node for node in graph.nodes if node.id in kept],
            "edges": [edge for edge in graph.edges if edge.source in kept and edge.target in kept],
        }
    )


def _concern_the_same(one: LineageNode, other: LineageNode) -> bool:
    return all(
        not its or not others or its == others
        for its, others in (
            (one.candidate, other.candidate),
            (one.point, other.point),
            (one.device, other.device),
        )
    )


def _starts(nodes: dict[str, LineageNode], sources: dict[str, list[str]], kept: set[str]) -> set[str]:
    """What the kept nodes of candidates were made from that belongs to other candidates."""
    waiting, found = list(kept), set[str]()
    while waiting:
        one = waiting.pop()
        # What concerns everybody was made from all candidates: there the walk ends.
        if nodes[one].candidate and one not in found:
            found.add(one)
            waiting += sources[one]
    return found
