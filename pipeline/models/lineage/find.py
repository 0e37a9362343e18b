"""Finding what somebody asks about: a version, an MLflow run, a run's folder or a TFLite file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from components.common.package.folders import MODEL_FILE, sha256_of
from components.common.tracking.faults import TrackingFault, telling
from components.common.tracking.names import (
    CANDIDATE_ROLE,
    CANDIDATE_TAG,
    HEAD_ON_TAG,
    PARENT_RUN_TAG,
    PIPELINE_ROLE,
    POINT_TAG,
    ROLE_TAG,
    SHA256_TAG,
)
from components.common.tracking.stores import SQLITE
from pipeline.configuration.config_file import ConfigError
from pipeline.local.layout import RunLayout
from pipeline.local.relocation import open_folder, settle
from pipeline.models.lineage.assemble import graph_of_folder, stored_graph, with_mlflow, without_mlflow
from pipeline.models.lineage.described import graph_of_version
from pipeline.models.lineage.metadata_graph import NoMetadata, read_graph
from pipeline.models.lineage.page import focuses_of
from pipeline.models.lineage.parts import file_id, read_push, version_id
from pipeline.models.lineage.search import find_file, find_push
from pipeline.models.registry.versions import find_version, tagged_versions
from pipeline.models.stores import opened, store_of
from schemas.lineage import LineageGraph

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_FORMS = "accepted: NAME/VERSION, NAME@alias, an MLflow run's id, a run's folder, a .tflite file, or sync"


@dataclass(frozen=True)
class Found:
    """What was asked about.

    Attributes:
      graph: Of its run.
      focuses: Ids of the versions or files that were meant, the first one first.
    """

    graph: LineageGraph
    focuses: list[str]


class Finder:
    """Asks ML Metadata and MLflow, whichever of them there is; a context manager.

    Attributes:
      layout: The folder whose ML Metadata is asked; None: there is none.
    """

    def __init__(self, tracking_uri: str, output: Path | None) -> None:
        """Opens the store that is named, or the folder's own, or the environment's.

        Args:
          tracking_uri: Of the MLflow store; empty: that of the folder, else of the environment.
          output: A run's folder.
        """
        self.layout = open_folder(output) if output else None
        self._stack = ExitStack()
        self._client: Any = None
        self._uri, self._no_store = _store(tracking_uri, self.layout)

    def __enter__(self) -> Self:
        if self._uri:
            try:
                self._client = self._stack.enter_context(opened(self._uri, None))
            except (TrackingFault, ConfigError) as error:
                if self.layout is None:
                    raise
                self._no_store = str(error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def find(self, what: str) -> Found:
        """What a text names.

        Raises:
          ConfigError: If it names nothing that is here; the message says where it was looked for.
          TrackingFault: If MLflow cannot tell.
        """
        path = Path(what)
        if path.suffix == ".tflite" or (path / MODEL_FILE).is_file():
            return self._file(path if path.suffix == ".tflite" else path / MODEL_FILE)
        if path.is_dir():
            return self._folder(open_folder(path))
        if _RUN_ID.fullmatch(what):
            return self._run(what)
        return self._version(what)

    def _version(self, what: str) -> Found:
        client = self._store_for(what)
        version = find_version(client, what)
        if on := version.tags.get(HEAD_ON_TAG):  # a head goes back to its student
            version = find_version(client, on)
        graph = self._of_version(version)
        return Found(graph, [version_id(version.name, str(version.version))])

    def _run(self, run_id: str) -> Found:
        client = self._store_for(run_id)
        run = client.get_run(run_id)
        role = run.data.tags.get(ROLE_TAG, "")
        if role not in (PIPELINE_ROLE, CANDIDATE_ROLE):
            raise ConfigError(
                f"MLflow run {run_id} is not a pipeline run and no candidate's: its tag {ROLE_TAG} is "
                f"{role or 'absent'}"
            )
        candidate = run.data.tags.get(CANDIDATE_TAG, "") if role == CANDIDATE_ROLE else ""
        parent = run.data.tags["mlflow.parentRunId"] if candidate else run_id
        graph = self._of_parent(parent)
        return Found(graph, _of_candidate(graph, candidate) if candidate else focuses_of(graph))

    def _folder(self, layout: RunLayout) -> Found:
        graph = self._told_by_both(_graph_or_refuse(layout), layout)
        return Found(graph, focuses_of(graph))

    def _file(self, path: Path) -> Found:
        if not path.is_file():
            raise ConfigError(f"{path} is absent; {_FORMS}")
        sha256 = sha256_of(path)
        asked = []
        if self._client is not None:
            versions = tagged_versions(self._client, SHA256_TAG, sha256)
            versions.sort(key=lambda version: -version.creation_timestamp)
            if versions:
                graph = self._of_version(versions[0])
                focuses = [node.id for node in graph.of_kind("version") if node.sha256 == sha256]
                return Found(_with_others(graph, versions), focuses)
            asked.append(f"MLflow {self._uri}")
        for layout in _folders(self.layout, path):
            place = find_file(layout.metadata, sha256)
            if place:
                graph = self._told_by_both(graph_of_folder(layout, place.run, [place.point]), layout)
                return Found(graph, [file_id(place.point)])
            asked.append(f"ML Metadata {layout.metadata}")
        raise ConfigError(
            f"{path} (sha256 {sha256}) was found in none of the places searched: "
            f"{', '.join(asked) or self._no_store}"
        )

    def _of_version(self, version: Any) -> LineageGraph:
        parent = version.tags.get(PARENT_RUN_TAG, "")
        if not parent:
            raise ConfigError(
                f"{version.name} v{version.version} has no tag {PARENT_RUN_TAG}: no run registered it"
            )
        return self._of_parent(parent, version)

    def _of_parent(self, parent: str, version: Any = None) -> LineageGraph:
        """The folder's graph if it holds that run, else the one that MLflow keeps, else what there is."""
        missing: list[str] = []
        run = find_push(self.layout.metadata, parent) if self.layout else ""
        if self.layout and run:
            point = version.tags.get(POINT_TAG, "") if version is not None else ""
            graph = graph_of_folder(self.layout, run, [point] if point else [])
        else:
            graph, missing = self._elsewhere(parent, version)
        graph = with_mlflow(graph, self._client, self._uri, parent)
        return graph.model_copy(update={"missing": [*missing, *graph.missing]})

    def _elsewhere(self, parent: str, version: Any) -> tuple[LineageGraph, list[str]]:
        """The graph of a run that the folder does not tell of as such, and what is missing therefore."""
        missing: list[str] = []
        if self.layout is not None:
            there = self.layout.metadata.is_file()
            told = f"knows no run that pushed to MLflow run {parent}" if there else "is absent"
            missing.append(f"ML Metadata cannot tell: {self.layout.metadata} {told}")
        stored = stored_graph(self._client, parent)
        if not isinstance(stored, str):
            return stored, missing
        missing.append(stored)
        if version is None:
            raise TrackingFault(f"the lineage of MLflow run {parent} is unknown: {'; '.join(missing)}")
        place = find_file(self.layout.metadata, version.tags.get(SHA256_TAG, "")) if self.layout else None
        if self.layout and place:
            missing.append(f"what is shown is the newest run of the folder that has the file, {place.run}")
            return graph_of_folder(self.layout, place.run, [place.point]), missing
        return graph_of_version(self._client, version), missing

    def _told_by_both(self, graph: LineageGraph, layout: RunLayout) -> LineageGraph:
        if self._client is None:
            return without_mlflow(graph, self._no_store)
        if not graph.parent_run_id:
            return without_mlflow(
                graph,
                f"its folder names no MLflow run; 'lineage sync --output {layout.root}' sends what waits",
            )
        try:
            with telling(self._uri):
                return with_mlflow(graph, self._client, self._uri, graph.parent_run_id)
        except TrackingFault as fault:
            return without_mlflow(graph, str(fault))

    def _store_for(self, what: str) -> Any:
        if self._client is None:
            raise ConfigError(f"{what!r} is to be looked up in MLflow: {self._no_store}")
        return self._client


def _graph_or_refuse(layout: RunLayout) -> LineageGraph:
    try:
        return graph_of_folder(layout)
    except NoMetadata as error:
        raise ConfigError(f"{layout.root} is not a run's folder: {error}; {_FORMS}") from None


def _store(tracking_uri: str, layout: RunLayout | None) -> tuple[str, str]:
    """Which store is asked; if none is, the second says why."""
    if layout is not None and not tracking_uri:
        told = _told_by(layout)
        if told:
            return told, ""
    try:
        return store_of(tracking_uri, None), ""
    except ConfigError as error:
        return "", f"{error}; {layout.mlflow} is absent" if layout else str(error)


def _told_by(layout: RunLayout) -> str:
    """The store that a folder's run was sent to, or the folder's own; empty if there is neither."""
    try:
        push = read_push(read_graph(layout.metadata))
    except NoMetadata:
        push = None
    if push is not None and push.tracking_uri and not push.tracking_uri.startswith(SQLITE):
        return push.tracking_uri
    return f"{SQLITE}{layout.mlflow}" if layout.mlflow.is_file() else ""


def _folders(layout: RunLayout | None, path: Path) -> Iterable[RunLayout]:
    """The folder that is named, and the one that a file lies in."""
    if layout is not None:
        yield layout
    for parent in path.resolve().parents:
        around = RunLayout(parent)
        if around.metadata.is_file() and around != layout:
            settle(around)
            yield around


def _of_candidate(graph: LineageGraph, candidate: str) -> list[str]:
    """The versions of a candidate, or else its files."""
    own = [node for node in graph.nodes if node.candidate == candidate]
    versions = [node.id for node in own if node.kind == "version"]
    return versions or [node.id for node in own if node.kind == "part" and node.stage == "file"]


def _with_others(graph: LineageGraph, versions: list[Any]) -> LineageGraph:
    """Says which versions of the same file other runs registered."""
    here = {node.id for node in graph.of_kind("version")}
    others = [
        f"{one.name} v{one.version}" for one in versions if version_id(one.name, str(one.version)) not in here
    ]
    if not others:
        return graph
    line = f"the same file was registered by other runs too, which are not shown: {', '.join(others)}"
    return graph.model_copy(update={"missing": [*graph.missing, line]})
