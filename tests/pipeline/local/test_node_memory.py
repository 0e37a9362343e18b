"""How many nodes fit into memory, by what was measured and what the machine or its control group allow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.local.machine import left_of_control_group
from pipeline.local.node_memory import NodeMemory

GIB = 2**30


@dataclass(frozen=True)
class Taking:
    """A node that takes so much now."""

    resident_bytes: int


def test_the_most_that_was_measured_is_kept_for_all_nodes_of_a_component(tmp_path: Path) -> None:
    file = tmp_path / "scratch" / "memory.json"
    memory = NodeMemory(file)
    for peak in (3 * GIB, GIB, 0):
        memory.note("StudentTrainer.small", peak)
    memory.note("TfliteConverter.small", GIB)
    again = NodeMemory(file)
    assert again.expected("StudentTrainer.tiny") == 3 * GIB
    assert again.expected("TfliteConverter.tiny") == GIB
    assert again.expected("NossEvaluator.tiny") == 2 * GIB, "never measured"


@pytest.mark.parametrize("content", ["", "[1]", '{"a": "b"}', "\x00"])
def test_a_file_that_cannot_be_read_counts_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "memory.json").write_text(content)
    assert NodeMemory(tmp_path / "memory.json").expected("StudentTrainer.a") == 2 * GIB


@pytest.mark.parametrize(
    ("available", "taken", "fits"),
    # The one that runs may grow to 3 GiB, the new one takes 3, and half a GiB is spared.
    [(6.4, 0, False), (6.6, 0, True), (4.4, 2, False), (4.6, 2, True), (3.6, 3.5, True)],
)
def test_a_node_fits_beside_what_those_that_run_may_still_take(
    tmp_path: Path, available: float, taken: float, fits: bool
) -> None:
    memory = NodeMemory(tmp_path / "memory.json", lambda: int(available * GIB))
    memory.note("StudentTrainer.a", 3 * GIB)
    assert memory.fits("StudentTrainer.b", {"StudentTrainer.a": Taking(int(taken * GIB))}) is fits


def test_a_control_group_s_limit_counts_without_its_cache_of_files(tmp_path: Path) -> None:
    for name, text in {"memory.max": "8000\n", "memory.current": "5000\n"}.items():
        (tmp_path / name).write_text(text)
    assert left_of_control_group(tmp_path) == 3000
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 1500\n")
    assert left_of_control_group(tmp_path) == 4500
    (tmp_path / "memory.max").write_text("max\n")
    assert left_of_control_group(tmp_path) is None
    assert left_of_control_group(tmp_path / "none") is None
