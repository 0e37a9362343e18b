from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from components.common.audio.fingerprint import fingerprint
from components.common.audio.places import (
    FoundFile,
    PlaceError,
    file_status,
    first_files,
    is_file,
    is_folder,
    is_url,
    join,
    list_files,
    open_binary,
    read_bytes,
    read_text,
    use_beam_options,
)
from tests.components.common.audio.stored_files import MODIFIED, StoredFiles

URL = "stored://bucket/audioset"


def tree(folder: Path) -> Path:
    for name in ("b/2.WAV", "a/1.ogg", "a/notes.txt", ".cache/3.wav", "a/.4.wav"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    ("root", "name", "expected"),
    [
        ("/data", "audioset", "/data/audioset"),
        ("/data", "/other", "/other"),
        ("/data", "", "/data"),
        ("/data", "s3://bucket/audioset", "s3://bucket/audioset"),
        ("s3://bucket/audioset", "eval.csv", "s3://bucket/audioset/eval.csv"),
        ("gs://bucket/audioset/", "audios/", "gs://bucket/audioset/audios"),
        ("gs://bucket", "/here/eval.csv", "/here/eval.csv"),
        ("gs://bucket", "", "gs://bucket"),
    ],
)
def test_join_leaves_urls_whole(root: str, name: str, expected: str) -> None:
    assert join(root, name) == expected


def test_what_is_a_url() -> None:
    assert is_url("s3://b/c") and is_url("GS://b")
    assert not is_url("/a//b") and not is_url("c:/d") and not is_url(Path("a/b"))


def test_local_and_stored_files_are_listed_alike(tmp_path: Path) -> None:
    folder = tree(tmp_path / "c")
    StoredFiles.store(folder, URL)
    for root in (str(folder), URL):
        found = list(list_files(root, {".wav", ".ogg"}, status=True))
        assert sorted((file.folder.rpartition("/")[2], file.name, file.size) for file in found) == [
            ("a", "1.ogg", 7), ("b", "2.WAV", 7),
        ]  # fmt: skip
        assert {file.path for file in found} == {f"{root}/a/1.ogg", f"{root}/b/2.WAV"}
        assert {file.name for file in first_files(root, 9, 9)} == {"1.ogg", "2.WAV", "notes.txt"}
        assert len(first_files(root, 2, 1)) == 2
        assert (is_folder(root), is_folder(f"{root}/a"), is_folder(f"{root}/aa")) == (True, True, False)
        assert (is_file(f"{root}/a/1.ogg"), is_file(f"{root}/a")) == (True, False)
        assert read_text(f"{root}/a/1.ogg") == "a/1.ogg"
        assert read_bytes(f"{root}/a/1.ogg", 3) == b"a/1"
        assert file_status(f"{root}/a") is None
        with pytest.raises(PlaceError, match=r"aa/1\.ogg cannot be"):
            open_binary(f"{root}/aa/1.ogg")
    assert file_status(f"{URL}/a/1.ogg") == FoundFile(f"{URL}/a", "1.ogg", 7, MODIFIED)


def test_a_link_to_a_folder_around_it_ends(tmp_path: Path) -> None:
    folder = tree(tmp_path / "c")
    (folder / "a/again").symlink_to(folder)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/5.wav").touch()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "b/gone.wav").symlink_to(tmp_path / "nowhere")
    assert [file.name for file in list_files(str(folder), {".wav"}, status=True)] == [
        "2.WAV", "gone.wav", "5.wav",
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_may_not_be_read_costs_only_itself(tmp_path: Path) -> None:
    folder = tree(tmp_path / "c")
    (folder / "a").chmod(0)
    try:
        assert [file.name for file in list_files(str(folder))] == ["2.WAV"]
    finally:
        (folder / "a").chmod(0o700)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(PlaceError, match=r"^nowhere://bucket/a cannot be reached: .*nowhere"):
        is_file("nowhere://bucket/a")
    with pytest.raises(PlaceError, match=r"^nowhere://bucket cannot be reached"):
        list(list_files("nowhere://bucket"))


def test_the_fingerprint_of_a_url_sees_what_is_stored(tmp_path: Path) -> None:
    StoredFiles.store(tree(tmp_path / "c"), URL)
    before = fingerprint([URL, f"{URL}/eval.csv"])
    assert fingerprint([f"{URL}/eval.csv", URL]) == before
    StoredFiles.files[f"{URL}/b/2.WAV"] = b"longer than before"
    changed = fingerprint([URL, f"{URL}/eval.csv"])
    StoredFiles.files[f"{URL}/eval.csv"] = b"row"
    assert len({before, changed, fingerprint([URL, f"{URL}/eval.csv"])}) == 3


def test_a_store_where_nobody_answers_is_refused_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(PlaceError, match=f"no response .*--s3_endpoint_url={endpoint}: .* accepted:"):
        use_beam_options([f"--s3_endpoint_url={endpoint}"])
