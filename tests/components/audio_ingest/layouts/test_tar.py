from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from components.audio_ingest.layouts.base import UNKNOWN_START, Entry, Strays
from components.audio_ingest.layouts.tar import Tar, WebDataset
from components.common.audio.errors import AudioError
from components.common.audio.places import FoundFile
from tests.components.audio_ingest.corpora import ytid

BLOCK = 512


def write(path: Path, members: list[tuple[str, bytes]], *odd: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in odd:
            archive.addfile(info)
    return path


def entries(path: Path, layout: Tar | None = None) -> tuple[list[Entry], Strays]:
    strays = Strays()
    return list((layout or Tar()).entries(FoundFile(str(path.parent), path.name, -1, 0.0), strays)), strays


def sounds(path: Path, found: list[Entry]) -> list[bytes | AudioError]:
    return list(Tar().read(str(path), [(entry.position, entry.size) for entry in found]))


def test_members_are_found_and_read_in_order(tmp_path: Path) -> None:
    members = [(f"audio/bal_train/{ytid(number)}.flac", bytes([number]) * 700) for number in range(5)]
    path = write(tmp_path / "0.tar", [*members, ("audio/README", b"?"), (".hidden.flac", b"?")])
    found, strays = entries(path)
    assert [(entry.ytid, entry.start_ms, entry.member, entry.size) for entry in found] == [
        (ytid(number), UNKNOWN_START, name, 700) for number, (name, _) in enumerate(members)
    ]
    assert strays.counts == {"no sound by its name": 1}
    assert sounds(path, found[1::2]) == [b"\1" * 700, b"\3" * 700]


def test_long_names_and_empty_members(tmp_path: Path) -> None:
    long = f"{'a' * 90}/{'b' * 90}/{ytid(3)}_30.000.flac"
    path = write(tmp_path / "0.tar", [(long, b"long"), (f"{ytid(0)}.flac", b"")])
    found, _ = entries(path)
    assert [(entry.ytid, entry.start_ms, entry.size) for entry in found] == [
        (ytid(3), 30_000, 4), (ytid(0), UNKNOWN_START, 0),
    ]  # fmt: skip
    assert sounds(path, found) == [b"long", b""]


def odd(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def test_members_that_climb_out_or_are_links_are_refused_by_name(tmp_path: Path) -> None:
    path = write(
        tmp_path / "0.tar",
        [
            (f"../../{ytid(0)}.flac", b"x"),
            (f"/etc/{ytid(1)}.flac", b"x"),
            (f"a/..\\{ytid(2)}.flac", b"x"),
            (f"a..b/{ytid(3)}.flac", b"good"),
        ],
        odd(f"{ytid(4)}.flac", tarfile.SYMTYPE),
        odd(f"{ytid(5)}.flac", tarfile.LNKTYPE),
        odd(f"{ytid(6)}.flac", tarfile.FIFOTYPE),
        odd(f"{ytid(7)}.flac", tarfile.CHRTYPE),
    )
    found, strays = entries(path)
    flawed = [entry.flaw for entry in found]
    assert flawed == ["unsafe", "unsafe", "unsafe", None, "unsafe", "unsafe", "unsafe", "unsafe"]
    assert found[3].ytid == ytid(3)
    assert strays.counts == {"unsafe member": 7}
    assert len(strays.examples["unsafe member"]) == 3


def test_a_tar_cut_short_keeps_what_is_before(tmp_path: Path) -> None:
    path = write(tmp_path / "0.tar", [(f"{ytid(number)}.flac", b"s" * 1000) for number in range(3)])
    # A header and two blocks each: the third member begins at block 6 and has 100 bytes of its body left.
    path.write_bytes(path.read_bytes()[: 7 * BLOCK + 100])
    found, strays = entries(path)
    assert strays.counts == {"tar cut short": 1}
    read = sounds(path, found)
    assert read[:2] == [b"s" * 1000] * 2
    for late in read[2:]:
        assert isinstance(late, AudioError)
        assert late.detail == f"{path} ends after 100 of the clip's 1000 bytes"


def test_a_damaged_header_costs_its_own_member_only(tmp_path: Path) -> None:
    path = write(tmp_path / "0.tar", [(f"{ytid(number)}.flac", b"s" * 1000) for number in range(4)])
    data = bytearray(path.read_bytes())
    data[3 * BLOCK : 4 * BLOCK] = b"\xff" * BLOCK
    path.write_bytes(data)
    found, _ = entries(path)
    assert [entry.ytid for entry in found] == [ytid(0), ytid(2), ytid(3)]
    assert sounds(path, found) == [b"s" * 1000] * 3


@pytest.mark.parametrize("data", [b"", b"no tar at all", b"\0" * 10_240])
def test_what_is_no_tar_holds_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "0.tar").write_bytes(data)
    found, strays = entries(tmp_path / "0.tar")
    assert found == []
    assert sum(strays.counts.values()) == 1


def test_zipped_tars_are_read_as_streams(tmp_path: Path) -> None:
    members = [(f"{ytid(number)}.flac", bytes([number]) * 3000) for number in range(4)]
    plain = write(tmp_path / "0.tar", members)
    zipped = tmp_path / "0.tar.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    found, strays = entries(zipped)
    assert (len(found), strays.counts) == (4, {})
    assert sounds(zipped, found) == [data for _, data in members]
    zipped.write_bytes(zipped.read_bytes()[:-40])
    cut, strays = entries(zipped)
    assert len(cut) < 4 or strays.counts
    assert any(isinstance(sound, AudioError) for sound in sounds(zipped, found))


def test_webdataset(tmp_path: Path) -> None:
    def said(**facts: object) -> bytes:
        return json.dumps(facts).encode()

    path = write(
        tmp_path / "0.tar",
        [
            ("000001.flac", b"one"),
            ("000001.json", said(video_id=ytid(1), labels=["/m/09x0r"])),
            ("000002.json", said(ytid=f"{ytid(2)}_30.000")),
            ("000002.wav", b"two"),
            (f"{ytid(3)}.flac", b"three"),
            (f"{ytid(3)}.json", b"{not json"),
            (f"{ytid(4)}.flac", b"four"),
            (f"{ytid(4)}.json", b"[1]"),
            (f"{ytid(4)}.wav", b"again"),
            (f"{ytid(5)}.json", said(id=ytid(5))),
            (f"{ytid(6)}.flac", b"six"),
        ],
    )
    found, strays = entries(path, WebDataset())
    assert [(entry.ytid, entry.start_ms, entry.member) for entry in found] == [
        (ytid(1), UNKNOWN_START, "000001.flac"),
        (ytid(2), 30_000, "000002.wav"),
        (ytid(3), UNKNOWN_START, f"{ytid(3)}.flac"),
        (ytid(4), UNKNOWN_START, f"{ytid(4)}.flac"),
        (ytid(6), UNKNOWN_START, f"{ytid(6)}.flac"),
    ]
    assert strays.counts == {"unreadable JSON": 1, "second sound of a key": 1}
    assert sounds(path, found) == [b"one", b"two", b"three", b"four", b"six"]
