"""What a run takes from outside the pipeline, where no artifact stands for it: sound, a released teacher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.models.lineage.facts import NOT_STATED
from pipeline.models.lineage.stages import CORPUS, TASKS, WINDOWS, component_of
from schemas.lineage import LineageEdge, LineageGraph, LineageNode

# Which input stands for what would otherwise come from outside.
_INPUTS = {CORPUS: "corpus", TASKS: "corpus", WINDOWS: "teacher"}
_TITLES = {CORPUS: "Sound of the corpus", TASKS: "Sound of the tasks", WINDOWS: "Teacher"}


def with_sources(graph: LineageGraph) -> LineageGraph:
    """The graph with a node for each thing that a step took from outside."""
    found = [
        (_source(step, component), step)
        for step in graph.of_kind("execution")
        if (component := component_of(step.node_id)) in _INPUTS
        and not any(edge.target == step.id and edge.key == _INPUTS[component] for edge in graph.edges)
    ]
    edges = [LineageEdge(source=source.id, target=step.id, key="settings") for source, step in found]
    return graph.model_copy(
        update={
            "nodes": [*(source for source, _ in found), *graph.nodes],
            "edges": [*edges, *graph.edges],
        }
    )


def _source(step: LineageNode, component: str) -> LineageNode:
    settings = _settings(step)
    digest = step.parameters.get("data_digest", "")
    if component == WINDOWS:
        teacher = settings.get("teacher", {})
        lines = [*_handles(teacher), f"licence {teacher.get('licence') or NOT_STATED}"]
        facts = dict(_flat(teacher))
    else:
        lines = [str(settings.get("root") or "a folder that the settings do not name")]
        facts = {name: str(value) for name, value in settings.items() if value not in ("", [], {})}
        if settings.get("licence"):
            lines.append(f"licence {settings['licence']}")
    return LineageNode(
        id=f"source:{step.node_id}",
        kind="source",
        stage=step.stage,
        title=_TITLES[component],
        lines=lines,
        facts={**facts, "digest of the files": digest or "none"},
        uri=lines[0],
    )


def _settings(step: LineageNode) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(step.parameters.get("settings", "{}"))
    except json.JSONDecodeError:  # cut short, as a very long one is
        return {}
    return read


def _handles(teacher: dict[str, Any]) -> list[str]:
    """What names a teacher; those of several that are laid end to end."""
    stages = ", ".join(stage["file"] for stage in teacher.get("stages", ()))
    named = teacher.get("handle") or teacher.get("repo") or teacher.get("path") or stages
    members = [handle for one in teacher.get("teachers", ()) for handle in _handles(one)]
    return members or [named or teacher.get("name") or "a teacher that the settings do not name"]


def _flat(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, str(value)) for name, value in settings.items() if value not in ("", None, [], {}))
