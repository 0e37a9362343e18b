from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.audio_ingest.layouts.base import UNKNOWN_START, Entry, Strays
from components.audio_ingest.layouts.parquet import Parquet
from components.common.audio.errors import AudioError
from components.common.audio.places import FoundFile
from tests.components.audio_ingest.corpora import ytid


def write(path: Path, ids: list[str | None], sounds: list[Any], rows: int = 2) -> Path:
    """In row groups of ``rows`` rows, in the form of Hugging Face's copy."""
    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"video_id": ids, "audio": pa.array(sounds, audio), "labels": [["/m/09x0r"]] * len(ids)})
    pq.write_table(table, path, row_group_size=rows)
    return path


def sound(number: int) -> dict[str, Any]:
    return {"bytes": bytes([number]) * 50, "path": f"{number}.flac"}


def entries(path: Path) -> tuple[list[Entry], Strays]:
    strays = Strays()
    return list(Parquet().entries(FoundFile(str(path.parent), path.name, -1, 0.0), strays)), strays


def test_rows_are_found_and_read_in_order(tmp_path: Path) -> None:
    ids = [ytid(0), f"{ytid(1)}_30.000", None, "not an id!", ytid(4), ytid(5), ytid(6)]
    path = write(tmp_path / "0.parquet", ids, [sound(number) for number in range(7)])
    found, strays = entries(path)
    assert [(entry.ytid, entry.start_ms, entry.position) for entry in found] == [
        (ytid(0), UNKNOWN_START, 0),
        (ytid(1), 30_000, 1),
        (ytid(4), UNKNOWN_START, 4),
        (ytid(5), UNKNOWN_START, 5),
        (ytid(6), UNKNOWN_START, 6),
    ]
    assert strays.counts == {"row without an id": 1, "unknown name": 1}
    read = list(Parquet().read(str(path), [(row, 0) for row in (0, 5, 6)]))
    assert read == [bytes([number]) * 50 for number in (0, 5, 6)]


def test_nulls_cost_their_own_row_only(tmp_path: Path) -> None:
    rows = [sound(0), None, {"bytes": None, "path": "x"}, {"bytes": b"", "path": "x"}, sound(4)]
    path = write(tmp_path / "0.parquet", [ytid(number) for number in range(5)], rows)
    read = list(Parquet().read(str(path), [(row, 0) for row in range(5)]))
    assert [read[0], read[3], read[4]] == [b"\0" * 50, b"", b"\4" * 50]
    for null in read[1:3]:
        assert isinstance(null, AudioError)
        assert (str(null.reason), null.detail) == ("empty", "the row has no audio, it is null")


def test_a_damaged_row_group_costs_its_own_rows_only(tmp_path: Path) -> None:
    path = write(tmp_path / "0.parquet", [ytid(number) for number in range(6)], [sound(n) for n in range(6)])
    column = next(
        column
        for number in range(pq.read_metadata(path).row_group(1).num_columns)
        if (column := pq.read_metadata(path).row_group(1).column(number)).path_in_schema == "audio.bytes"
    )
    first = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(path.read_bytes())
    data[first : first + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    assert len(entries(path)[0]) == 6
    read = list(Parquet().read(str(path), [(row, 0) for row in range(6)]))
    assert [isinstance(one, AudioError) for one in read] == [False, False, True, True, False, False]
    assert read[4] == b"\4" * 50


def test_a_row_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "0.parquet", [ytid(0)], [sound(0)])
    good, bad = Parquet().read(str(path), [(0, 0), (7, 0)])
    assert good == b"\0" * 50
    assert isinstance(bad, AudioError)
    assert bad.detail == f"{path} has 1 rows, row 7 was requested"


def test_sound_may_stand_in_a_column_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    pq.write_table(pa.table({"ytid": [ytid(0)], "audio": pa.array([b"abc"], pa.large_binary())}), path)
    assert [entry.ytid for entry in entries(path)[0]] == [ytid(0)]
    assert list(Parquet().read(str(path), [(0, 0)])) == [b"abc"]


def test_what_is_no_parquet_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "0.parquet").write_bytes(b"PAR1 it is not PAR1")
    found, strays = entries(tmp_path / "0.parquet")
    assert found == []
    assert strays.counts == {"unreadable parquet": 1}
