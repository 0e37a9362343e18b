"""What the two decoding libraries say of a file or of bytes: mono float samples, or why there are none.

Both read no further than the clip needs, and hold no more than a block with all its channels.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.audio.downmix import Downmix, MonoSound
from components.audio.errors import AudioError, Reason
from components.audio.resample import FloatAudio, Pcm

if TYPE_CHECKING:
    import soundfile

Source = Path | bytes

# Rates outside of these are damaged headers: a telephone has 8 kHz, the best recorders 768 kHz.
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000

# Frames decoded before a clip that begins within a file, and dropped: after a jump MP3 and Opus decoders
# need a few packets until they give what they would have given without it.
_LEAD_IN = 8192
# Values read at once. libsndfile's reading is followed by a jump to where it ended: fewer are better.
_VALUES = 1 << 22

# Containers that FFmpeg may take a file for. Playlists are not among them: a clip must not make the decoder
# open other files, or the network.
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,m4a,matroska,mov,mp3,mp4,mpeg,mpegts,"
    "ogg,tta,voc,w64,wav,webm,wv,3gp"
)
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
# These say of every packet when it is heard, so a clip far within them is jumped to.
_SEEKABLE = frozenset({"mov", "matroska"})
_FAR_SECONDS = 60.0
_JUMP_BEFORE_SECONDS = 2.0


class UnknownFormat(Exception):
    """The library does not know the format; another might."""


def read_soundfile(source: Source, start_seconds: float, max_seconds: float) -> MonoSound:
    """Reads by libsndfile.

    Args:
      source: A file, or its bytes.
      start_seconds: Where the clip begins.
      max_seconds: What comes after, counted from the start, is not read; may be infinite.

    Raises:
      UnknownFormat: If libsndfile does not know the format.
      AudioError: If it does, and there is nothing to be had.
    """
    import soundfile

    try:
        file = soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else os.fsencode(source))
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise UnknownFormat(f"libsndfile: {getattr(error, 'error_string', error)}") from error
    with file:
        rate = _checked_rate(file.samplerate)
        first = round(start_seconds * rate)
        lead_in = min(first, _LEAD_IN)
        wanted = math.inf if math.isinf(max_seconds) else lead_in + frame_count(max_seconds, rate)
        if first and first >= file.frames:
            raise _ends_before(start_seconds, file.frames / rate)
        downmix = Downmix()
        try:
            if first:
                file.seek(first - lead_in)
            for block in _blocks(file, min(wanted, file.frames - first + lead_in)):
                downmix.add(block[lead_in:])
                lead_in = max(0, lead_in - len(block))
        except (soundfile.SoundFileError, MemoryError) as error:
            detail = f"libsndfile: {getattr(error, 'error_string', '') or type(error).__name__}"
            raise AudioError(Reason.UNDECODABLE, detail) from error
        return downmix.sound(rate)


def _blocks(file: soundfile.SoundFile, frames: float) -> Iterator[FloatAudio | Pcm]:
    # The same numbers either way; but libsndfile takes longer to make floats of them than numpy.
    kind = "int16" if file.subtype == "PCM_16" else "float32"
    at_once = max(1, _VALUES // file.channels)
    while frames > 0:
        block = file.read(int(min(frames, at_once)), dtype=kind, always_2d=True)
        if not len(block):
            return
        yield block
        frames -= len(block)


def read_ffmpeg(source: Source, start_seconds: float, max_seconds: float) -> MonoSound:
    """Reads by FFmpeg's libraries; arguments and errors as in :func:`read_soundfile`."""
    import av

    try:
        container = av.open(
            io.BytesIO(source) if isinstance(source, bytes) else f"file:{source}",
            options=_OPTIONS,
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnknownFormat(_of_ffmpeg(error)) from error
    with container:
        if not container.streams.audio:
            raise AudioError(Reason.NO_AUDIO, "FFmpeg: the file has no audio stream")
        try:
            return _decode(container, start_seconds, max_seconds)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise AudioError(Reason.UNDECODABLE, _of_ffmpeg(error)) from error


def _decode(container: Any, start_seconds: float, max_seconds: float) -> MonoSound:
    import av

    stream = container.streams.audio[0]
    jumped = start_seconds > _FAR_SECONDS and not _SEEKABLE.isdisjoint(container.format.name.split(","))
    if jumped:
        container.seek(round((start_seconds - _JUMP_BEFORE_SECONDS) * av.time_base))
    resampler = av.AudioResampler(format="fltp")
    downmix = Downmix()
    rate, position, taken = 0, 0, 0
    first, end = 0, math.inf
    for frame in container.decode(stream):
        if not rate:
            rate = _checked_rate(frame.sample_rate)
            first = round(start_seconds * rate)
            end = math.inf if math.isinf(max_seconds) else first + frame_count(max_seconds, rate)
            if jumped:
                position = _heard_at(frame, stream, rate)
        for planar in resampler.resample(frame):
            block = planar.to_ndarray().T
            skipped = max(0, first - position)
            room = end - max(first, position)
            part = block[skipped:] if math.isinf(room) else block[skipped : skipped + int(room)]
            position += len(block)
            if len(part):
                downmix.add(part)
                taken += len(part)
        if position >= end:
            break
    if not rate:
        raise AudioError(Reason.UNDECODABLE, "FFmpeg: not one frame of sound could be decoded")
    if not taken and first:
        raise _ends_before(start_seconds, position / rate)
    return downmix.sound(rate)


def _heard_at(frame: Any, stream: Any, rate: int) -> int:
    """Which sample of the sound a frame begins with, as the container says."""
    if frame.pts is None or not frame.time_base:
        raise AudioError(Reason.UNDECODABLE, "FFmpeg: a packet in the middle does not say when it is heard")
    return round(float((frame.pts - (stream.start_time or 0)) * frame.time_base) * rate)


def _of_ffmpeg(error: BaseException) -> str:
    return f"FFmpeg: {getattr(error, 'strerror', None) or error or type(error).__name__}"


def _checked_rate(rate: int) -> int:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        detail = f"sample rate {rate} Hz; accepted are {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise AudioError(Reason.UNDECODABLE, detail)
    return rate


def _ends_before(start_seconds: float, seconds: float) -> AudioError:
    return AudioError(
        Reason.TOO_SHORT, f"the clip begins at {start_seconds:g} s, the file ends at {seconds:g} s"
    )


def frame_count(seconds: float, rate: int) -> int:
    """Frames of so many seconds, at least one."""
    return max(1, round(seconds * rate))
