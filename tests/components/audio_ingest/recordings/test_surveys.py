"""How recordings are measured and cut."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import soundfile

from components.audio_ingest.recordings.preference import score, syllable_modulation
from components.audio_ingest.recordings.survey import Survey, cut, survey
from components.audio_ingest.recordings.surveys import survey_all
from components.audio_ingest.settings import RecordingSettings
from components.common.audio.places import list_files
from tests.components.common.audio.sounds import sine, write_soundfile

RATE = 16_000


def settings(**given: Any) -> RecordingSettings:
    return RecordingSettings(**given)


def of_seconds(seconds: float, scores: list[float] | None = None) -> Survey:
    return Survey(round(seconds * RATE), scores or [])


@pytest.mark.parametrize(
    ("seconds", "given", "segments"),
    [
        (25.0, {}, [(0, 10), (10, 20), (20, 25)]),
        (20.5, {}, [(0, 10), (10, 20)]),  # half a second is left out
        (20.5, {"min_rest_seconds": 0.5}, [(0, 10), (10, 20), (20, 20.5)]),
        (0.3, {}, [(0, 0.3)]),
        (10.0, {}, [(0, 10)]),
        (0.0, {}, [(0, 10)]),  # the decoder says why
        (7.0, {"segment_seconds": 3}, [(0, 3), (3, 6), (6, 7)]),
        (2.1, {"segment_seconds": 0.7}, [(0, 0.7), (0.7, 1.4), (1.4, 2.1)]),
        (60.0, {"most_segments": 2}, [(10, 20), (40, 50)]),  # the middles of two halves of six segments
    ],
)
def test_cuts_into_segments_of_fixed_length(
    seconds: float, given: dict[str, Any], segments: list[tuple[float, float]]
) -> None:
    assert np.array(cut(of_seconds(seconds), settings(**given))) == pytest.approx(np.array(segments))


def test_takes_the_preferred_segments_in_their_order() -> None:
    found = of_seconds(40.0, [0.1, 0.8, 0.3, 0.9])
    assert cut(found, settings(most_segments=2, prefer="loud")) == [(10, 20), (30, 40)]
    assert cut(found, settings(most_segments=4, prefer="loud")) == [(0, 10), (10, 20), (20, 30), (30, 40)]


def test_a_preference_among_all_is_refused() -> None:
    with pytest.raises(
        ValueError, match="prefer is 'loud' and most_segments is 0, so all segments are taken"
    ):
        settings(prefer="loud")


def test_reads_the_true_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.audio_ingest.recordings.survey._PIECE_SECONDS", 2.0)
    sizes = {"exact": 4.0, "longer": 4.0 + 1 / 8000, "short": 0.25, "silent": 3.0}
    for name, seconds in sizes.items():
        tone = sine(seconds, 8000, 300) * (name != "silent")
        write_soundfile(tmp_path / f"{name}.wav", tone, 8000)
    # A header of a stream that was cut off before anybody knew its length.
    with wave.open(str(tmp_path / "stream.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(range(250)) * 96)  # 12,000 frames
    data = bytearray((tmp_path / "stream.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4
    (tmp_path / "stream.wav").write_bytes(data)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    names = [*sizes, "stream", "broken", "absent"]
    found = survey([str(tmp_path / f"{name}.wav") for name in names], settings(segment_seconds=1), 60)
    assert [round(one.seconds, 3) for one in found] == [4.0, 4.0, 0.25, 3.0, 1.5, 0.0, 0.0]
    assert [one.samples - 64_000 for one in found[:2]] == [0, 2]
    assert all(not one.fault and not one.scores for one in found)


def test_scores_each_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.audio_ingest.recordings.survey._PIECE_SECONDS", 2.0)
    tone = np.concatenate([sine(1, RATE, 300) * level for level in (0.1, 1.0, 0.5)])
    write_soundfile(tmp_path / "a.wav", tone, RATE)
    (found,) = survey(
        [str(tmp_path / "a.wav")], settings(segment_seconds=1, most_segments=1, prefer="loud"), 60
    )
    # 20 log10 of the levels' ratios; a sine of amplitude a has a^2 / 2.
    assert np.diff(found.scores) == pytest.approx([20, -6.02], abs=0.05)


def test_speech_is_told_from_what_does_not_swell() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(10 * RATE) / RATE
    noise = rng.normal(0, 0.1, len(time)).astype(np.float32)
    syllables = (noise * (1 + np.sin(2 * np.pi * 4 * time)) / 2).astype(np.float32)
    flutter = (noise * (1 + np.sin(2 * np.pi * 15 * time)) / 2).astype(np.float32)
    tones = np.array([[440.0], [550.0], [660.0]])
    chord = (0.1 * np.sin(2 * np.pi * tones * time).sum(axis=0)).astype(np.float32)
    shares = [syllable_modulation(one) for one in (syllables, noise, flutter, chord)]
    assert shares[0] > 2 * max(shares[1:])
    assert syllable_modulation(syllables[:100]) == 0.0
    assert syllable_modulation(np.zeros(RATE, np.float32)) == 0.0
    assert score((32767 * syllables).astype(np.int16), "speech") == pytest.approx(shares[0], abs=1e-3)


def test_a_recording_is_read_once_and_again_if_it_changed(tmp_path: Path) -> None:
    sound, lists = tmp_path / "sound", tmp_path / "lists"
    for number in range(3):
        write_soundfile(sound / f"{number}.wav", sine(1 + number, RATE, 300), RATE)
    runs = []

    def make_pipeline() -> beam.Pipeline:
        runs.append(1)
        return beam.Pipeline(runner="FnApiRunner")

    def seconds(**given: Any) -> list[float]:
        files = list(list_files(str(sound), status=True))
        return [one.seconds for one in survey_all(files, settings(**given), 60, lists, make_pipeline)]

    assert (seconds(), seconds(segment_seconds=3), len(runs)) == ([1, 2, 3], [1, 2, 3], 1)
    write_soundfile(sound / "1.wav", sine(5, RATE, 300), RATE)
    assert (seconds(), len(runs)) == ([1, 5, 3], 2)
    assert (seconds(prefer="loud", most_segments=1), len(runs)) == ([1, 5, 3], 3)
    (sound / "0.wav").unlink()
    assert (seconds(), len(runs)) == ([5, 3], 4)  # what no run asked for was forgotten


def test_real_recordings_are_read_to_their_ends(shared_data: Path) -> None:
    files = list(list_files(str(shared_data / "mini_audioset/audios")))[:8]
    found = survey([file.path for file in files], settings(), 60)
    expected = [soundfile.info(file.path).duration for file in files]
    assert [one.seconds for one in found] == pytest.approx(expected, abs=1e-3)
