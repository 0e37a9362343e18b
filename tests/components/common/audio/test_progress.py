from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from components.common.audio.errors import Reason
from components.common.audio.ingest_run import SummaryReader
from components.common.audio.progress import ClipProgress, Done, duration, watched
from components.common.audio.requests import quarantined
from components.common.audio.shard_writer import ShardSummary

LOGGER = logging.getLogger("tinytrill.test")


def write(folder: Path, name: str, clips: int, bad: int = 0, resumed: bool = False) -> None:
    left_out = [quarantined(f"bad{n}", "a.csv:4", Reason.SILENT, "why") for n in range(bad)]
    ShardSummary(
        clips={"train": clips},
        samples={"train": clips},
        quarantined={"train": left_out},
        digests=[],
        record_sum="0",
        resumed=resumed,
    ).write(folder, name)


def test_what_is_said(caplog: pytest.LogCaptureFixture) -> None:
    now = iter([0.0, 10.0, 20.0, 400.0])
    progress = ClipProgress(LOGGER, "Ingest", 5000, clock=lambda: next(now))
    with caplog.at_level(logging.INFO, "tinytrill.test"):
        progress.say(Done())  # nothing yet
        progress.say(Done(clips=495, bad=5))
        progress.say(Done(clips=495, bad=5))  # nothing new
        progress.say(Done(clips=1495, bad=5, resumed=800))
        progress.say(Done(clips=4960, bad=40, resumed=800))
    assert caplog.messages == [
        # 500 clips in 10 s; 4500 are left.
        "Ingest: 500 of 5000 clips (10 %), 50 clips/s, 1 % bad, 1 min 30 s left",
        # 700 of its own in 20 s; 3500 are left.
        "Ingest: 1500 of 5000 clips (30 %), 35 clips/s, 0.33 % bad, 800 of an earlier run, 1 min 40 s left",
        "Ingest: 5000 of 5000 clips (100 %), 10.5 clips/s, 0.8 % bad, 800 of an earlier run",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599.6, "1 h 00 min"), (37_000, "10 h 16 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_it_is_watched_while_the_work_goes_on_and_told_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    states = iter([Done(1), Done(2), Done(3)])
    read = threading.Event()
    last = Done()

    def look() -> Done:
        nonlocal last
        last = next(states, Done(4))
        if last == Done(3):
            read.set()
        return last

    with (
        caplog.at_level(logging.INFO, "tinytrill.test"),
        watched(ClipProgress(LOGGER, "Ingest", 4), look, every_s=0.001),
    ):
        assert read.wait(60)
    heads = [message.partition(",")[0] for message in caplog.messages]
    assert heads[:3] == [f"Ingest: {n} of 4 clips ({25 * n} %)" for n in (1, 2, 3)]
    assert heads[-1] == "Ingest: 4 of 4 clips (100 %)"
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_a_watch_ends_with_work_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), watched(ClipProgress(LOGGER, "Ingest", 4), Done, every_s=60):
        raise ZeroDivisionError
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_summaries_of_all_workers_are_added_up(tmp_path: Path) -> None:
    read = SummaryReader(str(tmp_path))
    assert read() == Done()
    write(tmp_path, "train-00000.json", 3, 1)
    (tmp_path / ".train-00001.json.partial").write_text("{")
    assert read() == Done(3, 1)
    write(tmp_path, "train-00001.json", 5, 0, resumed=True)
    assert read() == read() == Done(8, 1, resumed=5)
