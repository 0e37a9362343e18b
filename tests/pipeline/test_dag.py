"""Which node feeds which, where a configuration decides it."""

from __future__ import annotations

from pathlib import Path

from pipeline.config_file import load_config
from pipeline.dag import create_pipeline
from pipeline.layout import RunLayout
from pipeline.sources import DataDigests, resolve


def test_a_candidate_waits_for_the_one_it_starts_from(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    plain = "tiny-w0.5-gap-e2048"
    config = resolve(
        load_config(
            "demo",
            [
                "students={sizes: [tiny], widths: [0.5], svd_ranks: [32, 0], share_training: true}",
                "training.epochs=8",
            ],
        ),
        layout,
    )
    nodes = {node.id: node for node in create_pipeline(config, layout, DataDigests()).components}
    warm = nodes[f"StudentTrainer.{plain}-svd32-warm"]
    assert {node.id for node in warm.upstream_nodes} == {f"StudentTrainer.{plain}", "TeacherEmbedder"}
    assert {node.id for node in nodes[f"StudentTrainer.{plain}"].upstream_nodes} == {"TeacherEmbedder"}
