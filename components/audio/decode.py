"""Sound files of any usual format to mono 16 kHz int16.

wav, flac, ogg, opus and mp3 are read by libsndfile (``soundfile``), containers such as m4a and webm by
FFmpeg's libraries (``av``). The content decides: a file whose name lies is still read.

This is the decoder itself: it can be made to hang or crash by damaged files. Whoever decodes what others
made, many clips in a row, asks :mod:`components.audio.guarded`.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from components.audio.downmix import Downmix, MonoSound
from components.audio.errors import AudioError, Reason
from components.audio.readers import StoppedEarly, UnknownFormat, read_ffmpeg, read_soundfile, read_to_end
from components.audio.readers import frame_count as frame_count
from components.audio.resample import TARGET_RATE, FloatAudio, Pcm, resample, to_pcm
from components.audio.streams import Source

SOUNDFILE_EXTENSIONS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
PYAV_EXTENSIONS = frozenset({".m4a", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".wma", ".3gp"})
AUDIO_EXTENSIONS = SOUNDFILE_EXTENSIONS | PYAV_EXTENSIONS

# Half the distance between the highest and the lowest sample, as a share of full scale: about three
# steps of 16 bits. Quiet room noise is louder; digital silence, dithered or with an offset, is not.
SILENCE_PEAK = 1e-4


@dataclass(frozen=True)
class DecodedAudio:
    """A clip, ready for a record.

    Attributes:
      samples: int16 ``(n,)``, mono, 16 kHz.
      source_rate: Sample rate of the file in Hz.
      source_channels: Channels of the file.
    """

    samples: Pcm
    source_rate: int
    source_channels: int

    @property
    def digest(self) -> str:
        """BLAKE2b over the samples, 32 hexadecimal digits: equal ones are the same sound."""
        return hashlib.blake2b(self.samples.tobytes(), digest_size=16).hexdigest()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / TARGET_RATE


def decode(
    path: str | Path,
    *,
    start_seconds: float = 0.0,
    max_seconds: float = math.inf,
    min_seconds: float = 0.0,
    silence_peak: float = SILENCE_PEAK,
) -> DecodedAudio:
    """Decodes a file and checks that it holds sound.

    Args:
      path: The file.
      start_seconds: Where the clip begins. Published AudioSet copies hold just the segment, which starts
        at the beginning of the file.
      max_seconds: What comes after, counted from the start, is cut off.
      min_seconds: Shorter clips are refused.
      silence_peak: Clips that never leave this share of full scale are refused.

    Raises:
      AudioError: With the reason, if the clip cannot be used.
    """
    path = Path(path)
    _check_file(path)
    try:
        sound = _read(path, path.suffix, start_seconds, max_seconds)
    except UnknownFormat as error:
        raise _why_refused(path, str(error)) from error
    return _checked(sound, min_seconds, silence_peak)


def decode_bytes(
    data: bytes,
    name: str,
    *,
    start_seconds: float = 0.0,
    max_seconds: float = math.inf,
    min_seconds: float = 0.0,
    silence_peak: float = SILENCE_PEAK,
) -> DecodedAudio:
    """Decodes a file that is held in memory, such as a member of a tar; arguments as in :func:`decode`.

    Args:
      data: The file's bytes.
      name: Its name, whose extension says which library is asked first.
      start_seconds: Where the clip begins.
      max_seconds: What comes after, counted from the start, is cut off.
      min_seconds: Shorter clips are refused.
      silence_peak: Clips that never leave this share of full scale are refused.

    Raises:
      AudioError: With the reason, if the clip cannot be used.
    """
    if not data:
        raise AudioError(Reason.EMPTY, "the file has 0 bytes")
    try:
        sound = _read(data, os.path.splitext(name)[1], start_seconds, max_seconds)
    except UnknownFormat as error:
        raise AudioError(Reason.UNDECODABLE, str(error)) from error
    return _checked(sound, min_seconds, silence_peak)


def from_samples(
    data: FloatAudio, rate: int, *, min_seconds: float = 0.0, silence_peak: float = SILENCE_PEAK
) -> DecodedAudio:
    """Makes a clip of samples and checks that they are sound.

    Args:
      data: float32 ``(frames, channels)`` in [-1, 1].
      rate: Their rate in Hz.
      min_seconds: Shorter clips are refused.
      silence_peak: Clips that never leave this share of full scale are refused.

    Raises:
      AudioError: With the reason, if the clip cannot be used.
    """
    downmix = Downmix()
    downmix.add(data)
    return _checked(downmix.sound(rate), min_seconds, silence_peak)


def _checked(sound: MonoSound, min_seconds: float, silence_peak: float) -> DecodedAudio:
    if not len(sound.samples):
        raise AudioError(Reason.EMPTY, "there are no samples")
    if sound.non_finite:
        detail = f"{sound.non_finite} of {sound.values} samples are not finite numbers"
        raise AudioError(Reason.NON_FINITE, detail)
    seconds = len(sound.samples) / sound.rate
    if seconds < min_seconds:
        raise AudioError(Reason.TOO_SHORT, f"{seconds:.3f} s, at least {min_seconds:g} s are needed")
    samples = to_pcm(resample(sound.samples, sound.rate))
    if not len(samples):
        raise AudioError(Reason.TOO_SHORT, f"{seconds:.6f} s is less than one sample at {TARGET_RATE} Hz")
    peak = (int(samples.max()) - int(samples.min())) / 2 / 32768
    if peak <= silence_peak:
        raise AudioError(
            Reason.SILENT, f"peak {peak:.6f} of full scale, more than {silence_peak:g} is needed"
        )
    return DecodedAudio(samples, sound.rate, sound.channels)


def _check_file(path: Path) -> None:
    """Looks before anything is opened: opening a pipe would wait for whoever writes into it."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise AudioError(Reason.MISSING, f"there is no file {path}") from error
        raise AudioError(Reason.UNREADABLE, str(error)) from error
    except ValueError as error:
        raise AudioError(Reason.MISSING, f"{str(path)!r} is no name of a file: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "special file")
        raise AudioError(Reason.NOT_A_FILE, f"{path} is a {kind}")
    if not status.st_size:
        raise AudioError(Reason.EMPTY, "the file has 0 bytes")


_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def _read(source: Source, suffix: str, start_seconds: float, max_seconds: float) -> MonoSound:
    readers = [read_soundfile, read_ffmpeg]
    if suffix.lower() in PYAV_EXTENSIONS:
        readers.reverse()
    refusals = []
    for reader in readers:
        try:
            return reader(source, start_seconds, max_seconds)
        except UnknownFormat as error:
            refusals.append(str(error))
        except StoppedEarly as early:
            return read_to_end(source, early, start_seconds, max_seconds)
    raise UnknownFormat("; ".join(refusals))


def _why_refused(path: Path, refusals: str) -> AudioError:
    """Tells a file that nobody knows from one that nobody may read."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return AudioError(Reason.UNREADABLE, str(error))
    return AudioError(Reason.UNDECODABLE, refusals)
