"""Sound files of any usual format to mono 16 kHz int16.

wav, flac, ogg, opus and mp3 are read by libsndfile (``soundfile``), containers such as m4a and webm by
FFmpeg's libraries (``av``). The content decides: a file whose name lies is still read.

This is the decoder itself: it can be made to hang or crash by damaged files. Whoever decodes what others
made, many clips in a row, asks :mod:`components.common.audio.guarded`.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from components.common.audio.downmix import Downmix, MonoSound
from components.common.audio.errors import AudioError, Note, Reason, Remark
from components.common.audio.pointers import HEAD_BYTES, pointer
from components.common.audio.readers import (
    StoppedEarly,
    UnknownFormat,
    read_ffmpeg,
    read_soundfile,
    read_to_end,
)
from components.common.audio.readers import frame_count as frame_count
from components.common.audio.resample import TARGET_RATE, FloatAudio, Pcm, resample, to_pcm
from components.common.audio.streams import Source

SOUNDFILE_EXTENSIONS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
PYAV_EXTENSIONS = frozenset({".m4a", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".wma", ".3gp"})
AUDIO_EXTENSIONS = SOUNDFILE_EXTENSIONS | PYAV_EXTENSIONS

# Half the distance between the highest and the lowest sample, as a share of full scale: about three
# steps of 16 bits. Quiet room noise is louder; digital silence, dithered or with an offset, is not.
SILENCE_PEAK = 1e-4

# Of full scale: louder floats are no overdriven sound (24 dB), but integers that nobody divided.
LOUDEST_FLOAT = 16.0
_INTEGER_BITS = (16, 24, 32)
_APPLE_DOUBLE = b"\x00\x05\x16\x07"


@dataclass(frozen=True)
class DecodedAudio:
    """A clip, ready for a record.

    Attributes:
      samples: int16 ``(n,)``, mono, 16 kHz.
      source_rate: Sample rate of the file in Hz.
      source_channels: Channels of the file.
      remarks: What is worth knowing of how it was made.
    """

    samples: Pcm
    source_rate: int
    source_channels: int
    remarks: tuple[Remark, ...] = ()

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
        sound, remarks = _read(path, path.suffix, start_seconds, max_seconds)
    except UnknownFormat as error:
        raise _why_refused(path, str(error)) from error
    return _checked(sound, min_seconds, silence_peak, remarks)


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
        sound, remarks = _read(data, os.path.splitext(name)[1], start_seconds, max_seconds)
    except UnknownFormat as error:
        raise _unknown(data[:HEAD_BYTES], str(error)) from error
    return _checked(sound, min_seconds, silence_peak, remarks)


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

    def mixed(channel: int | None) -> MonoSound:
        downmix = Downmix(channel)
        downmix.add(data)
        return downmix.sound(rate)

    sound, remarks = _without_cancelling(mixed)
    return _checked(sound, min_seconds, silence_peak, remarks)


def _without_cancelling(read: Callable[[int | None], MonoSound]) -> tuple[MonoSound, list[Remark]]:
    """The mean of the channels; where they take each other away, the loudest of them."""
    sound = read(None)
    if not sound.cancels:
        return sound, []
    share = sound.mix_power / max(sound.channel_powers)
    detail = (
        f"of {sound.channels} channels {share:.1e} of the power is left when they are mixed; channel "
        f"{sound.loudest + 1} is taken"
    )
    return replace(read(sound.loudest), channels=sound.channels), [Remark(Note.OPPOSITE_CHANNELS, detail)]


def _at_full_scale(samples: FloatAudio) -> tuple[FloatAudio, list[Remark]]:
    """Samples in [-1, 1]; floats that were integers before, and never divided, are divided now.

    Raises:
      AudioError: If no integers of sound are so large.
    """
    peak = float(max(samples.max(), -samples.min()))
    if peak <= LOUDEST_FLOAT:
        return samples, []
    bits = next((bits for bits in _INTEGER_BITS if peak <= 2.0 ** (bits - 1)), 0)
    if not bits:
        detail = f"samples reach {peak:.3g}; accepted: floats within 1, or at the scale of integers"
        raise AudioError(Reason.UNDECODABLE, detail)
    remark = Remark(Note.INTEGER_SCALE, f"samples reach {peak:.6g}; divided by 2^{bits - 1}")
    return samples * np.float32(2.0 ** (1 - bits)), [remark]


def _checked(
    sound: MonoSound, min_seconds: float, silence_peak: float, remarks: Sequence[Remark]
) -> DecodedAudio:
    if not len(sound.samples):
        raise AudioError(Reason.EMPTY, "there are no samples")
    if sound.non_finite:
        detail = f"{sound.non_finite} of {sound.values} samples are not finite numbers"
        raise AudioError(Reason.NON_FINITE, detail)
    seconds = len(sound.samples) / sound.rate
    if seconds < min_seconds:
        raise AudioError(Reason.TOO_SHORT, f"{seconds:.3f} s, at least {min_seconds:g} s are needed")
    scaled, more = _at_full_scale(sound.samples)
    samples = to_pcm(resample(scaled, sound.rate))
    if not len(samples):
        raise AudioError(Reason.TOO_SHORT, f"{seconds:.6f} s is less than one sample at {TARGET_RATE} Hz")
    peak = (int(samples.max()) - int(samples.min())) / 2 / 32768
    if peak <= silence_peak:
        raise AudioError(
            Reason.SILENT, f"peak {peak:.6f} of full scale, more than {silence_peak:g} is needed"
        )
    return DecodedAudio(samples, sound.rate, sound.channels, (*remarks, *more))


def _check_file(path: Path) -> None:
    """Looks before anything is opened: opening a pipe would wait for whoever writes into it."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise AudioError(Reason.MISSING, f"there is no file {path}") from error
        raise AudioError(Reason.UNREADABLE, str(error)) from error
    except ValueError as error:
        raise AudioError(Reason.MISSING, f"{str(path)!r} is not a name of a file: {error}") from error
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


def _read(
    source: Source, suffix: str, start_seconds: float, max_seconds: float
) -> tuple[MonoSound, list[Remark]]:
    return _without_cancelling(
        lambda channel: _read_channel(source, suffix, start_seconds, max_seconds, channel)
    )


def _read_channel(
    source: Source, suffix: str, start_seconds: float, max_seconds: float, channel: int | None
) -> MonoSound:
    readers = [read_soundfile, read_ffmpeg]
    if suffix.lower() in PYAV_EXTENSIONS:
        readers.reverse()
    refusals = []
    for reader in readers:
        try:
            return reader(source, start_seconds, max_seconds, channel)
        except UnknownFormat as error:
            refusals.append(str(error))
        except StoppedEarly as early:
            return read_to_end(source, early, start_seconds, max_seconds, channel)
    raise UnknownFormat("; ".join(refusals))


def _why_refused(path: Path, refusals: str) -> AudioError:
    """Tells a file that nobody knows from one that nobody may read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return AudioError(Reason.UNREADABLE, str(error))
    return _unknown(head, refusals)


def _unknown(head: bytes, refusals: str) -> AudioError:
    stands_for = pointer(head)
    if head.startswith(_APPLE_DOUBLE):
        refusals = "what macOS keeps beside a file (AppleDouble, named ._*), and no sound"
    return AudioError(Reason.POINTER, stands_for) if stands_for else AudioError(Reason.UNDECODABLE, refusals)
