"""Clips that can be taken, of which somebody should know how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.audio.decode import decode, decode_bytes, from_samples
from components.common.audio.errors import AudioError, Note, Reason
from tests.components.common.audio import wrong_headers as make
from tests.components.common.audio.sounds import Samples, dominant_hertz, sine, write_pyav, write_soundfile


def opposite(left_over: float = 0.0, right: float = -1.0) -> Samples:
    tone = sine(1.5, 16_000, amplitude=0.3)
    noise = np.asarray(np.random.default_rng(0).normal(0, left_over, tone.shape), np.float32)
    return np.hstack([tone, np.float32(right) * tone + noise])


@pytest.mark.parametrize("left_over", [0.0, 0.01])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_opposite_channels_do_not_take_each_other_away(name: str, left_over: float, tmp_path: Path) -> None:
    found = decode(write_soundfile(tmp_path / name, opposite(left_over), 16_000))
    assert [remark.note for remark in found.remarks] == [Note.OPPOSITE_CHANNELS]
    assert found.source_channels == 2
    assert dominant_hertz(found.samples) == pytest.approx(440, abs=2)
    assert np.abs(found.samples).max() == pytest.approx(0.3 * 32768, rel=0.2)


def test_opposite_channels_in_a_container(tmp_path: Path) -> None:
    found = decode(write_pyav(tmp_path / "a.m4a", opposite(), 48_000, "aac", "stereo"))
    assert [remark.note for remark in found.remarks] == [Note.OPPOSITE_CHANNELS]


def test_the_louder_of_opposite_channels_is_taken(tmp_path: Path) -> None:
    found = from_samples(opposite(right=-1.2), 16_000)
    assert np.abs(found.samples).max() == pytest.approx(0.36 * 32768, rel=0.01)


@pytest.mark.parametrize("right", [0.0, 1.0, 0.3, -0.4])
def test_usual_stereo_is_mixed(right: float, tmp_path: Path) -> None:
    found = decode(write_soundfile(tmp_path / "a.wav", opposite(right=right), 16_000))
    assert not found.remarks
    assert np.abs(found.samples).max() == pytest.approx(0.15 * (1 + right) * 32768, rel=0.02)


def test_one_of_many_channels_is_mixed() -> None:
    many = np.zeros((24_000, 8), np.float32)
    many[:, 3] = sine(1.5, 16_000)[:, 0]
    assert not from_samples(many, 16_000).remarks


@pytest.mark.parametrize(("scale", "bits"), [(127.0, 16), (32767.0, 16), (2.0**23 - 1, 24), (2.0**31, 32)])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_at_the_scale_of_integers(scale: float, bits: int, subtype: str, tmp_path: Path) -> None:
    tone = np.multiply(sine(1.5, 16_000, amplitude=1.0), scale, dtype=np.float32)
    found = decode(write_soundfile(tmp_path / "a.wav", tone, 16_000, subtype=subtype))
    assert [remark.note for remark in found.remarks] == [Note.INTEGER_SCALE]
    peak = scale / 2.0 ** (bits - 1) * 32768
    assert np.abs(found.samples.astype(int)).max() == pytest.approx(peak, rel=0.01)
    # A sine, not the square wave that clipping would leave.
    assert np.abs(found.samples.astype(float)).mean() == pytest.approx(peak * 2 / np.pi, rel=0.01)


def test_floats_beyond_all_integers(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(1.5, 16_000) * np.float32(1e12), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match="samples reach 5e") as refused:
        decode(path)
    assert refused.value.reason is Reason.UNDECODABLE


def test_overdriven_floats_are_no_integers(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", sine(1.5, 16_000, amplitude=4.0), 16_000, subtype="FLOAT")
    found = decode(path)
    assert not found.remarks
    assert found.samples.max() == 32767


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 480044\n"


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(LFS, "git lfs pull"), (b"/annex/objects/SHA256E-s480044--0123.wav\n", "git annex get")],
)
def test_pointers_are_named(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for decoding in (lambda: decode(path), lambda: decode_bytes(content, name)):
        with pytest.raises(AudioError, match=said) as refused:
            decoding()
        assert refused.value.reason is Reason.POINTER


def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    for suffix, data in {
        ".wav": make.whole("WAV", "PCM_16"),
        ".webm": make.by_ffmpeg(sine(2.0, 48_000), 48_000, "libopus", "webm"),
    }.items():
        path = Path(str(tmp_path) + "/caf\udce9" + suffix)
        path.write_bytes(data)
        assert decode(path).duration_s >= 2


def test_what_macos_leaves_beside_a_clip_is_named() -> None:
    with pytest.raises(AudioError, match="AppleDouble") as refused:
        decode_bytes(b"\0\5\x16\7" + bytes(4000), "._a.wav")
    assert refused.value.reason is Reason.UNDECODABLE
