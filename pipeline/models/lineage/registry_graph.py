"""What MLflow knows of a run: its versions, what they are called, who promoted them and who serves them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from components.common.tracking import ledger
from components.common.tracking.faults import TrackingFault
from components.common.tracking.names import (
    CANDIDATE_TAG,
    CHAMPION_ALIAS,
    DEVICE_TAG,
    POINT_TAG,
    PROVENANCE_PREFIX,
    SERVED_TAG,
    SHA256_TAG,
)
from pipeline.models.lineage.parts import decision_id, file_id, folder_id, version_id
from pipeline.models.registry.uses import uses_of
from schemas.lineage import LineageEdge, LineageGraph, LineageNode
from schemas.run_context import Provenance

_LONGEST_TAG = 300


def candidate_runs(client: Any, experiment_id: str, parent_run_id: str) -> dict[str, str]:
    """MLflow runs of the candidates, by candidate id."""
    query = f"tags.mlflow.parentRunId = '{parent_run_id}'"
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_runs([experiment_id], query, max_results=1000, page_token=token)
        found |= {
            run.data.tags[CANDIDATE_TAG]: run.info.run_id for run in page if CANDIDATE_TAG in run.data.tags
        }
        token = page.token
        if not token:
            return found


def with_registry(graph: LineageGraph, client: Any, versions: Iterable[Any]) -> LineageGraph:
    """The graph with MLflow's versions, as they stand now, in place of those it had.

    Args:
      graph: Of a run.
      client: MLflow's.
      versions: MLflow's, with aliases, the run's own.
    """
    stale = {node.id for node in graph.nodes if node.kind in ("version", "use")}
    nodes = {node.id: node for node in graph.nodes if node.id not in stale}
    edges = [edge for edge in graph.edges if not {edge.source, edge.target} & stale]
    missing = list(graph.missing)
    judged = graph.pipeline_run and any(node.stage == "verdict" for node in graph.of_kind("part"))
    ledgers: dict[str, list[ledger.Entry]] = {}
    for version in versions:
        if version.name not in ledgers:
            try:
                ledgers[version.name] = ledger.read(client, version.name)
            except TrackingFault as fault:
                ledgers[version.name] = []
                missing.append(str(fault))
        node = _version(version, ledgers[version.name])
        nodes[node.id] = node
        file = nodes.get(file_id(node.point))
        if file is None and judged:
            missing.append(f"the run that {node.title} says it comes from knows no file {node.point}")
        elif file is not None and file.sha256 != node.sha256:
            missing.append(
                f"{node.title} is not the file of its run: sha256 {node.sha256}, the run's {file.sha256}"
            )
        origins = [decision_id(node.point, node.device), folder_id(node.point), file_id(node.point)]
        origin = next((one for one in origins if one in nodes), "")
        edges += [LineageEdge(source=origin, target=node.id)] if origin else []
        for use in _uses(version, node, ledgers[version.name]):
            nodes[use.id] = use
            edges.append(LineageEdge(source=node.id, target=use.id))
    return graph.model_copy(update={"nodes": list(nodes.values()), "edges": edges, "missing": missing})


def with_runs(graph: LineageGraph, parent: Any, runs: dict[str, str]) -> LineageGraph:
    """The graph with the ids of the candidates' MLflow runs, and with the code its parent run tells of.

    Args:
      graph: Of a run.
      parent: MLflow's run of the pipeline.
      runs: See :func:`candidate_runs`.
    """
    nodes = [
        node.model_copy(update={"facts": {**node.facts, "MLflow run": runs[node.candidate]}})
        if node.kind == "artifact" and node.stage == "student" and node.candidate in runs
        else node
        for node in graph.nodes
    ]
    return graph.model_copy(
        update={
            "nodes": nodes,
            "parent_run_id": parent.info.run_id,
            "provenance": graph.provenance or Provenance.from_facts(parent.data.tags, PROVENANCE_PREFIX),
        }
    )


def _version(version: Any, entries: list[ledger.Entry]) -> LineageNode:
    tags, number = version.tags, str(version.version)
    point = tags.get(POINT_TAG, "")
    aliases = sorted(version.aliases, key=lambda alias: (alias != CHAMPION_ALIAS, alias))
    about = [entry for entry in entries if number in (entry.version, entry.over)]
    return LineageNode(
        id=version_id(version.name, number),
        kind="version",
        stage="published",
        title=f"{version.name} v{number}",
        lines=[
            *([" ".join(f"@{alias}" for alias in aliases)] if aliases else ["no alias"]),
            f"registered {_day(version.creation_timestamp)}",
            *_until(about, number),
        ],
        facts={
            "registered": _time(version.creation_timestamp),
            "aliases": ", ".join(aliases) or "none",
            **{f"promotion {entry.n}": entry.words for entry in about},
            **{
                tag.removeprefix("tinytrill."): value
                for tag, value in sorted(tags.items())
                if len(value) <= _LONGEST_TAG and not tag.startswith((SERVED_TAG, "mlflow."))
            },
        },
        candidate=tags.get(CANDIDATE_TAG, point.rpartition("/")[0]),
        point=point,
        device=tags.get(DEVICE_TAG, ""),
        sha256=tags.get(SHA256_TAG, ""),
    )


def _uses(version: Any, node: LineageNode, entries: list[ledger.Entry]) -> Iterable[LineageNode]:
    """The champion, and those who said that they serve the version."""
    common = node.model_dump(include={"candidate", "point", "device"})
    if CHAMPION_ALIAS in version.aliases:
        made = next((entry for entry in reversed(entries) if entry.version == str(version.version)), None)
        yield LineageNode(
            id=f"champion:{version.name}",
            kind="use",
            stage="use",
            title="Champion",
            lines=[f"of {version.name}", *_since(made)],
            facts={"ledger": made.words} if made else {"ledger": "no entry: the alias was set by hand"},
            **common,
        )
    for slug, use in uses_of(version).items():
        yield LineageNode(
            id=f"served:{version.name}/{version.version}/{slug}",
            kind="use",
            stage="use",
            title=use.get("what") or slug,
            lines=[f"{use.get('at', '')[:10]}, {use.get('by', 'somebody')}".strip(", ")],
            facts=use,
            **common,
        )


def _until(entries: list[ledger.Entry], number: str) -> list[str]:
    """Whether a version was champion, and until when."""
    last = entries[-1] if entries else None
    return [f"champion until {last.at[:10]}"] if last and last.over == number else []


def _since(made: ledger.Entry | None) -> list[str]:
    return [f"since {made.at[:10]}, by {made.by}", *([made.why] if made.why else [])] if made else []


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _day(milliseconds: int) -> str:
    return _time(milliseconds)[:10]
