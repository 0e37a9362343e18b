from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from components.common.audio import decoder_process, guarded
from components.common.audio.decode import DecodedAudio, decode
from components.common.audio.decode_job import DecodeJob
from components.common.audio.errors import AudioError, Reason
from components.common.audio.guarded import close_idle, decode_all
from tests.components.common.audio.sounds import sine, write_pyav, write_soundfile
from tests.components.common.audio.wicked_worker import PROGRAM
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    close_idle()
    yield
    close_idle()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return write_soundfile(tmp_path / "fine.wav", sine(1.0, 44_100, channels=2), 44_100)


def jobs(wav: Path, *names: str) -> list[DecodeJob]:
    """Copies of a clip by other names."""
    for name in names:
        wav.with_name(name).write_bytes(wav.read_bytes())
    return [DecodeJob(str(wav.with_name(name))) for name in names]


def told(outcomes: list[DecodedAudio | AudioError]) -> list[str]:
    return [str(one.reason) if isinstance(one, AudioError) else "sound" for one in outcomes]


def test_the_same_as_without_a_process(tmp_path: Path, wav: Path) -> None:
    m4a = write_pyav(tmp_path / "b.m4a", sine(2.0, 22_050), 22_050, "aac")
    (tmp_path / "empty.ogg").write_bytes(b"")
    known = AudioError(Reason.MISSING, "no such member")
    asked: list[DecodeJob | AudioError] = [
        DecodeJob(str(wav)),
        DecodeJob(str(m4a), start_seconds=0.5, max_seconds=0.25),
        known,
        DecodeJob(str(tmp_path / "empty.ogg")),
        DecodeJob("a.flac", m4a.read_bytes(), max_seconds=1.0),
        DecodeJob(str(wav), min_seconds=2.0),
    ]
    first, second, third, fourth, fifth, sixth = decode_all(iter(asked), 60.0)
    for outcome, expected in (
        (first, decode(wav)),
        (second, decode(m4a, start_seconds=0.5, max_seconds=0.25)),
        (fifth, decode(m4a, max_seconds=1.0)),
    ):
        assert isinstance(outcome, DecodedAudio)
        np.testing.assert_array_equal(outcome.samples, expected.samples)
        assert outcome.samples.dtype == np.int16
        assert (outcome.source_rate, outcome.source_channels) == (
            expected.source_rate,
            expected.source_channels,
        )
    assert third is known
    assert str(fourth) == "empty: the file has 0 bytes"
    assert str(sixth) == "too_short: 1.000 s, at least 2 s are needed"


def check_neighbours(wav: Path, names: list[str], timeout_s: float, reason: str, detail: str) -> None:
    """Decodes; clips whose name has a dash are bad for the reason, the others are as they should be."""
    outcomes = list(decode_all(jobs(wav, *names), timeout_s, PROGRAM))
    assert told(outcomes) == [reason if "-" in name else "sound" for name in names]
    expected = decode(wav).samples
    for outcome in outcomes:
        if isinstance(outcome, DecodedAudio):
            np.testing.assert_array_equal(outcome.samples, expected)
        else:
            assert outcome.detail == detail


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("segfaults-", "the decoder crashed (signal SIGSEGV)"),
        ("exits-", "the decoder crashed (exit code 3)"),
        ("raises-", "the decoder failed with LookupError: no such table"),
        ("exhausts-", "the decoder failed with MemoryError: "),
    ],
)
def test_a_clip_that_crashes_the_decoder_costs_no_neighbour(wav: Path, name: str, detail: str) -> None:
    names = ["a.wav", f"{name}1.wav", "b.wav", f"{name}2.wav", f"{name}3.wav", "c.wav", "d.wav", "e.wav"]
    check_neighbours(wav, names, 60.0, "crashed", detail)


@pytest.mark.parametrize("name", ["hangs-1.wav", "blocks-1.wav"])
def test_a_clip_that_hangs_the_decoder_costs_no_neighbour(wav: Path, name: str) -> None:
    names = ["a.wav", name, "b.wav", "c.wav", "d.wav", "e.wav"]
    check_neighbours(wav, names, 1.5, "timed_out", "decoding took longer than 1.5 s")


def test_a_process_that_does_not_even_end_itself(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "_GRACE_SECONDS", 0.2)
    outcomes = list(decode_all(jobs(wav, "stops.wav", "a.wav"), 1.0, PROGRAM))
    assert told(outcomes) == ["timed_out", "sound"]


def test_what_libraries_print_is_no_answer(wav: Path) -> None:
    assert told(list(decode_all(jobs(wav, "prints.wav", "a.wav"), 60.0, PROGRAM))) == ["sound", "sound"]


def test_bytes_larger_than_a_pipe_in_both_directions(wav: Path) -> None:
    # 2.9 MB each way a clip, four of them on their way at once.
    data = write_soundfile(wav.with_name("long.wav"), sine(90.0, 16_000), 16_000).read_bytes()
    outcomes = list(decode_all((DecodeJob("x.wav", data) for _ in range(6)), 60.0))
    assert told(outcomes) == ["sound"] * 6
    assert {len(one.samples) for one in outcomes if isinstance(one, DecodedAudio)} == {90 * 16_000}


def test_few_clips_are_asked_for_ahead(wav: Path) -> None:
    asked = []

    def source() -> Iterator[DecodeJob]:
        for number in range(20):
            asked.append(number)
            yield DecodeJob(str(wav))

    outcomes = decode_all(source(), 60.0)
    next(outcomes)
    assert len(asked) == 4
    list(outcomes)
    assert len(asked) == 20


def test_the_process_is_used_again_and_ended_with_what_nobody_waits_for(wav: Path) -> None:
    list(decode_all([DecodeJob(str(wav))], 60.0))
    ((_, _, first),) = guarded._idle
    outcomes = decode_all([DecodeJob(str(wav))] * 9, 60.0)
    next(outcomes)
    assert not guarded._idle and first.alive
    outcomes.close()  # type: ignore[attr-defined]
    assert not guarded._idle and not first.alive


def test_a_process_that_ended_for_want_of_work_is_replaced(wav: Path) -> None:
    hurried = (*PROGRAM, "hurried")
    # It ends at once, so each clip finds it gone; nobody is blamed for that at first.
    process = decoder_process.DecoderProcess(hurried)
    process._process.wait()
    guarded._idle.append((os.getpid(), PROGRAM, process))
    assert told(list(decode_all([DecodeJob(str(wav))], 60.0, PROGRAM))) == ["sound"]


def test_ending_for_want_of_work_just_when_asked_is_nobodys_fault(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = decoder_process.DecoderProcess((*PROGRAM, "hurried"))
    gone._process.wait()
    monkeypatch.setattr(guarded, "_lease", lambda program: gone)
    assert told(list(decode_all(jobs(wav, "a.wav", "b.wav"), 60.0, PROGRAM))) == ["sound", "sound"]


def test_a_process_that_cannot_start_says_why(wav: Path) -> None:
    with pytest.raises(RuntimeError, match=r"does not start: exit code 1; libsndfile is not here"):
        list(decode_all([DecodeJob(str(wav))], 60.0, (*PROGRAM, "refuses")))


def test_a_hanging_clip_does_not_outlive_a_killed_run(wav: Path) -> None:
    (job,) = jobs(wav, "hangs.wav")
    script = (
        "from components.common.audio.guarded import decode_all\n"
        "from components.common.audio.decode_job import DecodeJob\n"
        f"list(decode_all([DecodeJob({job.name!r})], 1.0, {PROGRAM!r}))\n"
    )
    run = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY)
    parent = psutil.Process(run.pid)
    try:
        while not (children := parent.children()):
            assert run.poll() is None
        run.kill()
        run.wait()
        # Its own alarm ends it after a second; without it this would wait in vain.
        gone, left = psutil.wait_procs(children, timeout=30)
        assert len(gone) == 1 and not left
    finally:
        run.kill()
        run.wait()
