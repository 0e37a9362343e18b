"""What the artifacts of a graph hold: their reports are read where they lie, and what is gone is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from components.common.package.folders import MODEL_FILE
from pipeline.models.lineage import facts
from pipeline.models.lineage.parts import artifacts_of, decision_id, file_id, folder_id, version_id
from pipeline.models.lineage.stages import CORPUS, PUSHED, TASKS, VARIANTS, VERDICT, component_of
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.latency_reports import LatencyReport
from schemas.lineage import LineageEdge, LineageGraph, LineageNode
from schemas.noss_reports import NossReport
from schemas.noss_task_sets import NossTaskSet
from schemas.push_reports import PushedModel, PushReport, Registration
from schemas.settings import Report, UnreadableReport
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.trained_teacher import TrainedTeacherInfo
from schemas.verdicts import Verdict

_R = TypeVar("_R", bound=Report)
_DESTINATION = "destination"


def with_reports(graph: LineageGraph, points: Collection[str]) -> LineageGraph:
    """The graph with what the reports say: of what all share, and of some points.

    Args:
      graph: From ML Metadata; its artifacts' folders are read.
      points: Point ids whose own reports are read too.
    """
    return _Reports(graph, points).read()


class _Reports:
    """Reads reports and collects what they say."""

    def __init__(self, graph: LineageGraph, points: Collection[str]) -> None:
        self._graph, self._points = graph, sorted(points)
        self._nodes = {node.id: node for node in graph.nodes}
        self._edges: list[LineageEdge] = []
        self._missing = list(graph.missing)
        self._candidates = {point.rpartition("/")[0] for point in self._points}
        self._starts = _starts(graph, self._candidates)

    def read(self) -> LineageGraph:
        readers: dict[str, Callable[[LineageNode], None]] = {
            "Examples": self._examples,
            "schemas.TeacherModel": self._teacher,
            "schemas.DistillationSet": self._windows,
            "schemas.StudentModel": self._student,
            VARIANTS: self._variants,
            "schemas.NossReport": self._noss,
            "schemas.LatencyReport": self._latency,
            VERDICT: self._decision,
            PUSHED: self._pushed,
        }
        for node in self._graph.of_kind("artifact"):
            if node.type in readers and node.stage != "checks" and self._concerns(node):
                readers[node.type](node)
        return self._graph.model_copy(
            update={
                "nodes": list(self._nodes.values()),
                "edges": [
                    *self._graph.edges,
                    *(edge for edge in self._edges if {edge.source, edge.target} <= self._nodes.keys()),
                ],
                "missing": self._missing,
            }
        )

    def _concerns(self, node: LineageNode) -> bool:
        """Whether a report is asked for: of a candidate that others start from, the student is."""
        start = node.stage == "student" and node.candidate in self._starts
        return not node.candidate or node.candidate in self._candidates or start

    def _examples(self, node: LineageNode) -> None:
        component = component_of(node.node_id)
        if component == TASKS and (told := self._load(node, NossTaskSet)):
            self._tell(node, facts.tasks(told))
        if component == CORPUS:
            made = _type_of_step(self._graph, node, "schemas.IngestReport")
            if made and (report := self._load(made, IngestReport)):
                self._tell(node, facts.corpus(report))

    def _teacher(self, node: LineageNode) -> None:
        if info := self._load(node, TrainedTeacherInfo):
            self._tell(node, facts.trained_teacher(info))

    def _windows(self, node: LineageNode) -> None:
        if info := self._load(node, DistillationSetInfo):
            self._tell(node, facts.windows(info))

    def _student(self, node: LineageNode) -> None:
        if info := self._load(node, StudentInfo):
            self._tell(node, facts.student(info))

    def _variants(self, node: LineageNode) -> None:
        if not (report := self._load(node, TfliteReport)):
            return
        for variant in report.variants:
            point = f"{report.candidate_id}/{variant.name}"
            if point in self._points:
                part = self._part(node, file_id(point), facts.tflite_file(variant), point)
                self._nodes[part.id] = part.model_copy(update={"sha256": variant.sha256})

    def _noss(self, node: LineageNode) -> None:
        if not (report := self._load(node, NossReport)):
            return
        for result in report.results:
            if result.name in self._points:
                self._part(node, f"noss:{result.name}", facts.noss(result), result.name)

    def _latency(self, node: LineageNode) -> None:
        if not (report := self._load(node, LatencyReport)):
            return
        for measured in report.measurements:
            if measured.key in self._points:
                name = f"latency:{measured.key}@{report.machine.profile}"
                self._part(node, name, facts.latency(report, measured), measured.key, report.machine.profile)
        for found in report.footprints:
            if found.key in self._points:
                name = f"footprint:{found.key}@{report.machine.profile}"
                self._part(node, name, facts.footprint(report, found), found.key, report.machine.profile)

    def _decision(self, node: LineageNode) -> None:
        if not (verdict := self._load(node, Verdict)):
            return
        for device in verdict.devices:
            for point in device.points:
                if point.point_id in self._points:
                    name = decision_id(point.point_id, device.device)
                    self._part(node, name, facts.decision(device, point), point.point_id, device.device)

    def _pushed(self, node: LineageNode) -> None:
        step = _step_of(self._graph, node)
        destination = Path(_parameter(step, _DESTINATION))
        if not (report := self._load(node, PushReport)):
            return
        for model in report.models:
            if model.point_id not in self._points:
                continue
            folder = destination / model.folder
            there = (folder / MODEL_FILE).is_file()
            told = facts.Summary(
                "Pushed folder",
                [model.folder, "" if there else "not there any more"],
                {"folder": str(folder), "sha256": model.sha256, "devices": ", ".join(model.devices)},
            )
            part = self._part(node, folder_id(model.point_id), told, model.point_id)
            self._nodes[part.id] = part.model_copy(update={"kind": "folder", "uri": str(folder)})
            for one in model.registrations:
                self._registered(model, one)

    def _registered(self, model: PushedModel, one: Registration) -> None:
        """A version as it was pushed; what became of it MLflow knows."""
        version = LineageNode(
            id=version_id(one.registered_model, one.version),
            kind="version",
            stage="published",
            title=f"{one.registered_model} v{one.version}",
            lines=["aliases are unknown"],
            candidate=model.candidate_id,
            point=model.point_id,
            device=one.device,
            sha256=model.sha256,
        )
        self._nodes[version.id] = version
        self._edges.append(LineageEdge(source=decision_id(model.point_id, one.device), target=version.id))

    def _load(self, node: LineageNode, kind: type[_R]) -> _R | None:
        name: str = getattr(kind, "FILE", "")
        try:
            return kind.read(node.uri, name)
        except UnreadableReport as error:
            place = f"{name} of {node.node_id}"
            self._missing.append(
                f"{place} is absent: {node.uri} was deleted, or lies on another machine"
                if error.missing
                else f"{place} cannot be read by this release: {error}"
            )
        return None

    def _tell(self, node: LineageNode, told: facts.Summary) -> None:
        self._nodes[node.id] = node.model_copy(
            update={"title": told.title, "lines": told.lines, "facts": told.facts}
        )

    def _part(
        self, node: LineageNode, name: str, told: facts.Summary, point: str, device: str = ""
    ) -> LineageNode:
        part = LineageNode(
            id=name,
            kind="part",
            stage=node.stage,
            title=told.title,
            lines=[line for line in told.lines if line],
            facts=told.facts,
            candidate=point.rpartition("/")[0],
            point=point,
            device=device,
        )
        if name not in self._nodes:
            self._edges.append(LineageEdge(source=node.id, target=name))
        self._nodes[name] = part
        return part


def _starts(graph: LineageGraph, candidates: Collection[str]) -> set[str]:
    """The candidates that some start from, and those that these start from."""
    nodes = {node.id: node for node in graph.nodes}
    found: set[str] = set()
    wanted = set(candidates)
    while wanted:
        wanted = {
            nodes[edge.source].candidate
            for edge in graph.edges
            if nodes[edge.target].candidate in wanted and nodes[edge.source].candidate not in wanted
        } - found - {""}  # fmt: skip
        found |= wanted
    return found


def _type_of_step(graph: LineageGraph, node: LineageNode, kind: str) -> LineageNode | None:
    return next((one for one in artifacts_of(graph, kind) if one.node_id == node.node_id), None)


def _step_of(graph: LineageGraph, node: LineageNode) -> LineageNode | None:
    return next((step for step in graph.of_kind("execution") if step.node_id == node.node_id), None)


def _parameter(step: LineageNode | None, name: str) -> str:
    """One of the settings of a step; empty if it has no such setting."""
    try:
        return str(json.loads((step.parameters if step else {}).get("settings", "{}")).get(name, ""))
    except json.JSONDecodeError:
        return ""
