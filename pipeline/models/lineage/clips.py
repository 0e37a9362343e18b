"""The clips that a student learnt from, as the corpus' records have them."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.configuration.config_file import ConfigError
from pipeline.models.lineage.stages import CORPUS
from schemas.lineage import LineageGraph

_SPLIT = re.compile(r"Split-(.+)")


def clips_of(graph: LineageGraph) -> dict[str, list[str]]:
    """Ids of the corpus' clips, by split; TensorFlow reads them.

    Raises:
      ConfigError: If the graph knows no records, or they are not on this machine.
    """
    node = next(
        (node for node in graph.of_kind("artifact") if node.node_id == CORPUS and node.type == "Examples"),
        None,
    )
    if node is None:
        raise ConfigError("the clips are unknown: ML Metadata has no records of the corpus for this run")
    folder = Path(node.uri)
    if not folder.is_dir():
        raise ConfigError(f"the clips cannot be listed: {folder} was deleted, or lies on another machine")
    from components.common.store.shards import iterate_examples, list_shards
    from schemas.records import Clip

    splits = sorted(match[1] for path in folder.iterdir() if (match := _SPLIT.fullmatch(path.name)))
    return {
        split: [
            Clip.from_example(example).clip_id
            for example in iterate_examples(list_shards(str(folder), split))
        ]
        for split in splits
    }
