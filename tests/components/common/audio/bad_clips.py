"""A sound file of every sort of damage and oddity, each with what has to become of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

from components.common.audio.errors import Reason
from tests.components.common.audio.sounds import Samples, sine, write_pyav, write_soundfile

FORMATS = ("wav", "flac", "ogg", "mp3", "m4a")
THREE_HOURS = 3 * 3600


@dataclass(frozen=True)
class OddFile:
    """A file to make.

    Attributes:
      name: What is odd about it.
      extension: Without the dot.
      reason: Why it is left out; None: it is taken.
      write: Writes it to a path.
    """

    name: str
    extension: str
    reason: Reason | None
    write: Callable[[Path], object]


def odd_files() -> list[OddFile]:
    """One file of every sort."""
    return [*_damaged(), *_odd_but_fine(), *_no_sound(), *_no_files()]


def _damaged() -> list[OddFile]:
    bad = Reason.UNDECODABLE
    # Of a body that ends early some formats do not know better: what is there is taken.
    bodies = {"wav": None, "flac": bad, "ogg": None, "mp3": None, "m4a": bad}
    return [
        OddFile("zero_bytes", "wav", Reason.EMPTY, lambda path: path.write_bytes(b"")),
        *(OddFile(f"header_{form}", form, bad, _cut(form, 20)) for form in FORMATS),
        *(OddFile(f"body_{form}", form, reason, _cut(form, 0.6)) for form, reason in bodies.items()),
        OddFile("noise", "flac", bad, lambda path: path.write_bytes(np.random.default_rng(0).bytes(9999))),
        OddFile("web_page", "mp3", bad, lambda path: path.write_text("<html>404 not found</html>" * 50)),
        OddFile("playlist", "m4a", bad, _playlist),
    ]


def _odd_but_fine() -> list[OddFile]:
    return [
        OddFile("wrong_extension", "mp3", None, _renamed("flac")),
        OddFile("container_as_wav", "wav", None, _renamed("m4a")),
        OddFile("three_hours", "flac", None, _three_hours),
        OddFile("three_hours_wav", "wav", None, sparse_wav),
        OddFile("8_channels", "wav", None, _wav(sine(1.2, 16_000, channels=8), 16_000)),
        OddFile("192_khz", "wav", None, _wav(sine(1.2, 192_000), 192_000)),
        OddFile("24_bit", "flac", None, _wav(sine(1.2, 48_000), 48_000, subtype="PCM_24")),
        OddFile("offset", "wav", None, _wav(sine(1.2, 16_000, amplitude=0.2) + np.float32(0.4), 16_000)),
        OddFile("clipped", "wav", None, _wav(sine(1.2, 16_000, amplitude=9.0), 16_000, subtype="FLOAT")),
        OddFile("album_art", "mp3", None, _with_picture),
    ]


def _no_sound() -> list[OddFile]:
    silence = np.zeros((20_000, 1), np.float32)
    return [
        OddFile("one_sample", "wav", Reason.TOO_SHORT, _wav(sine(1.2, 16_000)[:1], 16_000)),
        OddFile("no_samples", "wav", Reason.EMPTY, _wav(silence[:0], 16_000)),
        OddFile("nan", "wav", Reason.NON_FINITE, _wav(_with(np.nan), 16_000, subtype="FLOAT")),
        OddFile("infinite", "wav", Reason.NON_FINITE, _wav(_with(np.inf), 16_000, subtype="FLOAT")),
        OddFile("digital_silence", "flac", Reason.SILENT, _wav(silence, 16_000)),
        OddFile("offset_only", "wav", Reason.SILENT, _wav(silence + np.float32(0.3), 16_000)),
        OddFile("film_without_sound", "mp4", Reason.NO_AUDIO, silent_film),
    ]


def _no_files() -> list[OddFile]:
    return [
        OddFile("pipe", "wav", Reason.NOT_A_FILE, os.mkfifo),
        OddFile("link_to_folder", "wav", Reason.NOT_A_FILE, lambda path: path.symlink_to(path.parent)),
        OddFile("dangling_link", "wav", Reason.MISSING, lambda path: path.symlink_to("nowhere")),
        # Closed to everybody, also to the superuser, whom permissions do not stop.
        OddFile("unreadable", "wav", Reason.UNREADABLE, lambda path: path.symlink_to(path)),
    ]


def whole(form: str, path: Path, seconds: float = 1.5) -> Path:
    """A sound file with nothing wrong, written to the path whatever its name."""
    proper = path.with_name(f".whole.{form}")
    if form == "m4a":
        write_pyav(proper, sine(seconds, 44_100), 44_100, "aac")
    else:
        write_soundfile(proper, sine(seconds, 44_100), 44_100)
    return proper.rename(path)


def _renamed(form: str) -> Callable[[Path], object]:
    return lambda path: whole(form, path)


def _cut(form: str, rest: float) -> Callable[[Path], object]:
    """Leaves so many bytes, or such a share of them."""

    def write(path: Path) -> None:
        # Within the second that is wanted; Ogg has pages, and what is left must hold a whole one.
        size = whole(form, path, 8.0 if form == "ogg" else 1.5).stat().st_size
        os.truncate(path, int(rest if rest >= 1 else rest * size))

    return write


def _wav(samples: Samples, rate: int, **options: str) -> Callable[[Path], object]:
    return lambda path: write_soundfile(path, samples, rate, **options)


def _with(value: float) -> Samples:
    samples = sine(1.2, 16_000)
    samples[77] = value
    return samples


def _three_hours(path: Path) -> None:
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        file.write(sine(10.0, 8_000))
        silence = np.zeros((8_000 * 600, 1), np.int16)
        for _ in range(18):
            file.write(silence)


def sparse_wav(path: Path) -> None:
    """Three hours of 48 kHz stereo, of which all but the beginning is a hole in the file."""
    write_soundfile(path, sine(2.0, 48_000, channels=2), 48_000)
    size = 44 + THREE_HOURS * 48_000 * 4
    with path.open("r+b") as file:
        for place, value in ((4, size - 8), (40, size - 44)):
            file.seek(place)
            file.write(value.to_bytes(4, "little"))
        file.truncate(size)


def _with_picture(path: Path) -> None:
    """An MP3 with an ID3v2.3 tag that holds a cover of 200 kB."""
    sound = whole("mp3", path).read_bytes()
    picture = b"\x00image/jpeg\x00\x03\x00" + b"\xff\xd8\xff\xe0" + bytes(200_000)
    apic = b"APIC" + len(picture).to_bytes(4, "big") + bytes(2) + picture
    size = bytes(len(apic) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\x00\x00" + size + apic + sound)


def _playlist(path: Path) -> None:
    """A list that would make FFmpeg play another file, which is there."""
    target = whole("flac", path.with_suffix(".secret"))
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\n{target}\n#EXT-X-ENDLIST\n")


def silent_film(path: Path) -> None:
    """A film of three pictures and no audio stream."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=64, height=64)
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
