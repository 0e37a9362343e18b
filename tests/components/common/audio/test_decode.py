from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from components.common.audio.decode import decode, from_samples
from components.common.audio.errors import AudioError, Reason
from components.common.audio.formats import supported_formats
from components.common.audio.resample import to_mono, to_pcm
from tests.components.common.audio.bad_clips import silent_film
from tests.components.common.audio.sounds import dominant_hertz, sine, write_pyav, write_soundfile


def refusal(path: Path, **options: float) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decode(path, **options)
    return caught.value


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "opus"])
def test_libsndfile_formats(tmp_path: Path, extension: str) -> None:
    rate = 48_000 if extension == "opus" else 44_100
    path = write_soundfile(tmp_path / f"a.{extension}", sine(2.0, rate), rate)
    audio = decode(path)
    assert audio.samples.dtype == np.int16
    assert audio.source_rate == rate
    assert audio.duration_s == pytest.approx(2.0, abs=0.25)
    assert dominant_hertz(audio.samples) == pytest.approx(440, abs=2)
    assert np.abs(audio.samples).max() == pytest.approx(16384, rel=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.m4a", "aac", 44_100), ("a.mp4", "aac", 22_050), ("a.webm", "libopus", 48_000)],
)
def test_pyav_formats(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    path = write_pyav(tmp_path / name, sine(2.0, rate, channels=2), rate, codec, "stereo")
    audio = decode(path)
    assert (audio.source_rate, audio.source_channels) == (rate, 2)
    assert audio.duration_s == pytest.approx(2.0, abs=0.1)
    assert dominant_hertz(audio.samples) == pytest.approx(440, abs=2)
    assert np.percentile(np.abs(audio.samples), 99) == pytest.approx(16384, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channel_count(tmp_path: Path, rate: int, channels: int) -> None:
    audio = decode(
        write_soundfile(tmp_path / "a.wav", sine(1.0, rate, channels=channels), rate, subtype="FLOAT")
    )
    assert (audio.source_rate, audio.source_channels) == (rate, channels)
    assert len(audio.samples) == 16_000
    expected = to_pcm(sine(1.0, 16_000)[:, 0])
    # Away from the ends the resampled mean of the channels is the sine itself.
    assert np.abs(audio.samples[500:-500].astype(int) - expected[500:-500].astype(int)).max() <= 40


def test_16_khz_int16_is_unchanged(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 16_000).astype(np.int16)
    path = tmp_path / "a.flac"
    soundfile.write(path, samples, 16_000)
    np.testing.assert_array_equal(decode(path).samples, samples)


def test_loud_floats_are_clipped_not_wrapped(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(0.5, 16_000, amplitude=3.0), 16_000, subtype="FLOAT")
    samples = decode(path).samples
    assert (samples.min(), samples.max()) == (-32768, 32767)
    assert np.array_equal(np.sign(samples[5:30]), np.sign(sine(0.5, 16_000)[5:30, 0]).astype(int))


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_longer_files_are_cut_from_their_start(tmp_path: Path, name: str) -> None:
    low_then_high = np.concatenate([sine(1.0, 44_100, 300), sine(1.0, 44_100, 3000)])
    if name == "a.wav":
        path = write_soundfile(tmp_path / name, low_then_high, 44_100)
    else:
        path = write_pyav(tmp_path / name, low_then_high, 44_100, "aac")
    audio = decode(path, max_seconds=0.9)
    assert audio.duration_s == pytest.approx(0.9, abs=0.001)
    assert dominant_hertz(audio.samples) == pytest.approx(300, abs=3)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "opus", "m4a", "webm"])
def test_a_clip_within_a_file(tmp_path: Path, extension: str) -> None:
    rate = 48_000 if extension in ("opus", "webm") else 32_000
    sweep = np.concatenate([sine(1.0, rate, hertz) for hertz in (300, 900, 2700)])
    path = tmp_path / f"a.{extension}"
    if extension in ("m4a", "webm"):
        write_pyav(path, sweep, rate, "aac" if extension == "m4a" else "libopus")
    else:
        write_soundfile(path, sweep, rate)
    audio = decode(path, start_seconds=1.2, max_seconds=0.6)
    assert len(audio.samples) == 9600
    assert dominant_hertz(audio.samples) == pytest.approx(900, abs=3)
    whole = decode(path).samples[19_200:28_800].astype(int)
    # Away from the cuts, which the resampler smooths.
    assert np.abs(audio.samples.astype(int) - whole)[200:-200].max() <= 1
    assert decode(path, start_seconds=2.5).duration_s == pytest.approx(0.5, abs=0.25)


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_a_clip_past_the_end(tmp_path: Path, name: str) -> None:
    if name == "a.wav":
        path = write_soundfile(tmp_path / name, sine(1.0, 16_000), 16_000)
    else:
        path = write_pyav(tmp_path / name, sine(1.0, 16_000), 16_000, "aac")
    error = refusal(path, start_seconds=2.5)
    assert error.reason is Reason.TOO_SHORT
    assert error.detail.startswith("the clip begins at 2.5 s, the file ends at 1")


def test_samples_that_are_no_file_are_checked_like_a_file(tmp_path: Path) -> None:
    samples = sine(0.5, 44_100, channels=2)
    path = write_soundfile(tmp_path / "a.wav", samples, 44_100, subtype="FLOAT")
    made = from_samples(samples, 44_100)
    assert (made.source_rate, made.source_channels) == (44_100, 2)
    np.testing.assert_array_equal(made.samples, decode(path).samples)
    with pytest.raises(AudioError, match=r"too_short: 0\.500 s, at least 1 s are needed"):
        from_samples(samples, 44_100, min_seconds=1.0)
    with pytest.raises(AudioError, match="silent: peak 0"):
        from_samples(samples * 0, 44_100)
    with pytest.raises(AudioError, match="empty: there are no samples"):
        from_samples(samples[:0], 44_100)
    with pytest.raises(AudioError, match="non_finite: 44100 of 44100 samples"):
        from_samples(samples * np.nan, 44_100)


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    m4a = write_pyav(tmp_path / "b.m4a", sine(1.0, 44_100), 44_100, "aac")
    flac = write_soundfile(tmp_path / "b.flac", sine(1.0, 44_100), 44_100)
    for source, name in [(m4a, "m4a.wav"), (flac, "flac.m4a"), (flac, "flac.mp3")]:
        path = tmp_path / name
        path.write_bytes(source.read_bytes())
        assert decode(path).duration_s == pytest.approx(1.0, abs=0.05)


def test_missing(tmp_path: Path) -> None:
    error = refusal(tmp_path / "no.wav")
    assert error.reason is Reason.MISSING
    assert "no.wav" in error.detail
    assert refusal(tmp_path).reason is Reason.NOT_A_FILE


def test_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(b"")
    error = refusal(tmp_path / "a.ogg")
    assert (error.reason, error.detail) == (Reason.EMPTY, "the file has 0 bytes")


def test_no_samples(tmp_path: Path) -> None:
    error = refusal(write_soundfile(tmp_path / "a.wav", np.zeros((0, 1), np.float32), 16_000))
    assert (error.reason, error.detail) == (Reason.EMPTY, "there are no samples")


@pytest.mark.parametrize("extension", ["wav", "mp3", "m4a", "flac"])
def test_noise_bytes_are_undecodable(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(np.random.default_rng(0).bytes(20_000))
    error = refusal(path)
    assert error.reason is Reason.UNDECODABLE
    assert "FFmpeg" in error.detail


def test_a_web_page_in_place_of_a_clip(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("<html>404 not found</html>" * 50)
    assert refusal(tmp_path / "a.mp3").reason is Reason.UNDECODABLE


def test_truncated_files(tmp_path: Path) -> None:
    flac = write_soundfile(tmp_path / "a.flac", sine(3.0, 16_000), 16_000)
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    error = refusal(flac)
    assert error.reason is Reason.UNDECODABLE
    assert "lost sync" in error.detail
    wav = write_soundfile(tmp_path / "a.wav", sine(3.0, 16_000), 16_000)
    wav.write_bytes(wav.read_bytes()[: wav.stat().st_size // 2])
    assert decode(wav).duration_s == pytest.approx(1.5, abs=0.01)
    m4a = write_pyav(tmp_path / "a.m4a", sine(3.0, 44_100), 44_100, "aac")
    m4a.write_bytes(m4a.read_bytes()[: m4a.stat().st_size // 2])
    assert refusal(m4a).reason is Reason.UNDECODABLE


def test_a_film_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    silent_film(path)
    error = refusal(path)
    assert (error.reason, error.detail) == (Reason.NO_AUDIO, "FFmpeg: the file has no audio stream")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite(tmp_path: Path, bad: float) -> None:
    samples = sine(1.0, 16_000)
    samples[7] = bad
    error = refusal(write_soundfile(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT"))
    assert (error.reason, error.detail) == (Reason.NON_FINITE, "1 of 16000 samples are not finite numbers")


def test_too_short(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(0.2, 16_000), 16_000)
    error = refusal(path, min_seconds=0.5)
    assert (error.reason, error.detail) == (Reason.TOO_SHORT, "0.200 s, at least 0.5 s are needed")
    assert len(decode(path, min_seconds=0.2).samples) == 3200


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_silent_also_with_an_offset(tmp_path: Path, offset: float) -> None:
    path = write_soundfile(tmp_path / "a.wav", np.full((16_000, 1), offset, np.float32), 16_000)
    error = refusal(path)
    assert error.reason is Reason.SILENT
    assert error.detail == "peak 0.000000 of full scale, more than 0.0001 is needed"


def test_supported_formats_can_all_be_used_here() -> None:
    formats = {support.name: support for support in supported_formats()}
    assert {"wav", "flac", "ogg", "opus", "mp3", "m4a", "webm", "mp4", "aac"} == set(formats)
    assert all(support.usable for support in formats.values())
    assert formats["wav"].decoder.startswith("libsndfile ")
    assert formats["m4a"].decoder.startswith("PyAV ")


def test_real_recordings(shared_data: Path) -> None:
    ogg = next((shared_data / "mini_audioset/audios/eval_segments").glob("*.ogg"))
    mp3 = next((shared_data / "noss/common_voice_6lang/audio").glob("*.mp3"))
    flac = next((shared_data / "noss/fsdd_digit/audio").glob("*.flac"))
    for path in (ogg, mp3, flac):
        samples, rate = soundfile.read(path)
        audio = decode(path)
        assert audio.source_rate == rate
        assert len(audio.samples) == pytest.approx(len(samples) * 16_000 / rate, abs=2)
        assert np.abs(audio.samples).max() / 32768 == pytest.approx(np.abs(samples).max(), rel=0.1)


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_integers_are_averaged_like_the_floats_they_stand_for(channels: int) -> None:
    frames = np.random.default_rng(0).integers(-32768, 32768, (500, channels)).astype(np.int16)
    mono = to_mono(frames)
    assert mono.dtype == np.float32
    np.testing.assert_allclose(mono, (frames / 32768).mean(axis=1), atol=1e-7)
    np.testing.assert_array_equal(mono, to_mono((frames / 32768).astype(np.float32)))
