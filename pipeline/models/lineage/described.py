"""The little that a registered version tells of itself, where no graph was stored with its run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from components.common.tracking.faults import TrackingFault
from components.common.tracking.names import RUN_NAME_TAG
from pipeline.models.lineage import facts
from pipeline.models.lineage.parts import decision_id, file_id
from pipeline.models.registry.files import fetch_files
from schemas.lineage import LineageEdge, LineageGraph, LineageNode, Stage
from schemas.push_reports import ModelDescription


def graph_of_version(client: Any, version: Any) -> LineageGraph:
    """What the description stored with a version tells: corpus, teacher, student, file, figures, decision.

    Args:
      client: MLflow's.
      version: MLflow's; its files are verified.
    """
    run_name = version.tags.get(RUN_NAME_TAG, "")
    try:
        with tempfile.TemporaryDirectory() as aside:
            description = fetch_files(client, version, Path(aside))
    except TrackingFault as fault:
        return LineageGraph(run_name=run_name, nodes=[], edges=[], missing=[str(fault)])
    nodes = _nodes(description)
    ways = [
        ("described:corpus", "described:windows"),
        ("described:teacher", "described:windows"),
        ("described:windows", "described:student"),
        ("described:student", file_id(description.point_id)),
        (file_id(description.point_id), "described:noss"),
        *(("described:noss", node.id) for node in nodes if node.stage == "verdict"),
    ]
    return LineageGraph(
        run_name=description.run_name,
        nodes=nodes,
        edges=[LineageEdge(source=source, target=target) for source, target in ways],
        missing=["steps, data digests and ML Metadata's ids are unknown"],
    )


def _nodes(description: ModelDescription) -> list[LineageNode]:
    licences = description.licences
    point = {"candidate": description.candidate_id, "point": description.point_id}

    def node(name: str, stage: Stage, title: str, lines: list[str], **more: str) -> LineageNode:
        return LineageNode(id=name, kind="part", stage=stage, title=title, lines=lines, **more)

    corpus = sorted(set(licences.corpus.values())) or [facts.NOT_STATED]
    told = facts.noss(description.quality)
    return [
        node(
            "described:corpus",
            "sound",
            "Corpus",
            [
                f"{facts.counted(description.clips, 'clip')}, {description.hours:.2f} h"
                if description.clips
                else "clips were not counted",
                f"licence {', '.join(corpus)}",
            ],
        ),
        node(
            "described:teacher",
            "teaching",
            "Teacher",
            [
                description.teacher,
                f"sha256 {description.teacher_digest[:12]}…",
                f"licence {licences.teacher or facts.NOT_STATED}",
            ],
        ),
        node("described:windows", "teaching", "Distillation set", ["not described"]),
        node(
            "described:student",
            "student",
            description.candidate_id,
            [f"{description.parameters / 1e6:.2f} M weights"],
            candidate=description.candidate_id,
        ),
        node(
            file_id(description.point_id),
            "file",
            description.variant,
            [f"{description.bytes / 2**20:.2f} MiB", f"sha256 {description.sha256[:12]}…"],
            sha256=description.sha256,
            **point,
        ),
        node("described:noss", "measured", told.title, told.lines, **point).model_copy(
            update={"facts": told.facts}
        ),
        *(
            node(
                decision_id(description.point_id, blessing.machine.profile),
                "verdict",
                f"Blessed for {blessing.machine.profile}",
                [f"{blessing.point.quality_of_teacher:.1%} of the teacher"],
                device=blessing.machine.profile,
                **point,
            ).model_copy(update={"facts": {"decision": "blessed"}})
            for blessing in description.blessings
        ),
    ]
