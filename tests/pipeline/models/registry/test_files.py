"""Fetched files are those that were registered, whatever the store of files does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from components.common.package.folders import STREAMING_FILE, file_digests, sha256_of
from components.common.package.serving import SCRIPT, STREAMING
from components.common.package.serving.streaming import StreamingEmbedder
from components.common.tracking.faults import TrackingFault
from components.common.tracking.names import FILES_TAG, MLFLOW_FILES_TAG, SHA256_TAG
from components.common.tracking.stores import open_client
from components.frontier_pusher.executor import texts
from components.tflite_converter.settings import ConverterSettings
from pipeline.models.promotion.parity import check_parity
from pipeline.models.registry.files import PUSHED_FILES, Tampered, fetch_files
from schemas.tensors import VariantInput
from tests.components.frontier_pusher.card.descriptions import make_description
from tests.pipeline.models.registry.conftest import WINDOWED, PushedRun, changed
from tests.pipeline.models.registry.poisoned_server import poisoned_server
from tests.pushed_runs import TINY, MakeScene

pytestmark = pytest.mark.slow

# What MLflow writes around the pushed files.
AROUND = (
    "MLmodel",
    "conda.yaml",
    "input_example.json",
    "python_env.yaml",
    "requirements.txt",
    "serving_input_example.json",
)
ROOT = [*((name, False) for name in AROUND), ("embedder.py", False), ("artifacts", True)]


@pytest.mark.parametrize("kind", get_args(VariantInput))
def test_what_lies_beside_a_pushed_file_may_be_fetched(kind: str) -> None:
    assert set(texts(make_description(kind))) <= PUSHED_FILES


def test_a_stream_file_of_a_host_and_a_board_comes_with_all_that_uses_it(
    scene: MakeScene, tmp_path: Path
) -> None:
    blessed = [f"{TINY.candidate_id}/stream-float32"]
    run = PushedRun(scene(stream=True, blessed={"host": blessed, "board": blessed}))
    folder = tmp_path / "got"
    description = fetch_files(run.client, run.version(), folder)
    assert set(file_digests(folder)) == PUSHED_FILES | {"embedder.py"}
    assert (folder / STREAMING_FILE).read_bytes() == STREAMING.read_bytes()
    # 2 s and a sample: windows of 0.975 s, 0.24 s apart.
    heard = StreamingEmbedder(folder).feed(np.full(32_001, 0.5, np.float32))
    assert [one.embedding.tolist() for one in heard] == [[0.5] * 8] * 5
    parity = check_parity(folder, description, ConverterSettings())
    assert parity.passed, parity.words


def test_fetches_what_was_pushed(pushed: PushedRun, tmp_path: Path) -> None:
    description = fetch_files(pushed.client, pushed.version(), tmp_path / "got")
    found = file_digests(tmp_path / "got")
    assert found.pop("embedder.py")
    assert found == file_digests(pushed.folder)
    assert set(found) == WINDOWED
    assert description.point_id == pushed.version().tags["tinytrill.point"]


@pytest.mark.parametrize("name", [*sorted(WINDOWED), "embedder.py", *AROUND])
def test_a_file_of_another_content_is_refused(pushed: PushedRun, tmp_path: Path, name: str) -> None:
    path = pushed.stored / (f"artifacts/{name}" if name in PUSHED_FILES else name)

    def flip(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    with (
        changed(path, flip),
        pytest.raises(Tampered, match=f"{name} is not the file that was registered: its sha256 is"),
    ):
        fetch_files(pushed.client, pushed.version(), tmp_path)


@pytest.mark.parametrize("place", ["artifacts/golden.npz", "requirements.txt"])
def test_an_absent_file_is_missed(pushed: PushedRun, tmp_path: Path, place: str) -> None:
    with (
        changed(pushed.stored / place, Path.unlink),
        pytest.raises(Tampered, match=f"the store does not have {place}"),
    ):
        fetch_files(pushed.client, pushed.version(), tmp_path)


@pytest.mark.parametrize("place", ["artifacts/more.py", "evil.py"])
def test_a_file_that_no_run_stored_is_refused(pushed: PushedRun, tmp_path: Path, place: str) -> None:
    with (
        changed(pushed.stored / place, lambda path: path.write_text("import os")),
        pytest.raises(Tampered, match=f"the store lists '{place}', which no run stored"),
    ):
        fetch_files(pushed.client, pushed.version(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("inside", [True, False])
def test_a_link_is_refused(pushed: PushedRun, tmp_path: Path, inside: bool) -> None:
    """Even one to the very content: what it points to may be another a moment later."""
    place = pushed.stored / "artifacts" / "NOTICE.txt"
    copy = (pushed.stored / "MLmodel") if inside else tmp_path / "copy"
    if not inside:
        shutil.copyfile(place, copy)

    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(copy)

    with changed(place, link), pytest.raises(Tampered, match=r"a link in place of 'artifacts/NOTICE\.txt'"):
        fetch_files(pushed.client, pushed.version(), tmp_path / "got")


def other(files: str, **changes: str | None) -> str:
    """The tag of files with entries changed; None takes one out."""
    return json.dumps({k: v for k, v in {**json.loads(files), **changes}.items() if v is not None})


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (lambda _: {FILES_TAG: ""}, "has no tag tinytrill.files: nothing tells what its files should be"),
        (lambda _: {FILES_TAG: "{"}, "its tag tinytrill.files cannot be read"),
        (lambda t: {FILES_TAG: other(t, **{"model.json": "abc"})}, "its tag tinytrill.files cannot be read"),
        (lambda t: {FILES_TAG: other(t, **{"../x": "a" * 64})}, r"names '\.\./x'; accepted: MODEL_CARD"),
        (lambda t: {FILES_TAG: other(t, **{"golden.npz": None})}, "does not name golden.npz"),
        (lambda _: {MLFLOW_FILES_TAG: ""}, "has no tag tinytrill.mlflow_files"),
        (lambda _: {MLFLOW_FILES_TAG: '{"a.py": "%s"}' % ("a" * 64)}, "names 'a.py'; accepted: MLmodel"),
        (lambda _: {SHA256_TAG: "b" * 64}, f"its tag tinytrill.sha256 says {'b' * 64}"),
        (lambda _: {SHA256_TAG: ""}, "its tag tinytrill.sha256 says None"),
    ],
)
def test_tags_that_do_not_tell_are_refused(
    pushed: PushedRun, tmp_path: Path, tags: Callable[[str], dict[str, str]], message: str
) -> None:
    version = pushed.version(**tags(pushed.version().tags[FILES_TAG]))
    with pytest.raises(Tampered, match=message):
        fetch_files(pushed.client, version, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"sha256": "', '"sha256": "0', r"model\.json describes the file 0"),
        ('"candidate_id"', '"candidate"', r"model\.json is as it was registered, but of another release"),
    ],
)
def test_a_description_of_something_else_is_refused(
    pushed: PushedRun, tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Its own sha256 is as recorded: it was wrong from the beginning."""
    path = pushed.stored / "artifacts" / "model.json"
    with changed(path, lambda file: file.write_text(file.read_text().replace(old, new))):
        version = pushed.version()
        files = other(version.tags[FILES_TAG], **{"model.json": sha256_of(path)})
        with pytest.raises(Tampered, match=message):
            fetch_files(pushed.client, pushed.version(**{FILES_TAG: files}), tmp_path)


def test_a_version_that_is_no_logged_model_is_refused(pushed: PushedRun, tmp_path: Path) -> None:
    version = pushed.version()
    version._source = "/etc"
    with pytest.raises(Tampered, match="comes from '/etc'; accepted: models:/"):
        fetch_files(pushed.client, version, tmp_path)


def test_a_deleted_model_is_a_fault(pushed: PushedRun, tmp_path: Path) -> None:
    version = pushed.version()
    version._source = "models:/m-nowhere"
    with pytest.raises(TrackingFault, match="m-nowhere"):
        fetch_files(pushed.client, version, tmp_path)


def served(pushed: PushedRun) -> dict[str, bytes]:
    """All files of the version as a server would give them."""
    files = {f"artifacts/{path.name}": path.read_bytes() for path in pushed.folder.iterdir()}
    around = {name: (pushed.stored / name).read_bytes() for name in AROUND}
    return {**files, **around, "embedder.py": Path(SCRIPT).read_bytes()}


def fetch_from(
    pushed: PushedRun, folder: Path, files: dict[str, bytes], more: dict[str, list[tuple[str, bool]]]
) -> Any:
    usual = [(path.name, False) for path in pushed.folder.iterdir()]
    version = pushed.version()
    listings = {"": ROOT, "artifacts": usual} | more
    with poisoned_server(listings, files) as (uri, model):
        version._source = f"models:/{model}"
        return fetch_files(open_client(uri), version, folder)


def test_the_server_is_believed_while_it_tells_the_truth(pushed: PushedRun, tmp_path: Path) -> None:
    """Or the tests below would pass for another reason."""
    assert fetch_from(pushed, tmp_path / "got", served(pushed), {}).sha256


@pytest.mark.parametrize(
    ("evil", "message"),
    [
        ("../../../evil.sh", "the store lists a path that leaves the model's folder"),
        ("..%2f..%2fevil.sh", "the store lists a path that leaves the model's folder"),
        ("/etc/cron.d/evil", "the store lists a path that leaves the model's folder"),
        ("..\\evil.bat", "the store lists"),
        ("sub/model.tflite", "the store lists 'artifacts/sub/model.tflite', which no run stored"),
        ("model.tflite.py", "which no run stored"),
    ],
)
@pytest.mark.parametrize("folder", ["", "artifacts"])
def test_a_poisoned_listing_is_refused(
    pushed: PushedRun, tmp_path: Path, folder: str, evil: str, message: str
) -> None:
    files = served(pushed)
    usual = [(path.name, False) for path in pushed.folder.iterdir()] if folder else ROOT
    message = message.replace("artifacts/sub", f"{folder}/sub".lstrip("/"))
    with pytest.raises(Tampered, match=message):
        fetch_from(pushed, tmp_path / "got", {**files, evil: b"x"}, {folder: [*usual, (evil, False)]})
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_listed_as_a_folder_is_refused(pushed: PushedRun, tmp_path: Path) -> None:
    usual = [(path.name, path.name == "model.tflite") for path in pushed.folder.iterdir()]
    with pytest.raises(Tampered, match=r"the store lists 'artifacts/model.tflite' as a folder"):
        fetch_from(pushed, tmp_path / "got", served(pushed), {"artifacts": usual})


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (["one.sh", "two.sh"], r"gives example\.py as something else than a file"),
        (["../../../evil.sh", "two.sh"], "the store gives a path that leaves the model's folder"),
    ],
)
def test_a_file_that_becomes_a_folder_when_asked_for_is_refused(
    pushed: PushedRun, tmp_path: Path, inside: list[str], message: str
) -> None:
    files = {**served(pushed), **{f"artifacts/example.py/{name}": b"x" for name in inside}}
    with pytest.raises(Tampered, match=message):
        fetch_from(
            pushed, tmp_path / "got", files, {"artifacts/example.py": [(name, False) for name in inside]}
        )
    assert not list(tmp_path.rglob("evil*"))


def test_a_server_that_gives_other_content_is_refused(pushed: PushedRun, tmp_path: Path) -> None:
    files = {**served(pushed), "artifacts/model.tflite": b"another"}
    with pytest.raises(Tampered, match=r"model\.tflite is not the file that was registered"):
        fetch_from(pushed, tmp_path / "got", files, {})
