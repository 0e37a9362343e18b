"""What somebody asks about is found, by whichever of ML Metadata and MLflow there is."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.common.tracking import ledger
from components.common.tracking.faults import TrackingFault
from components.common.tracking.tracker import Tracker
from pipeline.configuration.config_file import ConfigError
from pipeline.local.layout import RunLayout
from pipeline.models.lineage.assemble import graph_of_folder
from pipeline.models.lineage.cards import COLUMNS, way_of
from pipeline.models.lineage.described import graph_of_version
from pipeline.models.lineage.export import export_lineage
from pipeline.models.lineage.find import Finder, Found
from pipeline.models.lineage.registry_graph import with_registry
from tests.pipeline.models.lineage.conftest import MODEL, Pushed
from tests.pipeline.models.lineage.made_up_folder import RUN, many, write_folder
from tests.pushed_runs import BLESSED, SMALL

BACK = (
    "AudioIngest",
    "TeacherEmbedder",
    "StudentTrainer",
    "TfliteConverter",
    "NossEvaluator",
    "FrontierGate",
)
FORWARD = {"version", "use", "folder"}


def find(what: str | Path, uri: str = "", output: Path | None = None) -> Found:
    with Finder(uri, output) as finder:
        return finder.find(str(what))


def components(found: Found) -> set[str]:
    way = way_of(found.graph, found.focuses[0])
    return {node.node_id.partition(".")[0] for card in way.cards for node in card.nodes} - {""}


def kinds(found: Found) -> set[str]:
    return {card.nodes[0].kind for card in way_of(found.graph, found.focuses[0]).cards if card.nodes}


def test_a_version_leads_back_to_the_sound_and_forward_to_who_serves_it(pushed: Pushed) -> None:
    found = find(f"{MODEL}@champion", pushed.uri, pushed.layout.root)
    assert found.focuses == [f"version:{MODEL}/1"]
    assert components(found) >= {*BACK, "FrontierPusher"}
    assert kinds(found) >= FORWARD
    titles = {card.title: card for card in way_of(found.graph, found.focuses[0]).cards}
    assert "quieter on wind" in titles["Champion"].lines
    assert "2026-11-22, grace" in titles["watch-app 3.2"].lines
    assert "licence CC BY 4.0" in titles["Corpus"].lines
    assert "https://tfhub.dev/google/trill/3" in titles["Teacher"].lines
    assert found.graph.missing == []


def test_mlflow_alone_tells_it_all_by_the_graph_that_was_stored(pushed: Pushed) -> None:
    export(pushed)
    pushed.client.set_model_version_tag(MODEL, "1", "tinytrill.served.car", "a car")
    found = find(f"models:/{MODEL}/1", pushed.uri)
    assert components(found) >= {*BACK, "FrontierPusher"}
    assert kinds(found) >= FORWARD
    uses = {node.title for node in found.graph.of_kind("use")}
    assert uses == {"Champion", "watch-app 3.2", "a car"}, "what came after the export is there too"


def test_without_a_stored_graph_a_version_tells_what_it_knows(pushed: Pushed) -> None:
    graph = graph_of_version(pushed.client, pushed.client.get_model_version(MODEL, "1"))
    way = way_of(graph, f"file:{BLESSED[0]}")
    assert {card.stage for card in way.cards} == set(COLUMNS)
    assert any("ML Metadata" in line for line in graph.missing)


def test_ml_metadata_alone_says_that_mlflow_was_not_asked(pushed: Pushed, metadata_alone: Path) -> None:
    found = find(pushed.file(BLESSED[0]), output=metadata_alone)
    assert components(found) >= set(BACK)
    (line,) = found.graph.missing
    assert line.startswith("aliases, promotions and uses are unknown") and "MLFLOW_TRACKING_URI" in line
    assert "version" in kinds(found), "as it was pushed"


def test_a_store_that_is_gone_is_said_where_ml_metadata_can_tell(
    pushed: Pushed, metadata_alone: Path
) -> None:
    gone = f"sqlite:///{metadata_alone}/gone.db"
    found = find(pushed.file(BLESSED[0]), gone, metadata_alone)
    assert any("gone.db" in line for line in found.graph.missing)
    with pytest.raises(ConfigError, match=r"gone\.db"):
        find(f"{MODEL}/1", gone)


def test_a_file_is_found_by_its_content_wherever_it_lies(
    pushed: Pushed, tmp_path: Path, metadata_alone: Path
) -> None:
    elsewhere = tmp_path / "renamed.tflite"
    shutil.copy(pushed.file(BLESSED[2]), elsewhere)
    by_mlflow = find(elsewhere, pushed.uri)
    assert [by_mlflow.graph.node(focus).point for focus in by_mlflow.focuses] == [BLESSED[2]]
    by_metadata = find(elsewhere, output=metadata_alone)
    assert by_metadata.focuses == [f"file:{BLESSED[2]}"]


def test_a_file_that_was_not_blessed_is_found_too(pushed: Pushed) -> None:
    name = "core-float32"
    folder = next(Path(a[0].uri) for k, a in pushed.scene.inputs.items() if k == "variants_001")
    found = find(folder / f"{name}.tflite", pushed.uri, pushed.layout.root)
    cards = {card.stage: card for card in way_of(found.graph, found.focuses[0]).cards if card.lane == 0}
    assert cards["verdict"].title == "Not blessed for host" and cards["verdict"].tone == "bad"
    assert cards["published"].tone == cards["use"].tone == "ghost"


def test_a_file_from_nowhere_is_refused_with_where_it_was_looked_for(pushed: Pushed, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.tflite"
    stranger.write_bytes(b"nobody's")
    with pytest.raises(ConfigError, match="was found in none of the places searched") as refused:
        find(stranger, pushed.uri, pushed.layout.root)
    assert str(pushed.layout.metadata) in str(refused.value) and pushed.uri in str(refused.value)
    with pytest.raises(ConfigError, match=r"absent\.tflite is absent"):
        find(tmp_path / "absent.tflite", pushed.uri)


def test_a_run_s_id_leads_to_its_versions_and_a_candidate_s_to_its_own(pushed: Pushed) -> None:
    whole = find(pushed.parent_run_id, pushed.uri, pushed.layout.root)
    assert len(whole.focuses) == len(BLESSED)
    (own,) = pushed.client.search_runs(
        [pushed.client.get_run(pushed.parent_run_id).info.experiment_id],
        f"tags.`tinytrill.candidate` = '{SMALL.candidate_id}'",
    )
    found = find(own.info.run_id, pushed.uri, pushed.layout.root)
    assert {found.graph.node(focus).candidate for focus in found.focuses} == {SMALL.candidate_id}
    assert len(found.focuses) == 2
    with pytest.raises(TrackingFault, match="f" * 32):
        find("f" * 32, pushed.uri)


def test_a_folder_is_a_run_or_refused(pushed: Pushed, tmp_path: Path) -> None:
    assert len(find(pushed.layout.root, pushed.uri).focuses) == len(BLESSED)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="is not a run's folder"):
        find(tmp_path / "empty", pushed.uri)


def test_a_folder_of_another_run_is_not_taken_for_the_version_s(pushed: Pushed, tmp_path: Path) -> None:
    export(pushed)
    found = find(f"{MODEL}/1", pushed.uri, tmp_path)
    assert any("metadata.db is absent" in line for line in found.graph.missing)
    many(tmp_path, candidates=2, blessed=1)
    found = find(f"{MODEL}/1", pushed.uri, tmp_path)
    assert any("knows no run that pushed" in line for line in found.graph.missing)
    assert components(found) >= set(BACK), "from the graph that MLflow keeps"


def test_a_later_run_in_the_folder_is_not_taken_for_the_version_s(pushed: Pushed, tmp_path: Path) -> None:
    layout = write_folder(tmp_path, pushed.scene.inputs, pushed.scene.output)
    write_folder(tmp_path, pushed.scene.inputs, None, "2026-11-23T10:00:00.000000")
    found = find(f"{MODEL}/1", pushed.uri, layout.root)
    assert found.graph.pipeline_run == RUN


def test_a_file_tells_where_nothing_else_does(
    pushed: Pushed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.models.lineage.find.stored_graph", lambda *_: "the run has no graph")
    layout = write_folder(tmp_path, pushed.scene.inputs, None)
    found = find(f"{MODEL}/1", pushed.uri, layout.root)
    assert components(found) >= set(BACK)
    assert found.graph.missing[1:] == [
        "the run has no graph",
        f"what is shown is the newest run of the folder that has the file, {RUN}",
    ]
    alone = find(f"{MODEL}/1", pushed.uri)
    assert {card.stage for card in way_of(alone.graph, alone.focuses[0]).cards} == set(COLUMNS)
    with pytest.raises(TrackingFault, match="the run has no graph"):
        find(pushed.parent_run_id, pushed.uri)


def test_a_version_with_another_file_than_its_run_s_is_told(pushed: Pushed) -> None:
    graph = graph_of_folder(pushed.layout)
    version = pushed.client.get_model_version(MODEL, "1")
    version.tags["tinytrill.sha256"] = "0" * 64
    (line,) = with_registry(graph, pushed.client, [version]).missing
    assert line.startswith(f"{MODEL} v1 is not the file of its run: sha256 {'0' * 64}")
    version.tags["tinytrill.point"] = "another/core-int8"
    (line,) = with_registry(graph, pushed.client, [version]).missing
    assert line == f"the run that {MODEL} v1 says it comes from knows no file another/core-int8"


def test_a_store_that_fails_on_the_way_leaves_what_ml_metadata_tells(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def refuse(*_: object, **__: object) -> None:
        raise MlflowException("the database is locked")

    monkeypatch.setattr(MlflowClient, "search_runs", refuse)
    found = find(pushed.layout.root, pushed.uri)
    assert any("the database is locked" in line for line in found.graph.missing)
    assert components(found) >= set(BACK)


def test_a_ledger_that_is_gone_is_said(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise TrackingFault("the ledger is gone")

    monkeypatch.setattr("components.common.tracking.ledger.read", gone)
    found = find(f"{MODEL}/1", pushed.uri, pushed.layout.root)
    assert found.graph.missing == ["the ledger is gone"]
    assert "use" in kinds(found), "the alias is there all the same"


def test_who_was_champion_is_said(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ledger.read(pushed.client, MODEL)[0]
    second = first.model_copy(update={"n": 2, "version": "2", "over": "1", "at": "2026-11-29T08:00:00+00:00"})
    monkeypatch.setattr("components.common.tracking.ledger.read", lambda *_: [first, second])
    versions = [pushed.client.get_model_version(MODEL, number) for number in ("1", "2")]
    graph = with_registry(graph_of_folder(pushed.layout), pushed.client, versions)
    before, now = (graph.node(f"version:{MODEL}/{number}") for number in ("1", "2"))
    assert "champion until 2026-11-29" in before.lines
    assert not any("champion until" in line for line in now.lines)
    assert list(before.facts)[2:4] == ["promotion 1", "promotion 2"]


def test_a_version_that_no_run_registered_is_refused(pushed: Pushed) -> None:
    pushed.client.create_registered_model("by-hand")
    pushed.client.create_model_version("by-hand", source=pushed.layout.root.as_uri())
    with pytest.raises(ConfigError, match="no run registered it"):
        find("by-hand/1", pushed.uri)


def test_without_any_store_it_is_said_what_to_give() -> None:
    with pytest.raises(ConfigError, match="--tracking-uri or --output"):
        find(f"{MODEL}/1")


def test_reports_that_are_gone_are_said_to_be_gone(pushed: Pushed, tmp_path: Path) -> None:
    gone = {**pushed.scene.inputs, "windows": [SimpleNamespace(uri=str(tmp_path / "gone"))]}
    graph = graph_of_folder(write_folder(tmp_path, gone, None))
    (line,) = graph.missing
    assert line == (
        f"distillation_set.json of TeacherEmbedder is absent: {tmp_path / 'gone'} was deleted, or lies on "
        "another machine"
    )
    assert any(node.title == "TeacherEmbedder" for node in graph.of_kind("execution"))


def export(run: Pushed) -> None:
    from components.common.tracking.stores import Store

    export_lineage(RunLayout(run.layout.root), Tracker(Store(run.uri)), run.parent_run_id)
