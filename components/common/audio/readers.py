"""What the two decoding libraries say of a file or of bytes: mono float samples, or why there are none.

Both read no further than the clip needs, and hold no more than a block with all its channels.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.audio.downmix import Downmix, MonoSound
from components.common.audio.errors import AudioError, Reason
from components.common.audio.resample import FloatAudio, Pcm, resample
from components.common.audio.streams import Source, as_file, content_of, mend_size, ogg_links

if TYPE_CHECKING:
    import soundfile

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
# These say of every packet when it is played, so a clip far within them is jumped to.
_SEEKABLE = frozenset({"mov", "matroska"})
_FAR_SECONDS = 60.0
_JUMP_BEFORE_SECONDS = 2.0
# At the end of an MP3.
ID3V1_BYTES = 128
_PADDING_SECONDS = 0.1


class UnknownFormat(Exception):
    """The library does not know the format; another might."""


class StoppedEarly(Exception):
    """libsndfile failed, or stopped before the end of the file.

    Attributes:
      error: What to say if nobody else reads more.
      sound: What it gave; None: it failed.
    """

    def __init__(self, error: AudioError, sound: MonoSound | None = None) -> None:
        super().__init__(error)
        self.error, self.sound = error, sound

    def outcome(self) -> MonoSound:
        """What it gave.

        Raises:
          AudioError: If it gave nothing.
        """
        if self.sound is None:
            raise self.error
        return self.sound


def read_soundfile(
    source: Source, start_seconds: float, max_seconds: float, channel: int | None = None
) -> MonoSound:
    """Reads by libsndfile.

    libsndfile believes the header's count of frames, and reads only the first part of a chained file. It is
    asked how far it came, so that what it left is not lost without a word.

    Args:
      source: A file, or its bytes.
      start_seconds: Where the clip begins.
      max_seconds: What comes after, counted from the start, is not read; may be infinite.
      channel: The only channel to take; None: the mean of all.

    Raises:
      UnknownFormat: If libsndfile does not know the format.
      StoppedEarly: If it gave less than was wanted, and did not come to the end of the file.
      AudioError: If the file holds nothing of the clip.
    """
    with _stream(source) as stream:
        return _read_stream(stream, start_seconds, max_seconds, channel)


@contextmanager
def _stream(source: Source) -> Iterator[Any]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        file = source.open("rb", buffering=0)
    except OSError as error:
        raise UnknownFormat(f"libsndfile: {error}") from error
    with file:
        yield file


def _read_stream(
    stream: Any, start_seconds: float, max_seconds: float, channel: int | None, seeks: bool = True
) -> MonoSound:
    import soundfile

    descriptor = stream.fileno() if isinstance(stream, io.FileIO) else stream
    try:
        file = soundfile.SoundFile(descriptor, closefd=False)
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise UnknownFormat(f"libsndfile: {getattr(error, 'error_string', error)}") from error
    with file:
        rate = _checked_rate(file.samplerate)
        first = round(start_seconds * rate)
        if first and first >= file.frames:
            raise StoppedEarly(_ends_before(start_seconds, file.frames / rate))
        lead_in = min(first, _LEAD_IN) if seeks else first
        wanted = math.inf if math.isinf(max_seconds) else lead_in + frame_count(max_seconds, rate)
        downmix = Downmix(channel)
        left: float = wanted
        try:
            if first > lead_in:
                try:
                    file.seek(first - lead_in)
                except soundfile.SoundFileError:
                    stream.seek(0)  # GSM and G.721 in WAV cannot be sought in
                    return _read_stream(stream, start_seconds, max_seconds, channel, seeks=False)
            for block in _blocks(file, wanted):
                downmix.add(block[lead_in:])
                lead_in = max(0, lead_in - len(block))
                left -= len(block)
        except (soundfile.SoundFileError, MemoryError) as error:
            detail = f"libsndfile: {getattr(error, 'error_string', '') or type(error).__name__}"
            raise StoppedEarly(AudioError(Reason.UNDECODABLE, detail)) from error
        sound = downmix.sound(rate)
        nothing = first and not len(sound.samples)
        if left > 0 and (nothing or _unread(stream)):
            raise StoppedEarly(_ends_before(start_seconds, file.frames / rate), None if nothing else sound)
        return sound


def _unread(stream: Any) -> int:
    """Bytes between where libsndfile stopped and the end of the file, but for a tag there."""
    at = stream.tell()
    stream.seek(0, os.SEEK_END)
    left = int(stream.tell()) - at
    if 0 < left <= ID3V1_BYTES:
        stream.seek(-left, os.SEEK_END)
        return 0 if stream.read(3) == b"TAG" else left
    return left


def _blocks(file: soundfile.SoundFile, frames: float) -> Iterator[FloatAudio | Pcm]:
    # The same numbers either way; but libsndfile takes longer to make floats of them than numpy.
    kind = "int16" if file.subtype == "PCM_16" else "float32"
    at_once = max(1, _VALUES // file.channels)
    while frames > 0:
        block = file.read(int(min(frames, at_once, max(1, file.frames))), dtype=kind, always_2d=True)
        if not len(block):
            return
        yield block
        frames -= len(block)


def read_to_end(
    source: Source, early: StoppedEarly, start_seconds: float, max_seconds: float, channel: int | None = None
) -> MonoSound:
    """Reads what libsndfile left of a file, by whoever can.

    Args:
      source: A file, or its bytes.
      early: What libsndfile said.
      start_seconds: Where the clip begins.
      max_seconds: What comes after, counted from the start, is not read; may be infinite.
      channel: The only channel to take; None: the mean of all.

    Raises:
      AudioError: If there is nothing of the clip in it, or it is damaged.
    """
    with content_of(source) as content:
        links = ogg_links(content)
        if len(links) > 1:
            return _read_links(links, start_seconds, max_seconds, channel)
        mended = mend_size(content)
        if mended is not None:
            if not mended:
                return early.outcome()
            try:
                return _read_stream(as_file(content), start_seconds, max_seconds, channel)
            except StoppedEarly as again:
                return again.outcome()
            except UnknownFormat:
                return early.outcome()
    try:
        sound = read_ffmpeg(source, start_seconds, max_seconds, channel)
    except UnknownFormat:
        return early.outcome()
    except AudioError as error:
        if early.sound is None and error.reason is Reason.TOO_SHORT:  # it knows where the file really ends
            raise
        return early.outcome()
    have = 0 if early.sound is None else len(early.sound.samples) / early.sound.rate
    # FFmpeg counts the encoder's padding where libsndfile takes it away.
    longer = len(sound.samples) / sound.rate > have + _PADDING_SECONDS
    return sound if longer or early.sound is None else early.outcome()


def _read_links(
    links: Sequence[bytes], start_seconds: float, max_seconds: float, channel: int | None
) -> MonoSound:
    """The links of a chained Ogg, one after the other at the rate of the first."""
    parts: list[MonoSound] = []
    passed = taken = 0.0
    for link in links:
        whole = start_seconds > passed
        sound = _read_link(link, math.inf if whole else max_seconds - taken, channel)
        seconds = len(sound.samples) / sound.rate
        skipped = round(max(0.0, start_seconds - passed) * sound.rate)
        passed += seconds
        if skipped < len(sound.samples):
            parts.append(replace(sound, samples=sound.samples[skipped:]))
            taken += len(parts[-1].samples) / sound.rate
        if taken >= max_seconds:
            break
    if not parts:
        raise _ends_before(start_seconds, passed)
    rate = parts[0].rate
    samples = np.concatenate([resample(part.samples, part.rate, rate) for part in parts])
    if not math.isinf(max_seconds):
        samples = samples[: frame_count(max_seconds, rate)]
    return replace(
        parts[0],
        samples=samples,
        channels=max(part.channels for part in parts),
        values=sum(part.values for part in parts),
        non_finite=sum(part.non_finite for part in parts),
        mix_power=sum(part.mix_power for part in parts),
        channel_powers=tuple(
            sum(powers) for powers in zip_longest(*(part.channel_powers for part in parts), fillvalue=0.0)
        ),
    )


def _read_link(link: bytes, max_seconds: float, channel: int | None) -> MonoSound:
    try:
        return read_soundfile(link, 0.0, max_seconds, channel)
    except StoppedEarly as early:
        return early.outcome()
    except UnknownFormat:
        try:
            return read_ffmpeg(link, 0.0, max_seconds, channel)
        except UnknownFormat as error:
            raise AudioError(Reason.UNDECODABLE, f"a part of a chained Ogg: {error}") from error


def read_ffmpeg(
    source: Source, start_seconds: float, max_seconds: float, channel: int | None = None
) -> MonoSound:
    """Reads by FFmpeg's libraries; arguments and errors as in :func:`read_soundfile`."""
    import av

    try:
        container = av.open(
            _for_ffmpeg(source),
            options=_OPTIONS,
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnknownFormat(_of_ffmpeg(error)) from error
    with container:
        if not container.streams.audio:
            raise AudioError(Reason.NO_AUDIO, "FFmpeg: the file has no audio stream")
        try:
            return _decode(container, start_seconds, max_seconds, channel)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise AudioError(Reason.UNDECODABLE, _of_ffmpeg(error)) from error


def _for_ffmpeg(source: Source) -> Any:
    """What FFmpeg opens: a name with its protocol, or a file where PyAV cannot write the name as UTF-8."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    name = f"file:{source}"
    try:
        name.encode()
    except UnicodeEncodeError:
        return source.open("rb")
    return name


def _decode(container: Any, start_seconds: float, max_seconds: float, channel: int | None) -> MonoSound:
    import av

    stream = container.streams.audio[0]
    jumped = start_seconds > _FAR_SECONDS and not _SEEKABLE.isdisjoint(container.format.name.split(","))
    if jumped:
        container.seek(round((start_seconds - _JUMP_BEFORE_SECONDS) * av.time_base))
    resamplers: dict[tuple[str, str, int], Any] = {}
    downmix = Downmix(channel)
    rate, position, taken = 0, 0, 0
    first, end = 0, math.inf
    for frame in _frames(container, stream):
        if not rate:
            rate = _checked_rate(frame.sample_rate)
            first = round(start_seconds * rate)
            end = math.inf if math.isinf(max_seconds) else first + frame_count(max_seconds, rate)
            if jumped:
                position = _heard_at(frame, stream, rate)
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form not in resamplers:  # another part of a chained file may have other channels or another rate
            resamplers[form] = av.AudioResampler(format="fltp", rate=rate)
        for planar in resamplers[form].resample(frame):
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


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames; a last packet that is cut is left out, and what comes before it is taken."""
    import av

    fault: av.FFmpegError | None = None
    for packet in container.demux(stream):
        if fault is not None and packet.size:
            raise fault
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            fault = error
    # The header of a FLAC says how much there should be: it is known to be cut.
    if fault is not None and (container.format.name == "flac" or not isinstance(fault, av.InvalidDataError)):
        raise fault


def _heard_at(frame: Any, stream: Any, rate: int) -> int:
    """Which sample of the sound a frame begins with, as the container says."""
    if frame.pts is None or not frame.time_base:
        raise AudioError(Reason.UNDECODABLE, "FFmpeg: a packet in the middle does not say when it is played")
    return round(float((frame.pts - (stream.start_time or 0)) * frame.time_base) * rate)


def _of_ffmpeg(error: BaseException) -> str:
    return f"FFmpeg: {getattr(error, 'strerror', None) or error or type(error).__name__}"


def _checked_rate(rate: int) -> int:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        detail = f"sample rate {rate} Hz; accepted: {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise AudioError(Reason.UNDECODABLE, detail)
    return rate


def _ends_before(start_seconds: float, seconds: float) -> AudioError:
    return AudioError(
        Reason.TOO_SHORT, f"the clip begins at {start_seconds:g} s, the file ends at {seconds:g} s"
    )


def frame_count(seconds: float, rate: int) -> int:
    """Frames of so many seconds, at least one."""
    return max(1, round(seconds * rate))
