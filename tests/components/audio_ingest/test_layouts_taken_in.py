"""Whole ingestions of one corpus, packed in each of the ways, on the disk and behind a URL."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.settings import AudioIngestSettings
from schemas.ingest_reports import IngestReport
from tests.components.audio_ingest.corpora import make_corpus, pack_parquet, pack_tars, row, ytid
from tests.components.common.audio.stored_files import StoredFiles
from tests.components.executors import run_ingest

pytestmark = pytest.mark.slow


def renamed(pattern: str) -> Callable[[Path], Path]:
    def rename(root: Path) -> Path:
        for path in list((root / "audios").rglob("*.wav")):
            target = root / "audios" / pattern.format(path.stem[1:])
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
        return root

    return rename


FORMS: dict[str, Callable[[Path], Path]] = {
    "start_end": renamed("Speech/{}_30-31.wav"),
    "tar": lambda root: pack_tars(root, clips=4),
    "webdataset": lambda root: pack_tars(root, clips=4, described=True),
    "parquet": lambda root: pack_parquet(root, clips=5),
}


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the records of the corpus, whatever holds it."""
    folder = tmp_path_factory.mktemp("panns")
    return ingest(make_corpus(folder / "c", 7, 3), folder).digest


def ingest(root: str | Path, folder: Path, **settings: object) -> IngestReport:
    made = AudioIngestSettings(root=str(root), shard_clips=3, **settings)
    return run_ingest(Executor, made, folder / "run")[1]


@pytest.mark.parametrize("layout", FORMS)
def test_each_layout_gives_the_same_records(
    tmp_path: Path, layout: str, digest: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = FORMS[layout](make_corpus(tmp_path / "c", 7, 3))
    stored = layout != "tar"
    with caplog.at_level(logging.INFO, "tinytrill.audio_ingest"):
        report = ingest(StoredFiles.store(root, "stored://b/c") if stored else root, tmp_path)
    assert report.digest == digest
    assert report.layout is not None
    assert (report.layout.name, report.layout.chosen, report.layout.entries) == (layout, "detected", 10)
    assert report.layout.containers == {"tar": 3, "webdataset": 3, "parquet": 2}.get(layout, 0)
    assert report.layout.strays == {}
    said = next(message for message in caplog.messages if message.startswith("layout of "))
    assert f"audios: {layout} (" in said and " names looked at follow it, for example " in said
    assert sorted(path.name for path in (tmp_path / "run/report").iterdir()) == [
        "corpus.html", "corpus_statistics.json", "ingest_report.json", "quarantine.jsonl",
    ]  # fmt: skip


def test_each_row_is_taken_or_left_out_under_its_reason(tmp_path: Path) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 6, 2), clips=4)
    wav = next(member_bytes(root / "audios/0.tar"))
    with tarfile.open(root / "audios/9.tar", "w") as archive:
        for name in (f"../{ytid(20)}.wav", f"audio/{ytid(21)}.wav", f"audio/{ytid(1)}.wav"):
            add(archive, name, wav)
        add(archive, f"audio/{ytid(22)}.wav", b"")
        add(archive, f"audio/{ytid(23)}.wav", b"no sound" * 99)
        link = tarfile.TarInfo(f"audio/{ytid(24)}.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        add(archive, f"audio/{ytid(25)}.wav", wav)
    (root / "audios/9.tar").write_bytes((root / "audios/9.tar").read_bytes().rstrip(b"\0")[:-5_000])
    with (root / "balanced_train_segments.csv").open("a") as file:
        file.writelines(row(ytid(number)) for number in (*range(20, 27), 1, 1000))
    report = ingest(root, tmp_path, max_bad_share=1)
    train = report.splits["train"]
    # 6 and 21 are good; 20 climbs out and 24 is a link; 26 is nowhere; 25 is cut off by the tar's end; 1 is
    # asked for twice; 1000 is in the eval split.
    assert train.quarantined == {
        "unsafe": 2, "empty": 1, "undecodable": 2, "missing": 1, "duplicate": 1, "held_out": 1,
    }  # fmt: skip
    assert (train.rows, train.clips) == (15, 7)
    assert report.layout is not None
    assert report.layout.strays == {"second clip of a name": 1, "tar cut short": 1, "unsafe member": 2}


def member_bytes(path: Path):  # type: ignore[no-untyped-def]
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            yield file.read()


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def test_rows_of_a_parquet_file_with_nulls(tmp_path: Path) -> None:
    root = pack_parquet(make_corpus(tmp_path / "c", 7, 3), clips=10)
    rows = pq.read_table(root / "audios/0.parquet").to_pylist()
    rows[3]["audio"] = None
    rows[4]["video_id"] = None
    rows[5]["audio"]["bytes"] = None
    pq.write_table(
        pq.read_table(root / "audios/0.parquet").from_pylist(
            rows, schema=pq.read_schema(root / "audios/0.parquet")
        ),
        root / "audios/0.parquet",
    )
    report = ingest(root, tmp_path, max_bad_share=1)
    assert sum(count.clips for count in report.splits.values()) == 7
    assert report.splits["train"].quarantined == {"empty": 2, "missing": 1}
    assert report.layout is not None
    assert report.layout.strays == {"row without an id": 1}


def test_a_new_shard_costs_only_itself(tmp_path: Path) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 6, 2), clips=4)
    wav = next(member_bytes(root / "audios/0.tar"))
    settings = AudioIngestSettings(root=str(root), shard_clips=3)
    scratch = str(tmp_path / "scratch")
    run_ingest(Executor, settings, tmp_path / "first", scratch=scratch)
    lists = {path: path.stat().st_mtime_ns for path in (tmp_path / "scratch/clip_lists").iterdir()}
    with tarfile.open(root / "audios/more.tar", "w") as archive:
        add(archive, f"{ytid(30)}.wav", wav)
    with (root / "balanced_train_segments.csv").open("a") as file:
        file.write(row(ytid(30)))
    report = run_ingest(Executor, settings, tmp_path / "second", scratch=scratch)[1]
    assert report.work is not None
    assert (report.work.clips, report.work.resumed) == (9, 8)
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "scratch/clip_lists").iterdir()}
    assert lists.items() < again.items()
    assert len(again) == len(lists) + 1
