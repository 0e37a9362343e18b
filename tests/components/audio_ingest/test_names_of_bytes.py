"""Names of files and folders that are not UTF-8, as old archives unpack them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.layouts import find_layout
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.fingerprint import fingerprint
from components.common.audio.places import from_text, printable, to_text
from tests.components.audio_ingest.corpora import make_corpus, pack_parquet, pack_tars, plan, ytid
from tests.components.executors import run_ingest

CAFE = os.fsdecode(b"caf\xe9 \xff")


@pytest.mark.parametrize(
    "name", ["plain", "café", CAFE, os.fsdecode(bytes(range(1, 47)) + bytes(range(48, 256)))]
)
def test_any_name_can_be_written_as_text_and_read_back(name: str) -> None:
    to_text(name).encode()
    assert from_text(to_text(name)) == name
    printable(name).encode()
    assert printable(CAFE) == r"caf\xe9 \xff"


def spoilt(root: Path) -> Path:
    """A corpus with such a folder, in which there is such a stray too, and a clip that is no sound."""
    make_corpus(root, 6, 2)
    folder = root / "audios/balanced_train_segments"
    folder.rename(folder.with_name(CAFE))
    (root / "audios" / CAFE / f"{CAFE}.wav").write_bytes(b"")
    (root / "audios" / CAFE / f"Y{ytid(1)}.wav").write_bytes(b"no sound")
    return root


def test_they_are_found_and_asked_for(tmp_path: Path) -> None:
    root = spoilt(tmp_path / "c")
    find_layout(str(root / "audios"), "panns").model_dump_json()
    before = fingerprint([root / "audios"])
    requests = plan(root, layout="panns")["train"].requests
    assert len(requests) == 6
    assert all(Path(request.path).is_file() for request in requests)
    assert {request.key for request in requests}
    (root / "audios" / CAFE / f"Y{ytid(2)}.wav").unlink()
    assert fingerprint([root / "audios"]) != before


@pytest.mark.slow
def test_a_folder_is_taken_in_and_its_faults_are_listed(tmp_path: Path) -> None:
    root = spoilt(tmp_path / "c")
    report = run_ingest(
        Executor, AudioIngestSettings(root=str(root), layout="panns", max_bad_share=0.5), tmp_path
    )[1]
    assert report.splits["train"].clips == 5
    assert report.layout is not None
    assert report.layout.strays == {"unknown name": 1}
    assert report.layout.stray_examples["unknown name"][0].endswith(r"caf\xe9 \xff.wav")
    listed = json.loads((tmp_path / "report/quarantine.jsonl").read_text())
    assert (listed["clip_id"], listed["reason"]) == (f"{ytid(1)}_30000_31000", "undecodable")


@pytest.mark.slow
@pytest.mark.parametrize("pack", [pack_tars, pack_parquet])
def test_shards_are_taken_in(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    root = pack(make_corpus(tmp_path / "c", 6, 2), clips=4)
    for path in sorted((root / "audios").iterdir()):
        path.rename(path.with_name(f"{CAFE}{path.name}"))
    report = run_ingest(Executor, AudioIngestSettings(root=str(root)), tmp_path)[1]
    assert (report.splits["train"].clips, report.splits["eval"].clips) == (6, 2)


@pytest.mark.slow
def test_members_of_tars_are_taken_in_or_listed(tmp_path: Path) -> None:
    import tarfile

    root = make_corpus(tmp_path / "c", 6, 2)
    files = sorted((root / "audios").rglob("*.wav"))
    with tarfile.open(root / "audios/0.tar", "w") as archive:
        for path in files:
            archive.add(path, f"{CAFE}/{path.name}")
        archive.add(files[0], f"{CAFE}.wav")
    for path in files:
        path.unlink()
    report = run_ingest(Executor, AudioIngestSettings(root=str(root), layout="tar"), tmp_path)[1]
    assert (report.splits["train"].clips, report.splits["eval"].clips) == (6, 2)
    assert report.layout is not None and report.layout.strays == {"unknown name": 1}
