"""Sound files of any usual format to mono 16 kHz int16.

wav, flac, ogg, opus and mp3 are read by libsndfile (``soundfile``), containers such as m4a and webm by
FFmpeg's libraries (``av``). The content decides: a file whose name lies is still read.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.audio.errors import AudioError, Reason
from components.audio.resample import TARGET_RATE, FloatAudio, Pcm, resample, to_mono, to_pcm

SOUNDFILE_EXTENSIONS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
PYAV_EXTENSIONS = frozenset({".m4a", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".wma", ".3gp"})
AUDIO_EXTENSIONS = SOUNDFILE_EXTENSIONS | PYAV_EXTENSIONS

# Half the distance between the highest and the lowest sample, as a share of full scale: about three
# steps of 16 bits. Quiet room noise is louder; digital silence, dithered or with an offset, is not.
SILENCE_PEAK = 1e-4

# Frames decoded before a clip that begins within a file, and dropped: after a jump MP3 and Opus decoders
# need a few packets until they give what they would have given without it.
_LEAD_IN = 8192


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


@dataclass(frozen=True)
class _Frames:
    """Decoded but unchanged: float32 ``(frames, channels)`` at ``rate`` Hz."""

    data: FloatAudio
    rate: int


class _UnknownFormat(Exception):
    """The decoder does not know the format; another might."""


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
    frames = _read(path, start_seconds, max_seconds)
    return from_samples(frames.data, frames.rate, min_seconds=min_seconds, silence_peak=silence_peak)


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
    if not len(data):
        raise AudioError(Reason.EMPTY, "there are no samples")
    if not np.isfinite(data).all():
        bad = int(np.count_nonzero(~np.isfinite(data)))
        raise AudioError(Reason.NON_FINITE, f"{bad} of {data.size} samples are not finite numbers")
    seconds = len(data) / rate
    if seconds < min_seconds:
        raise AudioError(Reason.TOO_SHORT, f"{seconds:.3f} s, at least {min_seconds:g} s are needed")
    samples = to_pcm(resample(to_mono(data), rate))
    if not len(samples):
        raise AudioError(Reason.TOO_SHORT, f"{seconds:.6f} s is less than one sample at {TARGET_RATE} Hz")
    peak = (int(samples.max()) - int(samples.min())) / 2 / 32768
    if peak <= silence_peak:
        raise AudioError(
            Reason.SILENT, f"peak {peak:.6f} of full scale, more than {silence_peak:g} is needed"
        )
    return DecodedAudio(samples, rate, data.shape[1])


def _read(path: Path, start_seconds: float, max_seconds: float) -> _Frames:
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise AudioError(Reason.UNDECODABLE, str(error)) from error
    if size is None:
        raise AudioError(Reason.MISSING, f"there is no file {path}")
    if not size:
        raise AudioError(Reason.EMPTY, "the file has 0 bytes")
    decoders = [_read_soundfile, _read_pyav]
    if path.suffix.lower() in PYAV_EXTENSIONS:
        decoders.reverse()
    refusals = []
    for decoder in decoders:
        try:
            return decoder(path, start_seconds, max_seconds)
        except _UnknownFormat as error:
            refusals.append(str(error))
    raise AudioError(Reason.UNDECODABLE, "; ".join(refusals))


def _read_soundfile(path: Path, start_seconds: float, max_seconds: float) -> _Frames:
    import soundfile

    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError) as error:
        raise _UnknownFormat(f"libsndfile: {getattr(error, 'error_string', error)}") from error
    with file:
        first = round(start_seconds * file.samplerate)
        lead_in = min(first, _LEAD_IN)
        wanted = -1 if math.isinf(max_seconds) else lead_in + frame_count(max_seconds, file.samplerate)
        if first and first >= file.frames:
            raise _ends_before(start_seconds, file.frames / file.samplerate)
        try:
            if first:
                file.seek(first - lead_in)
            data = file.read(wanted, dtype="float32", always_2d=True)[lead_in:]
        except soundfile.SoundFileError as error:
            detail = f"libsndfile: {getattr(error, 'error_string', error)}"
            raise AudioError(Reason.UNDECODABLE, detail) from error
        return _Frames(data, file.samplerate)


def _read_pyav(path: Path, start_seconds: float, max_seconds: float) -> _Frames:
    import av

    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _UnknownFormat(f"FFmpeg: {getattr(error, 'strerror', None) or error}") from error
    with container:
        if not container.streams.audio:
            raise AudioError(Reason.UNDECODABLE, "FFmpeg: the file has no audio stream")
        blocks: list[FloatAudio] = []
        rate, held, dropped, first, end = 0, 0, 0, 0, math.inf
        try:
            resampler = av.AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                if not rate:
                    rate = frame.sample_rate
                    first = round(start_seconds * rate)
                    end = math.inf if math.isinf(max_seconds) else first + frame_count(max_seconds, rate)
                for planar in resampler.resample(frame):
                    block = planar.to_ndarray()
                    held += block.shape[1]
                    if held > first:
                        blocks.append(block)
                    else:
                        dropped = held
                if held >= end:
                    break
        except (av.FFmpegError, ValueError) as error:
            detail = f"FFmpeg: {getattr(error, 'strerror', None) or error}"
            raise AudioError(Reason.UNDECODABLE, detail) from error
    if not held:
        raise AudioError(Reason.UNDECODABLE, "FFmpeg: not one frame of sound could be decoded")
    if not blocks:
        raise _ends_before(start_seconds, held / rate)
    data = np.concatenate(blocks, axis=1).T
    last = None if math.isinf(end) else int(end) - dropped
    return _Frames(data[first - dropped : last], rate)


def _ends_before(start_seconds: float, seconds: float) -> AudioError:
    return AudioError(
        Reason.TOO_SHORT, f"the clip begins at {start_seconds:g} s, the file ends at {seconds:g} s"
    )


def frame_count(seconds: float, rate: int) -> int:
    """Frames of so many seconds, at least one."""
    return max(1, round(seconds * rate))
