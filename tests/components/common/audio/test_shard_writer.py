from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from components.common.audio.clip_statistics import CorpusTally
from components.common.audio.decode import DecodedAudio, decode
from components.common.audio.errors import AudioError, Reason
from components.common.audio.kept_shards import KeptShards
from components.common.audio.requests import ClipRequest, Shard
from components.common.audio.settings import IntakeSettings
from components.common.audio.shard_writer import ShardSummary, ShardWriter, collect_summaries
from components.common.audio.sounds import decode_files
from components.common.store.shards import iterate_examples, list_shards
from schemas.records import Clip
from tests.components.common.audio.sounds import sine, write_soundfile


def to_example(request: ClipRequest, audio: DecodedAudio) -> bytes:
    return Clip(request.clip_id, audio.samples, (), audio.source_rate).to_example()


def kept_elsewhere(
    requests: Sequence[ClipRequest], settings: IntakeSettings
) -> Iterator[DecodedAudio | AudioError]:
    for request in requests:
        if request.clip_id == "bad":
            yield AudioError(Reason.UNDECODABLE, f"no less than {settings.min_seconds} s")
        else:
            yield DecodedAudio(np.full(len(request.clip_id), 7, np.int16), 8_000, 1)


def one_too_few(
    requests: Sequence[ClipRequest], settings: IntakeSettings
) -> Iterator[DecodedAudio | AudioError]:
    yield from list(kept_elsewhere(requests, settings))[1:]


def run(
    folder: Path, writer: ShardWriter, requests: Sequence[ClipRequest]
) -> tuple[list[Clip], ShardSummary]:
    (folder / "shards").mkdir()
    writer.process(Shard("train", 0, 1, tuple(requests)))
    clips = [Clip.from_example(example) for example in iterate_examples(list_shards(str(folder), "train"))]
    (summary,) = collect_summaries(folder / "shards")
    return clips, summary


def test_clips_of_files(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(2.0, 16_000), 16_000)
    requests = [
        ClipRequest("train", "start", str(path), "a.csv:1", 0.5),
        ClipRequest("train", "later", str(path), "a.csv:2", 0.5, start_seconds=1.0),
        ClipRequest("train", "outside", str(path), "a.csv:3", 0.5, start_seconds=3.0),
    ]
    writer = ShardWriter(str(tmp_path), str(tmp_path / "shards"), IntakeSettings(), to_example)
    clips, summary = run(tmp_path, writer, requests)
    assert [clip.clip_id for clip in clips] == ["start", "later"]
    whole = decode(path).samples
    np.testing.assert_array_equal(clips[0].audio, whole[:8_000])
    np.testing.assert_array_equal(clips[1].audio, whole[16_000:24_000])
    assert (summary.clips, summary.samples) == ({"train": 2}, {"train": 16_000})
    (left_out,) = summary.quarantined["train"]
    assert (left_out.clip_id, left_out.source, left_out.reason) == ("outside", "a.csv:3", "too_short")


def test_a_kept_shard_brings_its_statistics_to_another_place(tmp_path: Path) -> None:
    requests = [ClipRequest("train", name, "", f"kept:{name}", 1.0) for name in ("one", "bad", "three")]
    kept = KeptShards(str(tmp_path / "scratch"), "C")
    found = []
    for index in (0, 3):
        folder = tmp_path / str(index)
        writer = ShardWriter(
            str(folder), str(folder / "shards"), IntakeSettings(), to_example,
            read_sounds=kept_elsewhere, kept=kept, labels_of=no_label,
        )  # fmt: skip
        (folder / "shards").mkdir(parents=True)
        writer.process(Shard("train", index, 4, requests, keys=("k", "l", "m")))
        tally = CorpusTally()
        (summary,) = collect_summaries(folder / "shards", tally)
        assert (summary.statistics, summary.resumed) == (None, index == 3)
        assert tally.splits["train"].source_rates == {8_000: 2}
        ((place, digests),) = tally.digests.items()
        assert place == ("train", index)
        found.append(digests.tolist())
    hashes = [hashlib.sha256(np.full(length, 7, "<i2").tobytes()).digest() for length in (3, 5)]
    expected = [int.from_bytes(digest[:8], "little") for digest in hashes]
    assert found == [expected, expected]


def no_label(request: ClipRequest) -> tuple[str, ...]:
    return ()


def test_clips_that_are_not_files(tmp_path: Path) -> None:
    requests = [ClipRequest("train", name, "", f"kept:{name}", 1.0) for name in ("one", "bad", "three")]
    writer = ShardWriter(
        str(tmp_path), str(tmp_path / "shards"), IntakeSettings(min_seconds=0.2), to_example,
        with_digests=True, read_sounds=kept_elsewhere,
    )  # fmt: skip
    clips, summary = run(tmp_path, writer, requests)
    assert [(clip.clip_id, len(clip.audio), clip.source_rate) for clip in clips] == [
        ("one", 3, 8_000), ("three", 5, 8_000),
    ]  # fmt: skip
    assert summary.quarantined["train"][0].detail == "no less than 0.2 s"
    assert [digest.source for digest in summary.digests] == ["kept:one", "kept:three"]


def test_a_sound_for_each_request_or_nothing_is_written(tmp_path: Path) -> None:
    requests = [ClipRequest("train", name, "", "", 1.0) for name in ("one", "two")]
    writer = ShardWriter(
        str(tmp_path),
        str(tmp_path / "shards"),
        IntakeSettings(),
        to_example,
        read_sounds=one_too_few,
    )
    with pytest.raises(ValueError, match="shorter"):
        run(tmp_path, writer, requests)
    assert not list_shards(str(tmp_path), "train")


def test_the_settings_decide_what_is_too_short(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(0.5, 16_000), 16_000)
    requests = [ClipRequest("train", "a", str(path), "", 1.0)]
    (fine,) = decode_files(requests, IntakeSettings(min_seconds=0.5))
    (short,) = decode_files(requests, IntakeSettings(min_seconds=0.6))
    (silent,) = decode_files(requests, IntakeSettings(silence_peak=0.6))
    assert isinstance(fine, DecodedAudio)
    assert isinstance(short, AudioError) and short.reason is Reason.TOO_SHORT
    assert isinstance(silent, AudioError) and silent.reason is Reason.SILENT
