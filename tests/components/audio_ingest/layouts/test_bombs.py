"""Shards that claim to hold far more than they do: reading them takes neither the memory nor the time."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.audio_ingest.layouts.base import ContainerLayout, Entry, LayoutError, Strays
from components.audio_ingest.layouts.parquet import Parquet
from components.audio_ingest.layouts.parquet_pages import rows_at_once
from components.audio_ingest.layouts.tar import Tar, WebDataset
from components.common.audio.errors import AudioError
from components.common.audio.places import FoundFile
from tests.components.audio_ingest.corpora import ytid

ALLOWED = 64 << 20
HUGE = 3 << 30


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Refuses a test that holds more than twice what is allowed to be unpacked at once."""
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * ALLOWED
    assert pa.total_allocated_bytes() - before < 2 * ALLOWED


def listed(layout: ContainerLayout, path: Path) -> tuple[list[Entry], Strays]:
    strays = Strays()
    file = FoundFile(str(path.parent), path.name, path.stat().st_size, 0.0)
    return list(layout.entries(file, strays)), strays


def write_parquet(path: Path, ids: pa.Array, sounds: list[bytes], **options: object) -> Path:
    table = pa.table({"video_id": ids, "audio": pa.array([{"bytes": sound} for sound in sounds])})
    pq.write_table(table, path, **options)
    return path


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("dictionary", [False, True])
def test_long_ids_that_are_packed_small(tmp_path: Path, dictionary: bool) -> None:
    """One id of 1 MB in many rows: a page that unpacks to gigabytes, or one value for all of them."""
    ident = "a " * (1 << 19)
    rows = 200
    path = tmp_path / "0.parquet"
    options = {"compression": "zstd", "use_dictionary": dictionary, "data_page_size": 1 << 30}
    tracemalloc.stop()  # making it takes memory
    write_parquet(path, pa.array([ident] * rows), [b"x"] * rows, **options)
    tracemalloc.start()
    assert path.stat().st_size < 100_000

    found, strays = listed(Parquet(), path)

    assert not found
    if dictionary:
        assert strays.counts == {"unknown name": rows}
        assert max(map(len, strays.examples["unknown name"])) < 1000
    else:
        assert "claim to unpack to" in strays.examples["unreadable parquet"][0]
        with pytest.raises(LayoutError, match="claim to unpack to"):
            Parquet().check(str(path))


@pytest.mark.usefixtures("little_memory")
def test_ids_told_by_what_they_share_with_the_one_before(tmp_path: Path) -> None:
    """A kilobyte of prefixes makes 300 ids of 1 MB, which are not held together."""
    options = {"use_dictionary": False, "column_encoding": {"video_id": "DELTA_BYTE_ARRAY"}}
    # A page of 2 MB claims no more than it may.
    ident, rows = "a " * (1 << 19), 300
    ids = pa.array([ident] * rows, pa.large_string())
    path = write_parquet(tmp_path / "0.parquet", ids, [b"x"] * rows, compression="none", **options)
    assert path.stat().st_size < 3 << 20
    entries, strays = listed(Parquet(), path)
    assert entries == [] and strays.counts == {"unknown name": rows}


def test_good_ids_and_sounds_told_by_prefixes_are_read(tmp_path: Path) -> None:
    encoding = {"video_id": "DELTA_BYTE_ARRAY", "audio.bytes": "DELTA_BYTE_ARRAY"}
    ids, sounds = [ytid(number) for number in range(40)], [b"sound %d" % number for number in range(40)]
    path = write_parquet(
        tmp_path / "0.parquet", pa.array(ids), sounds, use_dictionary=False, column_encoding=encoding
    )
    entries, strays = listed(Parquet(), path)
    assert [entry.ytid for entry in entries] == ids and not strays.counts
    assert list(Parquet().read(str(path), [(row, 1) for row in range(40)])) == sounds


def test_sounds_told_by_prefixes_are_held_one_by_one(tmp_path: Path) -> None:
    """Sixteen at once of a page of 32 MB would be half a gigabyte."""
    sound, rows = b"x" * (32 << 20), 20
    path = write_parquet(
        tmp_path / "0.parquet", pa.array([ytid(number) for number in range(rows)]), [sound] * rows,
        compression="none", use_dictionary=False, column_encoding={"audio.bytes": "DELTA_BYTE_ARRAY"},
    )  # fmt: skip
    with path.open("rb") as raw:
        together = rows_at_once(raw, pq.read_metadata(path), 0, "audio.bytes", 16, str(path))
    assert together <= 2


@pytest.mark.usefixtures("little_memory")
def test_sounds_that_are_packed_small(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    tracemalloc.stop()
    sounds = [bytes(ALLOWED), bytes(ALLOWED)]
    options = {"compression": "zstd", "use_dictionary": False, "data_page_size": 1 << 30}
    write_parquet(path, pa.array([ytid(0), ytid(1)]), sounds, **options)
    del sounds
    tracemalloc.start()

    found, _ = listed(Parquet(), path)
    read = list(Parquet().read(str(path), [(entry.position, 0) for entry in found]))

    assert len(read) == 2
    assert all(isinstance(sound, AudioError) and "claim to unpack to" in sound.detail for sound in read)


def test_a_footer_that_lies_does_not_help(tmp_path: Path) -> None:
    """What counts is what the page says, and it is read before anything is unpacked."""
    path = write_parquet(
        tmp_path / "0.parquet", pa.array([ytid(0)]), [bytes(1000)], compression="zstd", use_dictionary=False
    )
    column = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    at = column.data_page_offset
    # type: DATA_PAGE; uncompressed_page_size, as a zigzag varint of two bytes; compressed_page_size.
    assert data[at : at + 3] == b"\x15\x00\x15" and data[at + 3] >= 0x80 and data[at + 4] < 0x80
    claim = 1 << 30
    varint = bytes((2 * claim) >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)) + bytes([2 * claim >> 28])
    data[at + 3 : at + 5] = varint
    from components.audio_ingest.layouts.parquet_pages import ParquetBomb, rows_at_once

    with pytest.raises(ParquetBomb, match=f"claim to unpack to {claim}, at most {ALLOWED} are unpacked"):
        rows_at_once(io.BytesIO(data), pq.read_metadata(path), 0, "audio.bytes", 16, "0.parquet")


def test_more_rows_than_bytes(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    rows = 1 << 20
    sound = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([b"x"]))
    table = pa.table({"video_id": pa.array([ytid(0)] * rows), "audio": sound.cast(pa.binary())})
    pq.write_table(table, path, compression="zstd")
    with pytest.raises(LayoutError, match=f"claims {rows} rows in [0-9]+ bytes, at most"):
        Parquet().check(str(path))


def member(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf()


def zipped_zeros(path: Path, head: bytes, size: int) -> Path:
    """A gzip of a beginning and of zeros, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        file.write(packer.compress(head))
        block = bytes(1 << 20)
        for _ in range(size >> 20):
            file.write(packer.compress(block))
        file.write(packer.flush())
    return path


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("layout", [Tar(), WebDataset()])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_zipped_tar_that_claims_gigabytes(tmp_path: Path, layout: Tar, kind: bytes) -> None:
    size = 256 << 20
    path = zipped_zeros(tmp_path / "0.tgz", member(f"{ytid(0)}.wav", HUGE, kind), size)
    assert path.stat().st_size < 1 << 20

    found, strays = listed(layout, path)

    assert "tar cut short" in strays.counts or "unreadable tar" in strays.counts
    for sound in layout.read(str(path), [(entry.position, entry.size) for entry in found]):
        assert isinstance(sound, AudioError)


@pytest.mark.usefixtures("little_memory")
def test_a_member_far_within_a_zipped_tar(tmp_path: Path) -> None:
    path = zipped_zeros(tmp_path / "0.tgz", b"", 256 << 20)
    (sound,) = Tar().read(str(path), [(200 << 20, 1000)])
    assert isinstance(sound, AudioError) and f"unpacks to more than {ALLOWED} bytes" in sound.detail


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("head", [b"", member("a", HUGE, tarfile.XHDTYPE)])
def test_a_hole_is_not_read_through(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "0.tar"
    path.write_bytes(head)
    os.truncate(path, 1 << 36)
    found, strays = listed(Tar(), path)
    assert not found and strays.counts


def test_sparse_members_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    header = bytearray(member(f"{ytid(0)}.wav", 512, tarfile.GNUTYPE_SPARSE))
    header[257:265] = b"ustar  \0"
    header[386:410] = b"00000000000\x0000000001000\x00"
    header[483:495] = b"77777777777\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + bytes(512) + bytes(1024))
    found, strays = listed(Tar(), path)
    assert [str(entry.flaw) for entry in found] == ["unsafe"]
    assert strays.counts == {"unsafe member": 1}


@pytest.mark.usefixtures("little_memory")
def test_a_map_of_holes_is_not_read(tmp_path: Path) -> None:
    """Ten million lines took more than a minute, line by line."""
    lines = 2_000_000
    body = f"{lines}\n".encode() + b"1\n" * (2 * lines)
    body += bytes(-len(body) % tarfile.BLOCKSIZE)
    sparse = tarfile.TarInfo(f"{ytid(1)}.wav")
    sparse.size = len(body)
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "100"}
    good = tarfile.TarInfo(f"{ytid(2)}.wav")
    path = tmp_path / "0.tar"
    path.write_bytes(sparse.tobuf(tarfile.PAX_FORMAT) + body + good.tobuf() + bytes(1024))
    started = time.process_time()
    entries, strays = listed(Tar(), path)
    assert time.process_time() - started < 2
    assert [(entry.ytid, entry.flaw is None) for entry in entries] == [(ytid(1), False), (ytid(2), True)]
    assert strays.counts == {"unsafe member": 1}


def test_a_zip_of_a_zip_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "0.tgz"
    path.write_bytes(gzip.compress(zipped_zeros(tmp_path / "inner", b"", 64 << 20).read_bytes()))
    found, strays = listed(Tar(), path)
    assert not found and strays.counts


@pytest.mark.parametrize(
    ("name", "layout"), [("0.parquet", Parquet()), ("0.tar", Tar()), ("0.tar", WebDataset())]
)
def test_a_shard_that_was_not_fetched_is_named(tmp_path: Path, name: str, layout: ContainerLayout) -> None:
    path = tmp_path / name
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(LayoutError, match=rf"{name} is a Git LFS pointer"):
        layout.check(str(path))
