"""``pipeline_runner.py lineage``: what it prints, draws and refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from pipeline.models.lineage.clips import clips_of
from pipeline.models.sync import Outcome
from pipeline_runner import main
from schemas.lineage import LineageGraph, LineageNode
from schemas.records import Clip
from tests.pipeline.models.lineage.conftest import MODEL, Pushed
from tests.pushed_runs import BLESSED

pytestmark = pytest.mark.slow


def lineage(pushed: Pushed, *arguments: str) -> int:
    return main(["lineage", *arguments, "--output", str(pushed.layout.root)])


def test_the_way_is_printed_from_the_sound_to_who_serves_it(
    pushed: Pushed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lineage(pushed, f"{MODEL}@champion") == 0
    said = capsys.readouterr().out
    stations = (
        "AudioIngest",
        "TeacherEmbedder",
        "StudentTrainer",
        "FrontierGate",
        f"{MODEL} v1",
        "watch-app 3.2",
    )
    places = [said.rindex(station) for station in stations]
    assert places == sorted(places)
    assert "missing" not in said


def test_json_is_the_chain(pushed: Pushed, capsys: pytest.CaptureFixture[str]) -> None:
    assert lineage(pushed, f"{MODEL}/1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("asked") == [f"version:{MODEL}/1"]
    graph = LineageGraph.model_validate(told)
    assert {node.point for node in graph.nodes} == {"", BLESSED[0]}


def test_pages_and_pictures_are_drawn(
    pushed: Pushed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "new" / "way.html", tmp_path / "way.svg"
    assert lineage(pushed, f"{MODEL}/1", "--draw", str(page)) == 0
    assert lineage(pushed, f"{MODEL}/1", "--draw", str(picture)) == 0
    assert "<!doctype html>" in page.read_text() and "watch-app 3.2" in page.read_text()
    assert "watch-app 3.2" in "".join(ET.fromstring(picture.read_text()).itertext())
    assert str(picture) in capsys.readouterr().out
    assert lineage(pushed, f"{MODEL}/1", "--draw", str(tmp_path / "way.png")) == 2
    assert "must end in .html or .svg" in capsys.readouterr().err


def test_what_is_not_there_is_refused(pushed: Pushed, capsys: pytest.CaptureFixture[str]) -> None:
    assert lineage(pushed, f"{MODEL}/99") == 2
    assert "has no version 99" in capsys.readouterr().err
    assert main(["lineage", "sync"]) == 2
    assert "--output" in capsys.readouterr().err


def test_clips_are_listed_from_the_corpus_records(tmp_path: Path) -> None:
    for split, ids in (("train", ["a", "b"]), ("eval", ["c"])):
        clips = [Clip(name, np.zeros(160, np.int16), ("/m/09x0r",), 16_000).to_example() for name in ids]
        write_shard(shard_path(str(tmp_path), split, 0, 1), clips)
    node = LineageNode(
        id="artifact:1", kind="artifact", stage="sound", title="", type="Examples", node_id="AudioIngest",
        uri=str(tmp_path),
    )  # fmt: skip
    graph = LineageGraph(run_name="r", nodes=[node], edges=[])
    assert clips_of(graph) == {"eval": ["c"], "train": ["a", "b"]}


def test_clips_that_are_not_here_are_refused(pushed: Pushed, capsys: pytest.CaptureFixture[str]) -> None:
    described = LineageGraph(run_name="r", nodes=[], edges=[])
    with pytest.raises(ValueError, match="no records of the corpus"):
        clips_of(described)
    gone = LineageNode(
        id="artifact:1", kind="artifact", stage="sound", title="", type="Examples", node_id="AudioIngest",
        uri="/gone",
    )  # fmt: skip
    with pytest.raises(ValueError, match="/gone was deleted, or lies on another machine"):
        clips_of(described.model_copy(update={"nodes": [gone]}))


def test_a_sync_says_what_became_of_each_record(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def sync(output: Path, uri: str) -> list[Outcome]:
        asked.append(SimpleNamespace(output=output, uri=uri))
        return [
            Outcome(Path("/o/1"), "night", "f" * 32),
            Outcome(Path("/o/2"), "day", fault="nobody answers"),
        ]

    monkeypatch.setattr("pipeline.models.sync.sync", sync)
    assert lineage(pushed, "sync", "--tracking-uri", "http://ada:secret@127.0.0.1:9") == 1
    said = capsys.readouterr()
    assert f"night: sent, MLflow run {'f' * 32}" in said.out
    assert "/o/2: not sent: nobody answers" in said.err
    assert asked == [SimpleNamespace(output=pushed.layout.root, uri="http://127.0.0.1:9")]
    monkeypatch.setattr("pipeline.models.sync.sync", lambda *_: [])
    assert lineage(pushed, "sync") == 0
    assert "nothing waits" in capsys.readouterr().out
