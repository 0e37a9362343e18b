"""Damaged and odd files: each is taken or left out for its own reason, and costs no neighbour."""

from __future__ import annotations

import logging
import os
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio import guarded
from components.common.audio.decode import decode, decode_bytes
from components.common.audio.errors import AudioError, Reason
from components.common.store.shards import iterate_examples, list_shards
from schemas.records import Clip
from tests.components.audio_ingest.corpora import make_corpus, row
from tests.components.common.audio.bad_clips import OddFile, odd_files, silent_film, sparse_wav, whole
from tests.components.common.audio.sounds import sine, write_pyav, write_soundfile
from tests.components.common.audio.wicked_worker import PROGRAM
from tests.components.executors import run_ingest
from tests.conftest import REPOSITORY

ODD = odd_files()
SLOW_TO_WRITE = {"three_hours"}


def reason_of(path: Path, **limits: float) -> Reason | None:
    try:
        decode(path, **limits)
    except AudioError as error:
        assert error.detail
        return error.reason
    return None


@pytest.mark.parametrize(
    "odd", [odd for odd in ODD if odd.name not in SLOW_TO_WRITE], ids=lambda odd: odd.name
)
def test_each_has_its_reason(odd: OddFile, tmp_path: Path) -> None:
    path = tmp_path / f"-{odd.name}.{odd.extension}"
    odd.write(path)
    assert reason_of(path, max_seconds=1.0, min_seconds=0.1) == odd.reason


def test_only_the_wanted_part_of_a_long_file_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sparse_wav(path)
    assert path.stat().st_size > 2_000_000_000
    tracemalloc.start()
    try:
        audio = decode(path, start_seconds=0.5, max_seconds=1.0)
        assert reason_of(path, start_seconds=10_000.0, max_seconds=1.0) is Reason.SILENT
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(audio.samples) == 16_000
    # 57,200 frames of stereo float32 are 0.5 MB; the whole would be 4.1 GB.
    assert peak < 5_000_000


def test_of_many_channels_one_block_is_held_at_a_time(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(2.0, 192_000, channels=32), 192_000)
    whole_bytes = 2 * 192_000 * 32 * 4
    tracemalloc.start()
    try:
        audio = decode(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (audio.source_channels, len(audio.samples)) == (32, 32_000)
    assert peak < 0.8 * whole_bytes
    expected = decode(write_soundfile(tmp_path / "b.wav", sine(2.0, 192_000), 192_000)).samples
    assert np.abs(audio.samples.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("extension", ["m4a", "webm"])
def test_a_clip_far_within_a_container_is_jumped_to(tmp_path: Path, extension: str) -> None:
    rate, codec = (8_000, "aac") if extension == "m4a" else (48_000, "libopus")
    # Each second has its own pitch, so that a jump to another place is heard.
    steps = np.concatenate([sine(1.0, rate, 200 + 20 * second) for second in range(75)])
    path = write_pyav(tmp_path / f"a.{extension}", steps, rate, codec)
    here = decode(path, start_seconds=70.25, max_seconds=0.5).samples.astype(int)
    there = decode(path).samples[round(70.25 * 16_000) :][: len(here)].astype(int)
    assert len(here) == 8_000
    # A container that tells the time in milliseconds may be half of one off; an AAC decoder is exact.
    shift = max(range(-8, 9), key=lambda by: float(np.dot(np.roll(here, by)[100:-100], there[100:-100])))
    assert abs(shift) <= (8 if extension == "webm" else 0)
    assert np.abs(np.roll(here, shift) - there)[200:-200].max() <= 40


def test_a_list_does_not_make_the_decoder_open_other_files(tmp_path: Path) -> None:
    secret = whole("flac", tmp_path / "secret.flac")
    listed = f"ffconcat version 1.0\nfile {secret.name}\n"
    (tmp_path / "a.m4a").write_text(listed)
    assert reason_of(tmp_path / "a.m4a") is Reason.UNDECODABLE
    with pytest.raises(AudioError, match="undecodable"):
        decode_bytes(f"#EXTM3U\n#EXTINF:1,\n{secret}\n".encode(), "a.m4a")


def test_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole("m4a", tmp_path / "http:clip.m4a")
    assert reason_of(Path("http:clip.m4a")) is None


@pytest.mark.parametrize("rate", [300, 4_000_000])
def test_impossible_rates(tmp_path: Path, rate: int) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(0.5, 16_000), rate)
    with pytest.raises(AudioError, match=rf"undecodable: sample rate {rate} Hz; accepted: 1000 to 768000 Hz"):
        decode(path)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Without the superuser's rights, whom permissions do not stop."""
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("extension", ["wav", "m4a"])
def test_permission(extension: str, nobody: None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = whole(extension, Path(folder) / f"a.{extension}")
        assert reason_of(path) is None
        path.chmod(0)
        with pytest.raises(AudioError, match=r"unreadable: .*Permission denied.*a\."):
            decode(path)


def test_a_member_of_a_container_is_told_as_a_file_is(tmp_path: Path) -> None:
    silent_film(tmp_path / "film.mp4")
    for data, name, reason in (
        (b"", "a.flac", Reason.EMPTY),
        ((tmp_path / "film.mp4").read_bytes(), "film.mp4", Reason.NO_AUDIO),
        (b"not sound" * 99, "a.flac", Reason.UNDECODABLE),
    ):
        with pytest.raises(AudioError) as caught:
            decode_bytes(data, name)
        assert caught.value.reason is reason


@pytest.mark.slow
def test_a_corpus_of_them_is_counted_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_corpus(tmp_path / "c", 8, 1)
    folder = root / "audios/balanced_train_segments"
    expected, rows = Counter[str](duplicate=1), ""
    for number, odd in enumerate(ODD):
        ytid = f"-odd{number:07d}"
        odd.write(folder / f"Y{ytid}.{odd.extension}")
        rows += row(ytid)
        # A folder is listed as one: no clip is found by its name.
        expected["missing" if odd.name == "link_to_folder" else str(odd.reason or "taken")] += 1
    for ytid, reason in (("hangs_clip1", "timed_out"), ("segfaults_1", "crashed")):
        whole("wav", folder / f"Y{ytid}.wav")
        rows += row(ytid)
        expected[reason] += 1
    rows += row("-odd0000000")
    with (root / "balanced_train_segments.csv").open("a") as file:
        file.write(rows)
    monkeypatch.setattr(
        "components.common.audio.sounds.decode_all", partial(guarded.decode_all, program=PROGRAM)
    )
    settings = AudioIngestSettings(
        root=str(root), max_bad_share=1.0, decode_timeout_seconds=2.0, shard_clips=12
    )
    with caplog.at_level(logging.INFO, "tinytrill.ingest"):
        examples, report = run_ingest(Executor, settings, tmp_path)

    counts, taken = report.splits["train"], expected.pop("taken")
    assert counts.quarantined == dict(sorted(expected.items()))
    assert counts.clips == 8 + taken
    found = [Clip.from_example(example) for example in iterate_examples(list_shards(examples.uri, "train"))]
    assert len(found) == len({clip.clip_id for clip in found}) == 8 + taken
    wanted = {f"-odd{number:07d}_30000_31000" for number, odd in enumerate(ODD) if odd.reason is None}
    assert wanted <= {clip.clip_id for clip in found}
    assert all(len(clip.audio) <= 16_000 and np.abs(clip.audio).max() > 1000 for clip in found)

    work = report.work
    assert work is not None
    assert work.clips == counts.clips + 1  # one of the eval split
    assert (work.bad, work.resumed) == (work.counters["bad"], 0)
    assert work.counters["clips"] == work.clips
    assert work.counters["bad_crashed"] == work.counters["bad_timed_out"] == 1
    # The clip that comes twice, and the one that is a folder, are never decoded.
    assert work.bad + 2 == sum(counts.quarantined.values())
    assert work.counters["clip_ms_max"] >= 1900  # the one that hung
    assert examples.get_int_custom_property("clips") == work.clips
    assert examples.get_float_custom_property("audio_seconds") == pytest.approx(work.audio_seconds)
    assert 0 < work.clips_per_second == examples.get_float_custom_property("clips_per_second")
    last = [message for message in caplog.messages if message.startswith("AudioIngest: ")][-1]
    assert f"{work.clips + work.bad} of {work.clips + work.bad} clips (100 %)" in last


def test_each_reason_is_explained() -> None:
    page = (REPOSITORY / "docs/audioset_scale.md").read_text()
    assert [reason for reason in Reason if f"| `{reason}` |" not in page] == []
