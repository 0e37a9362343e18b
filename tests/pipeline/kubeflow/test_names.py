"""Names of tasks."""

from __future__ import annotations

import re

import pytest

from pipeline.kubeflow.names import task_name, task_names

# What Argo takes; "-driver" comes behind it.
ARGO = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,119}")


@pytest.mark.parametrize(
    ("node_id", "name"),
    [
        ("AudioIngest", "audio-ingest"),
        ("StudentTrainer.tiny-w0.5-gap-e256", "student-trainer-tiny-w0-5-gap-e256"),
        ("LatencyBenchmark.pixel_6", "latency-benchmark-pixel-6"),
        ("CuratedSchema.noss", "curated-schema-noss"),
        ("Candidates.001-to-012", "candidates-001-to-012"),
    ],
)
def test_a_name_is_what_people_read(node_id: str, name: str) -> None:
    assert task_name(node_id) == name


def test_long_names_are_cut_and_told_apart_by_a_digest() -> None:
    long = "StudentTrainer." + "w0.5-" * 40
    names = task_names([f"{long}a", f"{long}b"])
    assert len(set(names.values())) == 2
    for name in names.values():
        assert ARGO.fullmatch(name)
        assert len(name) <= 100
        assert name.startswith("student-trainer-w0-5-w0-5")


def test_no_two_nodes_have_the_same_name() -> None:
    # Dots, underscores and capitals become the same.
    ids = ["StudentTrainer.w0.5", "StudentTrainer.w0_5", "StudentTrainer.W0-5", "StudentTrainer.w1"]
    names = task_names(ids)
    assert list(names) == ids
    assert len(set(names.values())) == 4
    assert names["StudentTrainer.w1"] == "student-trainer-w1"
    for node_id in ids[:3]:
        assert re.fullmatch(r"student-trainer-w0-5-[0-9a-f]{8}", names[node_id])
    # The same ids have the same names, whatever stands beside them.
    assert task_names([*ids, "AudioIngest"])["StudentTrainer.w0_5"] == names["StudentTrainer.w0_5"]
