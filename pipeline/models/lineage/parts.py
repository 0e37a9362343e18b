"""The parts of a graph that belong to one file: how they are called, and which files the gate judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from pipeline.models.lineage.stages import PUSHED, VARIANTS, VERDICT
from schemas.lineage import LineageEdge, LineageGraph, LineageNode
from schemas.push_reports import PushReport
from schemas.settings import ReportFile, UnreadableReport
from schemas.verdicts import Verdict

_R = TypeVar("_R", bound=ReportFile)


def file_id(point_id: str) -> str:
    """Id of the node of a TFLite file."""
    return f"file:{point_id}"


def decision_id(point_id: str, device: str) -> str:
    """Id of the node of the gate's decision on a file for a device."""
    return f"decision:{point_id}@{device}"


def folder_id(point_id: str) -> str:
    """Id of the node of a pushed folder."""
    return f"folder:{point_id}"


def version_id(name: str, version: str) -> str:
    """Id of the node of a registered version."""
    return f"version:{name}/{version}"


def read_verdict(graph: LineageGraph) -> Verdict | None:
    """The gate's decision of a graph's run; None if there is none, or it cannot be read."""
    return _read(graph, VERDICT, Verdict)


def read_push(graph: LineageGraph) -> PushReport | None:
    """What the run's pusher did; None if it did not come to an end, or its report cannot be read."""
    return _read(graph, PUSHED, PushReport)


def artifacts_of(graph: LineageGraph, kind: str) -> Iterator[LineageNode]:
    """The artifacts of a type."""
    return (node for node in graph.of_kind("artifact") if node.type == kind)


def with_points(graph: LineageGraph, verdict: Verdict | None) -> LineageGraph:
    """The graph with a node for every file that the gate judged: by its sha256 it is found."""
    if verdict is None:
        return graph
    makers = {node.candidate: node.id for node in artifacts_of(graph, VARIANTS)}
    points = {point.point_id: point for device in verdict.devices for point in device.points}
    nodes = [
        LineageNode(
            id=file_id(point.point_id),
            kind="part",
            stage="file",
            title=point.variant,
            lines=[f"{point.bytes / 2**20:.2f} MiB", f"sha256 {point.sha256[:12]}…"],
            candidate=point.candidate_id,
            point=point.point_id,
            sha256=point.sha256,
        )
        for point in points.values()
    ]
    edges = [
        LineageEdge(source=makers[node.candidate], target=node.id, key="file")
        for node in nodes
        if node.candidate in makers
    ]
    return graph.model_copy(update={"nodes": [*graph.nodes, *nodes], "edges": [*graph.edges, *edges]})


def _read(graph: LineageGraph, kind: str, report: type[_R]) -> _R | None:
    for node in artifacts_of(graph, kind):
        try:
            return report.load(node.uri)
        except UnreadableReport:
            return None
    return None
