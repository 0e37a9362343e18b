"""Where a model comes from and where it went: one graph, from the sound to where it is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from schemas.run_context import Provenance
from schemas.settings import Report, ReportFile

Stage = Literal["sound", "teaching", "student", "file", "measured", "verdict", "published", "use", "checks"]
NodeKind = Literal["execution", "artifact", "part", "source", "folder", "version", "use"]


class LineageNode(Report):
    """A thing or a step of the graph.

    ``candidate``, ``point`` and ``device`` say whom it concerns; a node without them concerns everybody.
    """

    id: str = Field(
        description="Unique in the graph, as in execution:12, artifact:7, version:tinytrill-host/3."
    )
    kind: NodeKind = Field(
        description="A step, what it made, what of that concerns one point, something from outside the "
        "pipeline, a pushed folder, a registered version, a use of one."
    )
    stage: Stage = Field(description="Part of the way it belongs to; checks: beside the way.")
    title: str = Field(description="A few words.")
    lines: list[str] = Field(default_factory=list, description="What a person wants to know first.")
    facts: dict[str, str] = Field(default_factory=dict, description="All that is known of it.")
    type: str = Field("", description="Type in ML Metadata.")
    node_id: str = Field("", description="Node of the pipeline it belongs to.")
    candidate: str = Field("", description="Candidate id.")
    point: str = Field("", description="<candidate id>/<variant>.")
    device: str = ""
    metadata_id: int | None = Field(None, description="Id in ML Metadata.")
    uri: str = Field("", description="Where it lies, without credentials.")
    sha256: str = Field("", description="Of a TFLite file.")
    state: str = Field("", description="Of a step: COMPLETE, CACHED, FAILED ...; of an artifact: LIVE ...")
    parameters: dict[str, str] = Field(default_factory=dict, description="Of a step.")
    begun: str = Field("", description="ISO time, UTC; of a cached step: when it was really executed.")
    ended: str = ""
    executed_in: str = Field("", description="Pipeline run that executed a cached step; empty: this one.")


class LineageEdge(Report):
    """``target`` was made from, or of, ``source``."""

    source: str
    target: str
    key: str = Field("", description="Name of the input or output.")


class LineageGraph(ReportFile):
    """A pipeline run, what it was made from, and what became of what it made."""

    FILE: ClassVar[str] = "lineage.json"
    PAGE: ClassVar[str] = "lineage.html"

    run_name: str
    pipeline_run: str = Field("", description="Its name in ML Metadata.")
    parent_run_id: str = Field("", description="Its MLflow run.")
    tracking_uri: str = Field("", description="MLflow store, without credentials.")
    provenance: Provenance | None = Field(None, description="None: not recorded.")
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    missing: list[str] = Field(default_factory=list, description="What could not be found out, and why.")

    def node(self, node_id: str) -> LineageNode:
        """A node by its id."""
        return next(node for node in self.nodes if node.id == node_id)

    def of_kind(self, kind: NodeKind) -> Iterator[LineageNode]:
        """The nodes of a kind, in order."""
        return (node for node in self.nodes if node.kind == kind)
