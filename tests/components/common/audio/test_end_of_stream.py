"""What counts is where the sound ends, and not what the header says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.audio.decode import decode, decode_bytes
from components.common.audio.errors import AudioError, Reason
from tests.components.common.audio import wrong_headers as make
from tests.components.common.audio.sounds import dominant_hertz, sine

BOTH = 5.0
FILES = {
    "chain.ogg": lambda: make.chained("VORBIS"),
    "chain.opus": lambda: make.chained("OPUS"),
    "chain_flac.ogg": lambda: make.chained("FLAC"),
    "chain_of_two_rates.ogg": lambda: make.chained("VORBIS", 48_000),
    "chain_of_two_rates.opus": lambda: make.chained("OPUS", 48_000),
    "joined.mp3": make.joined_mp3,
    "counts_few.mp3": lambda: make.counted_mp3(20),
    "counts_many.mp3": lambda: make.counted_mp3(100_000),
    "piped.flac": lambda: make.counted_flac(0),
    "counts_few.flac": lambda: make.counted_flac(16_000),
    "counts_many.flac": lambda: make.counted_flac(900_000),
    "size_0.wav": lambda: make.sized("WAV", 0),
    "size_unknown.wav": lambda: make.sized("WAV", 0xFFFFFFFF),
    "size_too_large.wav": lambda: make.sized("WAV", 999_999),
    "size_too_small.wav": lambda: make.sized("WAV", 32_000),
    "size_odd.wav": lambda: make.sized("WAV", 32_001),
    "size_0_rf64.wav": lambda: make.sized("RF64", 0),
    "size_0_gsm.wav": lambda: make.sized("WAV", 0, "GSM610", 8_000),
    "size_0_ulaw.wav": lambda: make.sized("WAV", 0, "ULAW", 8_000),
    "size_0_ima.wav": lambda: make.sized("WAV", 0, "IMA_ADPCM", 8_000),
    "size_0.aiff": lambda: make.sized("AIFF", 0),
    "size_too_small.aiff": lambda: make.sized("AIFF", 16_000),
    "size_0.au": lambda: make.sized("AU", 0),
    "size_unknown.au": lambda: make.sized("AU", 0xFFFFFFFF),
    "gsm.wav": lambda: make.whole("WAV", "GSM610", 8_000),
    "g721.wav": lambda: make.whole("WAV", "G721_32", 8_000),
    "ms_adpcm.wav": lambda: make.whole("WAV", "MS_ADPCM", 8_000),
    "alaw.wav": lambda: make.whole("WAV", "ALAW", 8_000),
    "without_length.webm": lambda: make.by_ffmpeg(
        np.concatenate(make.two_tones(48_000)), 48_000, "libopus", "webm", live="1"
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("held", [False, True], ids=["file", "bytes"])
def test_read_to_the_end(name: str, held: bool, tmp_path: Path) -> None:
    data = FILES[name]()
    path = tmp_path / name
    path.write_bytes(data)

    def heard(start: float = 0.0, seconds: float = np.inf) -> np.ndarray:
        limits = {"start_seconds": start, "max_seconds": seconds}
        return (decode_bytes(data, name, **limits) if held else decode(path, **limits)).samples

    everything = heard()
    assert len(everything) / 16_000 == pytest.approx(BOTH, abs=0.2)  # MP3: the padding of both parts
    assert dominant_hertz(everything[: 2 * 16_000]) == pytest.approx(440, abs=2)
    assert dominant_hertz(everything[-2 * 16_000 :]) == pytest.approx(900, abs=2)
    # A clip within it, beyond what the header knows.
    part = heard(3.0, 1.0)
    assert len(part) == 16_000
    assert dominant_hertz(part) == pytest.approx(900, abs=2)
    assert len(heard(4.0, 10.0)) / 16_000 == pytest.approx(1.0, abs=0.2)
    with pytest.raises(AudioError, match=r"begins at 9 s, the file ends at (4\.9|5)") as late:
        heard(9.0, 1.0)
    assert late.value.reason is Reason.TOO_SHORT


def test_variable_rate_without_a_header(tmp_path: Path) -> None:
    data = make.variable_mp3()
    assert b"Xing" not in data and b"Info" not in data

    assert decode_bytes(data, "vbr.mp3").duration_s == pytest.approx(12.0, abs=0.15)
    assert decode_bytes(data, "vbr.mp3", start_seconds=11.0, max_seconds=5.0).duration_s == pytest.approx(
        1.0, abs=0.15
    )


def test_a_chunk_after_the_sound_is_no_sound() -> None:
    chunk = b"LIST" + (400).to_bytes(4, "little") + bytes(400)
    data = make.whole("WAV", "PCM_16") + chunk
    assert decode_bytes(data, "with_list.wav").duration_s == BOTH


def test_a_tag_after_the_sound_is_no_sound() -> None:
    data = make.whole("MP3", "MPEG_LAYER_III")
    tagged = data + b"TAG" + bytes(125)
    assert np.array_equal(decode_bytes(tagged, "a.mp3").samples, decode_bytes(data, "a.mp3").samples)


@pytest.mark.parametrize(
    ("name", "container", "options"),
    [
        ("cut.m4a", "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
        ("cut.aac", "adts", {}),
        ("cut.mka", "matroska", {}),
    ],
)
def test_of_a_cut_file_the_rest_is_taken(name: str, container: str, options: dict[str, str]) -> None:
    data = make.by_ffmpeg(sine(6.0, 16_000), 16_000, "aac", container, None, **options)
    found = decode_bytes(data[: len(data) * 2 // 3], name)
    assert 2.5 < found.duration_s < 4.5
    assert dominant_hertz(found.samples) == pytest.approx(440, abs=2)
