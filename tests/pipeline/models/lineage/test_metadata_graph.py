"""ML Metadata is read as it is: steps, artifacts, and what the cache answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.layout import RunLayout
from pipeline.models.lineage.metadata_graph import NoMetadata, annotate, read_graph
from pipeline.models.lineage.search import find_file
from schemas.lineage import LineageGraph
from schemas.run_context import Provenance
from tests.made_up_runs import Made, make_run, write_run
from tests.pipeline.models.lineage.metadata_writer import MetadataWriter
from tests.students import mobilenet

FIRST, SECOND = "2026-11-21T10:00:00", "2026-11-21T12:00:00"


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """Two pipeline runs; the second answers the ingestion from the cache, and its training failed."""
    writer = MetadataWriter(tmp_path / "metadata.db")
    writer.begin(FIRST)
    settings = '{"store": "https://ada:secret@mlflow.example/x"}'
    made = writer.step("AudioIngest", {}, {"examples": ("Examples", "/a")}, {"settings": settings})
    writer.step(
        "StudentTrainer.a-w0.5", {"windows": [made["examples"]]}, {"model": ("schemas.StudentModel", "/b")}
    )
    writer.begin(SECOND)
    writer.step("AudioIngest", {}, {}, state="CACHED", made=[made["examples"]])
    writer.step("StudentTrainer.a-w0.5", {"windows": [made["examples"]]}, {}, {"seed": "2"}, state="FAILED")
    return RunLayout(tmp_path)


def edges(graph: LineageGraph) -> set[tuple[str, str, str]]:
    return {(graph.node(e.source).title, graph.node(e.target).title, e.key) for e in graph.edges}


def test_a_run_is_read_with_what_led_where(layout: RunLayout) -> None:
    graph = read_graph(layout.metadata, FIRST)
    assert (graph.run_name, graph.pipeline_run) == ("demo", FIRST)
    assert edges(graph) == {
        ("AudioIngest", "Examples", "examples"),
        ("Examples", "StudentTrainer.a-w0.5", "windows"),
        ("StudentTrainer.a-w0.5", "StudentModel", "model"),
    }
    trained = graph.node("execution:2")
    assert (trained.stage, trained.candidate, trained.state) == ("student", "a-w0.5", "COMPLETE")
    assert graph.node("artifact:2").candidate == "a-w0.5" and graph.node("artifact:2").uri == "/b"


def test_the_newest_run_is_read_and_its_cache_looked_through(layout: RunLayout) -> None:
    graph = read_graph(layout.metadata)
    assert graph.pipeline_run == SECOND
    cached, failed = graph.of_kind("execution")
    executed = read_graph(layout.metadata, FIRST).node("execution:1")
    assert (cached.state, cached.executed_in) == ("CACHED", FIRST)
    assert (cached.begun, cached.ended) == (executed.begun, executed.ended)
    assert (failed.state, failed.executed_in, failed.parameters) == ("FAILED", "", {"seed": "2"})
    assert graph.node("artifact:1").node_id == "AudioIngest"


def test_credentials_do_not_come_into_a_graph(layout: RunLayout) -> None:
    said = read_graph(layout.metadata, FIRST).model_dump_json()
    assert "secret" not in said and "https://mlflow.example/x" in said


def test_a_run_s_code_is_written_down_and_read(layout: RunLayout) -> None:
    assert read_graph(layout.metadata).provenance is None
    code = Provenance(code_version="c" * 40, uncommitted=True, lock_sha256="1" * 64, config_sha256="2" * 64)
    annotate(layout, code)
    assert read_graph(layout.metadata).provenance == code
    assert read_graph(layout.metadata, FIRST).provenance is None, "the newest run was made with it, no other"


def test_without_a_run_nothing_is_written_down(tmp_path: Path) -> None:
    annotate(RunLayout(tmp_path), Provenance(code_version="c"))
    assert not (tmp_path / "metadata.db").exists()


@pytest.mark.parametrize(("run", "message"), [("", "absent"), ("another", "holds no pipeline run 'another'")])
def test_no_run_to_read_is_said(layout: RunLayout, run: str, message: str) -> None:
    file = layout.metadata if run else layout.root / "nothing.db"
    with pytest.raises(NoMetadata, match=message):
        read_graph(file, run)


def test_a_file_is_found_in_the_newest_run_that_had_it(tmp_path: Path) -> None:
    spec = mobilenet("tiny", embedding_width=64)
    run = make_run({spec: [Made(0.7, 2.0), Made(0.6, 1.0, "core-dynamic")]})
    folder = write_run(run, tmp_path / "in")["variants_000"][0].uri
    writer = MetadataWriter(tmp_path / "metadata.db")
    writer.begin(FIRST)
    made = writer.step("TfliteConverter.x", {}, {"variants": ("schemas.TfliteVariants", folder)})
    writer.begin(SECOND)
    writer.step("TfliteConverter.y", {}, {"variants": ("schemas.TfliteVariants", tmp_path / "gone")})
    sha256 = run.converted[0].variants[1].sha256
    found = find_file(tmp_path / "metadata.db", sha256)
    assert found is not None
    assert (found.run, found.point) == (FIRST, f"{spec.candidate_id}/core-dynamic")
    writer.step("TfliteConverter.x", {}, {}, state="CACHED", made=[made["variants"]])
    again = find_file(tmp_path / "metadata.db", sha256)
    assert again is not None and again.run == SECOND
    assert find_file(tmp_path / "metadata.db", "0" * 64) is None
    assert find_file(tmp_path / "nothing.db", sha256) is None
