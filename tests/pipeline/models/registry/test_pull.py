"""``pull``: whole or not at all, over nothing of somebody else's, and recorded where it is for."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.common.package.folders import file_digests
from components.common.tracking.faults import TrackingFault
from pipeline.commands.pull import add
from pipeline.configuration.config_file import ConfigError
from pipeline.models.registry.files import Tampered, fetch_files
from pipeline.models.registry.pull import Pulled, pull, sums
from pipeline.models.registry.uses import served_tag
from tests.pipeline.models.registry.conftest import NAME, WINDOWED, PushedRun, changed

pytestmark = pytest.mark.slow


def command(*arguments: object) -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers(required=True))
    options = parser.parse_args(["pull", *map(str, arguments)])
    code: int = options.command(options)
    return code


@pytest.fixture
def pull_to(pushed: PushedRun) -> Callable[..., Pulled]:
    def to(folder: Path, **options: str) -> Pulled:
        return pull(pushed.client, NAME, folder, **options)

    return to


def test_pulls_the_pushed_folder(
    pull_to: Callable[..., Pulled], pushed: PushedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = pull_to(tmp_path / "app" / "model")
    assert pulled.version == f"tinytrill-host v{pushed.version().version}"
    assert "candidate" in pulled.aliases
    assert pulled.files == file_digests(tmp_path / "app" / "model") == file_digests(pushed.folder)
    assert set(pulled.files) == WINDOWED
    assert [path.name for path in (tmp_path / "app").iterdir()] == ["model"]
    assert (tmp_path / "app" / "model").stat().st_mode & 0o777 == (tmp_path / "app").stat().st_mode & 0o777
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / "app" / "model",
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [sys.executable, "-I", tmp_path / "app" / "model" / "example.py", "--check"],
        check=True,
        capture_output=True,
    )


def test_pulls_again_over_an_earlier_pull(pull_to: Callable[..., Pulled], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    first = pull_to(folder)
    before = (folder / "model.tflite").stat().st_ino
    assert pull_to(folder) == first
    assert (folder / "model.tflite").stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_in_use_is_refused(pull_to: Callable[..., Pulled], tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("years of work")
    with pytest.raises(
        ConfigError, match=r"thesis is in use and is not an earlier pull: it holds 'chapter.tex'"
    ):
        pull_to(folder)
    (folder / "chapter.tex").rename(folder / "model.tflite")
    with pytest.raises(ConfigError, match=r"it has no golden\.npz; accepted: a new or empty folder"):
        pull_to(folder)
    assert (folder / "model.tflite").read_text() == "years of work"


@pytest.mark.parametrize("name", ["example.py", "SHA256SUMS"])
def test_an_earlier_pull_that_was_changed_is_refused(
    pull_to: Callable[..., Pulled], tmp_path: Path, name: str
) -> None:
    pull_to(tmp_path / "model")
    file = tmp_path / "model" / name
    file.write_text(file.read_text().replace("a", "b"))
    with pytest.raises(ConfigError, match=r"is an earlier pull, but .* was changed in it"):
        pull_to(tmp_path / "model")
    assert "a" not in file.read_text()


def test_a_file_or_a_link_or_the_present_folder_is_refused(
    pull_to: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(ConfigError, match=f"{name} is no folder; accepted: a new or empty folder"):
            pull_to(tmp_path / name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match="is where you are, and would be replaced"):
        pull_to(Path())


def test_what_is_tampered_with_leaves_an_earlier_pull_alone(
    pull_to: Callable[..., Pulled], pushed: PushedRun, tmp_path: Path
) -> None:
    pull_to(tmp_path / "model")
    before = file_digests(tmp_path / "model")
    with (
        changed(pushed.stored / "artifacts" / "model.tflite", lambda path: path.write_bytes(b"another")),
        pytest.raises(Tampered, match=r"model\.tflite is not the file that was registered"),
    ):
        pull_to(tmp_path / "model", served="an app")
    assert file_digests(tmp_path / "model") == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert "tinytrill.served.an-app" not in pushed.version().tags


def test_sums_that_do_not_list_the_files_are_refused(
    pull_to: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_another_golden(client: Any, version: Any, folder: Path) -> Any:
        description = fetch_files(client, version, folder)
        (folder / "golden.npz").write_bytes(b"another")
        return description

    monkeypatch.setattr("pipeline.models.registry.pull.fetch_files", with_another_golden)
    with pytest.raises(Tampered, match="SHA256SUMS does not list its files"):
        pull_to(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_failing_rename_brings_the_earlier_pull_back(
    pull_to: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_to(tmp_path / "model")
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError("disk is gone")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(ConfigError, match="model cannot be written: disk is gone"):
        pull_to(tmp_path / "model")
    monkeypatch.undo()
    assert sums(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_comes_into_the_folder_meanwhile_is_not_lost(
    pull_to: Callable[..., Pulled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"

    def slowly(*given: Any) -> Any:
        folder.mkdir()
        (folder / "chapter.tex").write_text("years of work")
        return fetch_files(*given)

    monkeypatch.setattr("pipeline.models.registry.pull.fetch_files", slowly)
    with pytest.raises(ConfigError, match=r"it holds 'chapter\.tex'"):
        pull_to(folder)
    assert (folder / "chapter.tex").read_text() == "years of work"


def test_a_place_that_cannot_be_written_is_named(pull_to: Callable[..., Pulled], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/model cannot be written: .*File exists"):
        pull_to(tmp_path / "file" / "model")


def test_records_what_it_is_for(
    pull_to: Callable[..., Pulled], pushed: PushedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.models.registry.uses.who", lambda: "ann")
    pull_to(tmp_path / "model", served="Watch-App 3.2")
    told = json.loads(pushed.version().tags["tinytrill.served.watch-app-3-2"])
    assert (told["what"], told["by"]) == ("Watch-App 3.2", "ann")
    assert told["at"].endswith("+00:00") and told["at"].startswith("20")


def test_a_store_that_takes_no_tag_is_told_after_the_files(
    pull_to: Callable[..., Pulled], pushed: PushedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def refuse(*_: object) -> None:
        raise MlflowException("read only")

    monkeypatch.setattr(pushed.client, "set_model_version_tag", refuse)
    with pytest.raises(TrackingFault, match=r"the files are in .*model, but that they are for 'app'"):
        pull_to(tmp_path / "model", served="app")
    assert (tmp_path / "model" / "model.tflite").is_file()


def test_words_that_give_no_tag_are_refused_before_anything(
    pull_to: Callable[..., Pulled], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"--for '\?!': accepted: words with letters or digits"):
        pull_to(tmp_path / "model", served="?!")
    assert not (tmp_path / "model").exists()
    assert len(served_tag("long " * 100)) < 250


def test_command(pushed: PushedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--tracking-uri", pushed.uri)
    assert command(NAME, tmp_path / "model", *store, "--for", "app") == 0
    told = capsys.readouterr().out
    assert "candidate" in told.splitlines()[0] and "7 files, all verified" in told
    assert "synthetic sound" in told and "recorded at the version: for app" in told
    place = pushed.stored / "artifacts" / "golden.npz"
    with changed(place, lambda path: path.write_bytes(b"another")):
        assert command(NAME, tmp_path / "other", *store) == 2
    assert "refused: tinytrill-host v" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    with pytest.raises(ConfigError, match="there are"):
        command("tinytrill-host@nobody", tmp_path / "other", *store)
