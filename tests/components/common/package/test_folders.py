"""Versioned folders: what makes a new version, and that what they hold can be checked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.common.package import folders
from schemas.push_reports import ModelDescription
from tests.pushed_runs import make_scene


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> ModelDescription:
    return make_scene(tmp_path_factory.mktemp("scene")).record().versions[0].description


def push(root: Path, description: ModelDescription, content: bytes = b"model") -> Path:
    (root / "m").write_bytes(content)
    (root / "g").write_bytes(b"golden")
    described = description.model_copy(update={"sha256": folders.sha256_of(root / "m")})
    return folders.push(root / "pushed", described, root / "m", root / "g", {"NOTICE.txt": "notice\n"})


def test_the_sums_are_of_all_files(tmp_path: Path, described: ModelDescription) -> None:
    folder = push(tmp_path, described)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    told = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [
        f"{name}: OK" for name in ("NOTICE.txt", "golden.npz", "model.json", "model.tflite")
    ]
    assert sorted(folders.file_digests(folder)) == [
        "NOTICE.txt",
        "SHA256SUMS",
        "golden.npz",
        "model.json",
        "model.tflite",
    ]
    (folder / "golden.npz").write_bytes(b"other")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 1


def test_the_same_file_with_the_same_facts_is_one_version(
    tmp_path: Path, described: ModelDescription
) -> None:
    first = push(tmp_path, described)
    assert first.name == "1"
    assert push(tmp_path, described.model_copy(update={"run_name": "later", "run_key": "k"})) == first
    assert ModelDescription.load(first).run_name == "test-run"


def test_other_facts_or_another_file_are_another_version(tmp_path: Path, described: ModelDescription) -> None:
    push(tmp_path, described)
    other = described.model_copy(update={"blessings": described.blessings * 2})
    second = push(tmp_path, other)
    assert second.name == "2" and ModelDescription.load(second).blessings == other.blessings
    assert push(tmp_path, described, b"other weights").name == "3"
    assert push(tmp_path, described).name == "1"


def test_a_version_that_was_cut_short_is_no_version(tmp_path: Path, described: ModelDescription) -> None:
    first = push(tmp_path, described)
    (first / ModelDescription.FILE).write_text('{"point_id": "of another release"}')
    assert push(tmp_path, described).name == "2"
    (first.parent / "2" / ModelDescription.FILE).unlink()
    assert push(tmp_path, described).name == "3"


@pytest.mark.parametrize("file", ["model.tflite", "golden.npz", "NOTICE.txt", "SHA256SUMS"])
def test_a_version_that_was_changed_is_pushed_anew(
    tmp_path: Path, described: ModelDescription, file: str
) -> None:
    first = push(tmp_path, described)
    (first / file).write_bytes(b"changed")
    second = push(tmp_path, described)
    assert second.name == "2" and (second / file).read_bytes() != b"changed"


@pytest.mark.parametrize("name", ["../out", ".hidden", "a/b", ""])
def test_names_stay_in_the_folder(tmp_path: Path, described: ModelDescription, name: str) -> None:
    with pytest.raises(ValueError, match="is not accepted"):
        push(tmp_path, described.model_copy(update={"variant": name}))
    assert not (tmp_path / "pushed").exists()
