from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.audio_ingest.layouts import LAYOUTS, find_layout
from components.audio_ingest.layouts.base import LayoutError
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import check_sources
from components.common.audio.intake_report import IngestError
from tests.components.audio_ingest.corpora import make_corpus, ytid
from tests.components.common.audio.stored_files import StoredFiles

NAMES = {
    "panns": "unbalanced_train_segments_part{0:02d}/Y{1}.wav",
    "plain": "{1}.flac",
    "start": "{1}_{0}.000.wav",
    "start_end": "Speech/{1}_{0}-4{0}.mp3",
    "start_end_ms": "{1}_{0}000_4{0}000.flac",
}


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def tar(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


@pytest.mark.parametrize("layout", NAMES)
def test_layouts_of_files(tmp_path: Path, layout: str) -> None:
    names = [NAMES[layout].format(number, ytid(number)) for number in range(30)]
    touch(tmp_path, *names, "README.txt", "labels.csv.gz")
    found = find_layout(str(tmp_path))
    assert (found.name, found.chosen, found.looked_at, found.fitting) == (layout, "detected", 30, 30)
    assert found.form == LAYOUTS[layout].form
    assert len(found.examples) == 3
    assert all(any(name.endswith(example.partition("/")[2]) for name in names) for example in found.examples)
    assert find_layout(StoredFiles.store(tmp_path, "stored://b/c")).name == layout


def test_a_few_other_names_are_let_pass(tmp_path: Path) -> None:
    touch(tmp_path, *(f"Y{ytid(number)}.wav" for number in range(38)), "a tune.wav", f"{ytid(99)}_3.wav")
    found = find_layout(str(tmp_path))
    assert (found.name, found.looked_at, found.fitting) == ("panns", 40, 38)  # 95 %
    touch(tmp_path, "another tune.wav")
    with pytest.raises(LayoutError) as caught:
        find_layout(str(tmp_path))
    message = str(caught.value)
    assert f"the names of 41 sound files in {tmp_path} follow no one layout: 38 as panns (" in message
    assert f"1 as start ({tmp_path.name}/{ytid(99)}_3.wav)" in message
    assert f"2 in no known form ({tmp_path.name}/a tune.wav" in message
    assert "accepted: start_end_ms: <id>_<start ms>_<end ms>.<ext>; " in message
    assert "parquet: *.parquet with the columns" in message
    assert find_layout(str(tmp_path), "panns").chosen == "configured"


def test_a_mixture_of_kinds_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, *(f"Y{ytid(number)}.wav" for number in range(9)))
    tar(tmp_path / "more.tar", f"{ytid(10)}.flac")
    with pytest.raises(LayoutError, match=r"is a mixture of 9 sound files .*; 1 tar shards \(.*/more\.tar\)"):
        find_layout(str(tmp_path))


@pytest.mark.parametrize(
    ("names", "seen"),
    [([], "there is no file in"), (["a.zip", "b.zip"], r"there are 2 files \(.*a\.zip, .*b\.zip\) in")],
)
def test_nothing_usable_is_refused(tmp_path: Path, names: list[str], seen: str) -> None:
    with pytest.raises(LayoutError, match=f"{seen} .*, and none that can be a clip or hold clips; accepted"):
        find_layout(str(touch(tmp_path, *names)))


def test_tars_and_webdatasets(tmp_path: Path) -> None:
    tar(tmp_path / "tars/00.tar", "audio/bal/list.txt", f"audio/bal/{ytid(0)}.flac")
    tar(tmp_path / "webs/00.tar", "000001.flac", "000001.json", "000002.json")
    plain, web = find_layout(str(tmp_path / "tars")), find_layout(str(tmp_path / "webs"))
    assert (plain.name, plain.examples) == ("tar", [f"00.tar: audio/bal/{ytid(0)}.flac"])
    assert (web.name, web.examples) == ("webdataset", ["00.tar: 000001.flac"])
    with pytest.raises(LayoutError, match=r"2 of the shards .* follow no one layout: webdataset .*tar \("):
        tar(tmp_path / "both/0.tar", "1.flac", "1.json")
        tar(tmp_path / "both/1.tar", "2.flac")
        find_layout(str(tmp_path / "both"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/0.tar").write_bytes(b"no tar" * 999)
    with pytest.raises(LayoutError, match=r"bad/0\.tar cannot be used: no tar, or an empty one"):
        find_layout(str(tmp_path / "bad"))
    os.mkfifo(tmp_path / "bad/1.tar")
    (tmp_path / "bad/0.tar").unlink()
    with pytest.raises(LayoutError, match=r"bad/1\.tar cannot be opened: it is no file"):
        find_layout(str(tmp_path / "bad"))
    tar(tmp_path / "empty/0.tar", "notes.txt")
    with pytest.raises(LayoutError, match=r"empty/0\.tar holds no sound under a known name"):
        find_layout(str(tmp_path / "empty"))


def test_parquet(tmp_path: Path) -> None:
    sound = pa.array([{"bytes": b"1", "path": "a.flac"}])
    pq.write_table(pa.table({"video_id": [ytid(0)], "audio": sound}), tmp_path / "0.parquet")
    found = find_layout(str(tmp_path))
    assert (found.name, found.examples) == ("parquet", [f"0.parquet: video_id={ytid(0)!r}"])
    pq.write_table(pa.table({"name": ["a"], "sound": [b"1"]}), tmp_path / "0.parquet")
    with pytest.raises(
        LayoutError, match=r"0\.parquet has the columns name: string, sound: binary; accepted: an id \("
    ):
        find_layout(str(tmp_path))
    (tmp_path / "0.parquet").write_bytes(b"PAR1 it is not PAR1")
    with pytest.raises(LayoutError, match=r"0\.parquet is not a parquet file"):
        find_layout(str(tmp_path))


def test_the_setting_names_every_layout() -> None:
    accepted = AudioIngestSettings.model_json_schema()["properties"]["layout"]["enum"]
    assert set(accepted) == {"auto", *LAYOUTS}


def test_a_mixture_is_refused_before_anything_runs(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 2, 1)
    touch(root / "audios", f"{ytid(7)}_30.000.wav")
    with pytest.raises(
        IngestError, match=r"^corpus\.audio: the names of 4 sound files .* no one layout: 3 as"
    ):
        check_sources(AudioIngestSettings(root=str(root)), "corpus")
    check_sources(AudioIngestSettings(root=str(root), layout="panns"), "corpus")
