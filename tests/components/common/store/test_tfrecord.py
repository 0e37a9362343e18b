"""The files are TensorFlow's, and damage is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from components.common.store.tfrecord import DamagedFile, RecordWriter, read_frames, read_records

RECORDS = [b"", b"a", bytes(range(256)) * 9, b"z" * 70_000]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with RecordWriter(tmp_path / "ours") as writer:
        for record in RECORDS:
            writer.write(record)
    return tmp_path / "ours"


def test_the_bytes_are_those_of_tensorflow(file: Path, tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert file.read_bytes() == (tmp_path / "theirs").read_bytes()
    assert list(read_records(tmp_path / "theirs")) == RECORDS
    assert list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator()) == RECORDS


def test_frames_are_lengths_and_checksums(file: Path, tmp_path: Path) -> None:
    frames = list(read_frames(file))
    assert [int.from_bytes(frame[:8], "little") for frame in frames] == [0, 1, 2304, 70_000]
    assert len(set(frames)) == 4 and {len(frame) for frame in frames} == {16}
    (tmp_path / "empty").touch()
    assert list(read_frames(tmp_path / "empty")) == list(read_records(tmp_path / "empty")) == []


# The second record begins at byte 16, the third at 33: its length, checksum, 2304 bytes, checksum.
@pytest.mark.parametrize("byte", [33, 41, 45, 1000, 45 + 2304])
def test_a_changed_byte_is_seen(file: Path, byte: int) -> None:
    content = bytearray(file.read_bytes())
    content[byte] ^= 4
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match="ours: the record at byte 33 is damaged"):
        list(read_records(file))


@pytest.mark.parametrize("size", [34, 44, 45, 1000, 2350])
@pytest.mark.parametrize("read", [read_records, read_frames])
def test_a_cut_file_is_seen(file: Path, size: int, read: type) -> None:
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(DamagedFile, match="ours: the file ends within the record at byte 33"):
        list(read(file))
