"""A made-up lineage graph, for tests of what is made of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.lineage import LineageEdge, LineageGraph, LineageNode

DEVICES = ("host", "phone")


def node(name: str, stage: Any, kind: Any = "part", **more: Any) -> LineageNode:
    return LineageNode(id=name, kind=kind, stage=stage, title=name, **more)


def made_up_graph(candidates: Sequence[str] = ("a", "b", "c")) -> LineageGraph:
    """Of the candidates the second starts from the first; its file core is registered for two devices.

    One of these versions is served.
    """
    first, second = candidates[:2]
    nodes = [
        node("ingest", "sound", "execution", node_id="AudioIngest"),
        node("corpus", "sound", "artifact", node_id="AudioIngest", lines=["10 clips"]),
        node("statistics", "checks", "execution", node_id="StatisticsGen"),
        node("embed", "teaching", "execution", node_id="TeacherEmbedder"),
        node("windows", "teaching", "artifact", node_id="TeacherEmbedder"),
        node("gate", "verdict", "execution", node_id="FrontierGate"),
        node("verdict", "verdict", "artifact", node_id="FrontierGate"),
    ]
    edges = [
        ("ingest", "corpus"),
        ("corpus", "statistics"),
        ("corpus", "embed"),
        ("embed", "windows"),
        ("gate", "verdict"),
    ]
    for name in candidates:
        own = {"candidate": name}
        nodes += [
            node(f"train-{name}", "student", "execution", node_id=f"StudentTrainer.{name}", **own),
            node(f"student-{name}", "student", "artifact", node_id=f"StudentTrainer.{name}", **own),
            node(f"convert-{name}", "file", "execution", node_id=f"TfliteConverter.{name}", **own),
            node(f"variants-{name}", "file", "artifact", node_id=f"TfliteConverter.{name}", **own),
        ]
        edges += [
            ("windows", f"train-{name}"),
            (f"train-{name}", f"student-{name}"),
            (f"student-{name}", f"convert-{name}"),
            ("windows", f"convert-{name}"),
            (f"convert-{name}", f"variants-{name}"),
            (f"variants-{name}", "gate"),
        ]
        for kind in ("core", "wave"):
            point = f"{name}/{kind}"
            nodes.append(node(f"file:{point}", "file", point=point, **own))
            edges.append((f"variants-{name}", f"file:{point}"))
    edges.append((f"student-{first}", f"train-{second}"))
    for device in DEVICES:
        own = {"candidate": second, "point": f"{second}/core", "device": device}
        nodes += [
            node(
                f"time-{device}", "measured", "execution", node_id=f"LatencyBenchmark.{device}", device=device
            ),
            node(f"times-{device}", "measured", "artifact", device=device),
            node(f"latency:{device}", "measured", **own),
            node(f"decision:{device}", "verdict", facts={"decision": "blessed"}, **own),
            node(f"version:m-{device}/1", "published", "version", **own),
        ]
        edges += [
            (f"variants-{second}", f"time-{device}"),
            (f"time-{device}", f"times-{device}"),
            (f"times-{device}", f"latency:{device}"),
            (f"times-{device}", "gate"),
            ("verdict", f"decision:{device}"),
            (f"decision:{device}", f"version:m-{device}/1"),
        ]
    nodes.append(node("served", "use", "use", candidate=second, point=f"{second}/core", device="phone"))
    edges.append(("version:m-phone/1", "served"))
    return LineageGraph(
        run_name="r",
        nodes=nodes,
        edges=[LineageEdge(source=source, target=target) for source, target in edges],
    )
