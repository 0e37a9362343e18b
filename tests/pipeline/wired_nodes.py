"""The nodes of a configuration, joined as a pipeline joins them, with digests that a test chooses."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode

from pipeline.configuration.config import RunConfig
from pipeline.configuration.sources import DataDigests
from pipeline.dag import create_nodes
from pipeline.local.layout import RunLayout


def wired_nodes(
    config: RunConfig, layout: RunLayout, digests: DataDigests | None = None
) -> dict[str, BaseNode]:
    """By id; who is upstream of a node is known once a pipeline holds it."""
    nodes = create_nodes(config, layout, digests or DataDigests())
    tfx.dsl.Pipeline(pipeline_name=config.name, pipeline_root=str(layout.artifacts), components=nodes)
    return {node.id: node for node in nodes}
