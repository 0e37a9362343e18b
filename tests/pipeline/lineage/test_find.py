"""What somebody asks about is found, by whichever of ML Metadata and MLflow there is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.tracking.faults import TrackingFault
from components.tracking.tracker import Tracker
from pipeline.config_file import ConfigError
from pipeline.layout import RunLayout
from pipeline.lineage.cards import way_of
from pipeline.lineage.export import export_lineage
from pipeline.lineage.find import Finder, Found
from tests.pipeline.lineage.conftest import MODEL, Pushed
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


def test_a_version_leads_back_to_the_sound_and_forward_to_who_serves_it(
    pushed: Pushed, promote: Callable[[Pushed, str], None]
) -> None:
    promote(pushed, "1")
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


def test_mlflow_alone_tells_it_all_by_the_graph_that_was_stored(
    pushed: Pushed, promote: Callable[[Pushed, str], None]
) -> None:
    export(pushed)
    promote(pushed, "1")
    shutil.rmtree(pushed.layout.root / "in")
    pushed.layout.metadata.unlink()
    found = find(f"models:/{MODEL}/1", pushed.uri)
    assert components(found) >= {*BACK, "FrontierPusher"}
    assert kinds(found) >= FORWARD, "what came after the export is there too"


def test_without_a_stored_graph_the_version_tells_what_it_knows(pushed: Pushed) -> None:
    found = find(f"{MODEL}/1", pushed.uri)
    assert {card.stage for card in way_of(found.graph, found.focuses[0]).cards} >= {
        "sound",
        "teaching",
        "student",
    }
    assert any("no lineage/lineage.json" in line for line in found.graph.missing)
    assert any("ML Metadata" in line for line in found.graph.missing)


def test_ml_metadata_alone_says_that_mlflow_was_not_asked(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed.layout.mlflow.unlink()
    found = find(pushed.file(BLESSED[0]), output=pushed.layout.root)
    assert components(found) >= set(BACK)
    (line,) = found.graph.missing
    assert line.startswith("aliases, promotions and uses are not known") and "MLFLOW_TRACKING_URI" in line
    assert "version" in kinds(found), "as it was pushed"


def test_a_file_is_found_by_its_content_wherever_it_lies(pushed: Pushed, tmp_path: Path) -> None:
    elsewhere = tmp_path / "renamed.tflite"
    shutil.copy(pushed.file(BLESSED[2]), elsewhere)
    by_mlflow = find(elsewhere, pushed.uri)
    assert [by_mlflow.graph.node(focus).point for focus in by_mlflow.focuses] == [BLESSED[2]]
    pushed.layout.mlflow.unlink()
    by_metadata = find(elsewhere, output=pushed.layout.root)
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
    with pytest.raises(ConfigError, match="came from nowhere") as refused:
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
    with pytest.raises(TrackingFault, match="f{32}"):
        find("f" * 32, pushed.uri)


def test_a_folder_is_a_run_or_refused(pushed: Pushed, tmp_path: Path) -> None:
    assert len(find(pushed.layout.root, pushed.uri).focuses) == len(BLESSED)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="is no run's folder"):
        find(tmp_path / "empty", pushed.uri)


def test_a_folder_of_another_run_is_not_taken_for_the_version_s(pushed: Pushed, tmp_path: Path) -> None:
    export(pushed)
    (tmp_path / "other").mkdir()
    found = find(f"{MODEL}/1", pushed.uri, tmp_path / "other")
    assert any("metadata.db is absent" in line for line in found.graph.missing)
    assert components(found) >= set(BACK), "from the graph that MLflow keeps"


def test_a_version_with_another_file_than_its_run_s_is_told(pushed: Pushed) -> None:
    pushed.client.set_model_version_tag(MODEL, "1", "tinytrill.sha256", "0" * 64)
    found = find(f"{MODEL}/1", pushed.uri, pushed.layout.root)
    assert any(
        f"{MODEL} v1 is not the file of its run: sha256 {'0' * 64}" in line for line in found.graph.missing
    )


def test_a_version_that_no_run_registered_is_refused(pushed: Pushed) -> None:
    pushed.client.delete_model_version_tag(MODEL, "1", "tinytrill.pipeline_run_id")
    with pytest.raises(ConfigError, match="no run registered it"):
        find(f"{MODEL}/1", pushed.uri)


def test_without_any_store_it_is_said_what_to_give() -> None:
    with pytest.raises(ConfigError, match="--tracking-uri or --output"):
        find(f"{MODEL}/1")


def test_reports_that_are_gone_are_said_to_be_gone(pushed: Pushed) -> None:
    folder = Path(pushed.scene.inputs["windows"][0].uri)
    shutil.rmtree(folder)
    found = find(f"{MODEL}/1", pushed.uri, pushed.layout.root)
    assert any(f"{folder} was deleted, or lies on another machine" in line for line in found.graph.missing)
    assert "TeacherEmbedder" in components(found)


def export(run: Pushed) -> None:
    from components.tracking.stores import Store

    export_lineage(RunLayout(run.layout.root), Tracker(Store(run.uri)), run.parent_run_id)
