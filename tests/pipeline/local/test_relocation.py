"""A run's folder works wherever it lies, and work in a copy leaves the original alone."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import pipeline_runner
from components.common.tracking import outbox
from components.common.tracking.faults import StoreUnreachable
from components.common.tracking.relocation import Move
from components.common.tracking.stores import open_client
from pipeline.local.layout import RunLayout
from pipeline.local.relocation import cached_anywhere, settle
from pipeline.local.run_folder import FolderHeld, exclusive
from schemas.push_reports import PushReport
from tests.pushed_runs import make_scene

MODEL = "tinytrill-host"


def unpacked(old: Path, new: Path) -> None:
    archive = new.parent / "run.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(old, arcname="run")
    shutil.rmtree(old)
    with tarfile.open(archive) as tar:
        tar.extractall(new.parent / "unpacked", filter="data")
    (new.parent / "unpacked" / "run").rename(new)


def into_its_old_place(old: Path, new: Path) -> None:
    aside = old.with_name("aside")
    old.rename(aside)
    old.mkdir()
    aside.rename(new)


WAYS: dict[str, Callable[[Path, Path], object]] = {
    "moved": lambda old, new: old.rename(new),
    "copied": lambda old, new: shutil.copytree(old, new, symlinks=True),
    "unpacked": unpacked,
    "moved into its old place": into_its_old_place,
}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, tiny_files: dict[str, bytes], empty_store: Path) -> Path:
    """A folder whose run was pushed; to be copied, never opened."""
    root = tmp_path_factory.mktemp("made") / "run"
    root.mkdir()
    make_scene(root, tiny_files, empty_store).push()
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "name"), [*((way, "new") for way in WAYS), ("moved", "run2"), ("copied", "ne w 'ab&ä@1+=$")]
)
def test_every_command_works_on_a_folder_that_was_moved(
    pushed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    way: str,
    name: str,
) -> None:
    old = pushed  # the places in it are this folder's
    kept = tmp_path / "kept"
    shutil.copytree(old, kept)
    new = old / name if "into" in way else tmp_path / "elsewhere" / name
    new.parent.mkdir(exist_ok=True)
    try:
        WAYS[way](old, new)
        before = digests(old) if way == "copied" else {}
        for command in (
            ["registry", "ls"],
            ["registry", "show", MODEL],
            ["pull", f"{MODEL}@candidate", str(tmp_path / "pulled"), "--for", "a test"],
        ):
            assert pipeline_runner.main([*command, "--output", str(new)]) == 0, capsys.readouterr()
        said = capsys.readouterr()
        assert "all verified" in said.out
        monkeypatch.chdir(tmp_path)
        client = open_client(f"sqlite:///{new}/mlflow.db")
        experiment = client.get_experiment_by_name("tinytrill")
        places = [run.info.artifact_uri for run in client.search_runs([experiment.experiment_id])]
        assert places and all(place.startswith(f"{new.as_uri()}/mlartifacts/") for place in places)
        client.log_text(client.search_runs([experiment.experiment_id])[0].info.run_id, "new", "new.txt")
        assert list(new.glob("mlartifacts/*/artifacts/new.txt"))
        if way == "copied":
            assert digests(old) == before
    finally:
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(kept, old)


@pytest.mark.slow
def test_what_waits_in_a_copy_is_sent_to_the_copys_store(
    tmp_path: Path,
    tiny_files: dict[str, bytes],
    empty_store: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new = tmp_path / "run", tmp_path / "copy"
    old.mkdir()
    scene = make_scene(old, tiny_files, empty_store)
    store = old / "mlflow.db"
    store.rename(old / "aside.db")
    store.mkdir()  # not even root opens a folder as a database
    assert scene.push().unsent
    store.rmdir()
    (old / "aside.db").rename(store)
    shutil.copytree(old, new)
    before = digests(old)
    assert pipeline_runner.main(["lineage", "sync", "--output", str(new)]) == 0, capsys.readouterr()
    assert digests(old) == before
    assert outbox.waiting(RunLayout(new).outbox) == []
    assert open_client(f"sqlite:///{new}/mlflow.db").search_model_versions()
    sent = PushReport.load(new / scene.output.relative_to(old))
    assert sent.tracking_uri == f"sqlite:///{new}/mlflow.db"
    assert sent.parent_run_id


def metadata_of(root: Path, *places: str) -> Path:
    """ML Metadata of a run of another folder, as far as its places go."""
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    (root / "artifacts").mkdir(parents=True, exist_ok=True)
    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.db")
    store = metadata_store.MetadataStore(connection)
    kind = store.put_artifact_type(mlmd.ArtifactType(name="Made"))
    store.put_artifacts([mlmd.Artifact(type_id=kind, uri=place) for place in places])
    return root / "metadata.db"


def uris(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [uri for (uri,) in database.execute("SELECT uri FROM Artifact ORDER BY id")]


def test_metadata_names_the_new_place_and_nothing_else_changes(tmp_path: Path) -> None:
    old, new = "/data/run", tmp_path / "run"
    file = metadata_of(
        new,
        f"{old}/artifacts/Trainer.a/model/3",
        f"{old}2/artifacts",
        f"/mnt{old}/x",
        "gs://bucket/data/run/artifacts/A/b/1",
    )
    (new / "config.yaml").write_text(f"corpus:\n  root: {old}/sound\nname: {old}x\n")
    settle(RunLayout(new))
    assert uris(file) == [
        f"{new}/artifacts/Trainer.a/model/3",
        f"{old}2/artifacts",
        f"/mnt{old}/x",
        "gs://bucket/data/run/artifacts/A/b/1",
    ]
    assert (new / "config.yaml").read_text() == f"corpus:\n  root: {new}/sound\nname: {old}x\n"
    before = digests(new)
    settle(RunLayout(new))
    assert digests(new) == before


def test_a_folder_that_a_run_holds_is_not_changed(tmp_path: Path) -> None:
    file = metadata_of(tmp_path, "/data/run/artifacts/Trainer/model/3")
    layout = RunLayout(tmp_path)
    with exclusive(layout):
        with pytest.raises(FolderHeld):
            settle(layout)
        assert uris(file) == ["/data/run/artifacts/Trainer/model/3"]
        settle(layout, held=True)
    assert uris(file) == [f"{tmp_path}/artifacts/Trainer/model/3"]


def test_a_store_whose_folder_a_run_holds_is_not_changed(pushed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pushed, copy)
    with (
        exclusive(RunLayout(copy)),
        pytest.raises(StoreUnreachable, match=f"a run is writing into {copy}, which it knows as {pushed}"),
    ):
        open_client(f"sqlite:///{copy}/mlflow.db")


def test_a_database_that_was_copied_alone_names_the_artifacts_of_the_original(
    pushed: Path, tmp_path: Path
) -> None:
    shutil.copy(pushed / "mlflow.db", tmp_path / "backup.db")
    (tmp_path / "mlartifacts").mkdir()
    client = open_client(f"sqlite:///{tmp_path}/backup.db")
    assert client.get_experiment_by_name("tinytrill").artifact_location == f"{pushed.as_uri()}/mlartifacts"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/run", "/b/r"),
        (
            "/a/run/x /a/run2 /a/run.d /a/run-1 /x/a/run ~/a/run",
            "/b/r/x /a/run2 /a/run.d /a/run-1 /x/a/run ~/a/run",
        ),
        ('{"uri": "/a/run"}', '{"uri": "/b/r"}'),
        ("sqlite:////a/run/mlflow.db", "sqlite:////b/r/mlflow.db"),
        ("file:///a/run/mlartifacts", "file:///b/r/mlartifacts"),
        ("s3://a/run", "s3://a/run"),
    ],
)
def test_only_the_folder_is_named_anew(text: str, expected: str) -> None:
    assert Move("/a/run", "/b/r")(text) == expected


def test_names_are_written_as_the_text_writes_them() -> None:
    move = Move("/a/ä b", '/c/"d" é')
    assert move("file:///a/%C3%A4%20b/x") == "file:///c/%22d%22%20%C3%A9/x"
    assert move('["/a/\\u00e4 b/x"]') == '["/c/\\"d\\" é/x"]'
    plain = Move("/a", "/c/é")
    assert plain("file:///a/x") == "file:///c/%C3%A9/x"
    assert plain("sqlite:////a/x") == "sqlite:////c/é/x"


def test_a_folder_below_its_old_place_is_not_named_anew_twice() -> None:
    move = Move("/a", "/a/b")
    assert move(move("/a/x")) == move("/a/x") == "/a/b/x"


def test_the_caches_keys_do_not_depend_on_the_place(tmp_path: Path) -> None:
    from tfx.orchestration.portable import cache_utils
    from tfx.proto.orchestration import pipeline_pb2
    from tfx.types import standard_artifacts

    class Handle:
        """Gives the key back in place of a context."""

        store = None

    def key(root: Path, **changes: str) -> str:
        keys: list[str] = []
        monkey = pytest.MonkeyPatch()
        monkey.setattr(
            cache_utils.context_lib,
            "register_context_if_not_exists",
            lambda **given: keys.append(given["context_name"]),
        )
        artifact = standard_artifacts.Examples()
        artifact.uri = f"{root}/artifacts/AudioIngest/examples/{changes.get('id', '1')}"
        try:
            with cached_anywhere(RunLayout(root)):
                cache_utils.get_cache_context(
                    metadata_handle=Handle(),
                    pipeline_node=pipeline_pb2.PipelineNode(),
                    pipeline_info=pipeline_pb2.PipelineInfo(),
                    input_artifacts={"examples": [artifact]},
                    parameters={"scratch_dir": f"{root}/scratch", "seed": changes.get("seed", 1)},
                )
        finally:
            monkey.undo()
        assert artifact.uri.startswith(str(root))
        return keys[0]

    before = cache_utils.get_cache_context
    assert key(tmp_path / "a") == key(tmp_path / "b c")
    assert len({key(tmp_path / "a"), key(tmp_path / "a", id="2"), key(tmp_path / "a", seed="2")}) == 3
    assert cache_utils.get_cache_context is before
