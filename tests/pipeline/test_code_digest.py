"""A component's digest follows its own code and what that imports."""

from __future__ import annotations

import pytest

from pipeline.code_digest import code_digest, sources


def _names(component: str) -> set[str]:
    return {"/".join(file.parts[-2:]) for file in sources(component)}


def test_a_component_is_its_folder_and_its_imports() -> None:
    names = _names("student_trainer")
    assert {"student_trainer/distiller.py", "architectures/mobilenet_v3.py", "schemas/records.py"} <= names
    assert "audio/decode.py" not in names  # the trainer never decodes


def test_networks_are_no_part_of_ingestion() -> None:
    names = _names("audio_ingest")
    assert {"audio/decode.py", "audio/shard_writer.py"} <= names
    assert not [name for name in names if name.startswith(("modeling/", "architectures/"))]


@pytest.mark.parametrize(
    "component",
    [
        "audio_ingest",
        "teacher_embedder",
        "student_trainer",
        "tflite_converter",
        "noss_evaluator",
        "latency_benchmark",
    ],
)
def test_tracking_is_no_part_of_what_makes_or_measures_students(component: str) -> None:
    # Or a changed tracker would train all students again.
    assert not [name for name in _names(component) if name.startswith("tracking/")]


def test_a_template_is_part_of_its_component() -> None:
    assert "templates/page.html.j2" in _names("frontier_gate")


def test_components_differ_and_a_digest_is_stable() -> None:
    assert code_digest("audio_ingest") == code_digest("audio_ingest") != code_digest("noss_ingest")
