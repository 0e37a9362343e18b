"""Sound files whose header does not say how long they are, or says it wrongly."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import soundfile

from tests.components.common.audio.sounds import Samples, sine


def encoded(samples: Samples, rate: int, form: str, subtype: str) -> bytes:
    """A file of libsndfile's."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


VARIABLE = {"flags": "+qscale", "global_quality": "236"}


def by_ffmpeg(
    samples: Samples,
    rate: int,
    codec: str,
    container: str,
    coding: dict[str, str] | None = None,
    **options: str,
) -> bytes:
    """A mono file of FFmpeg's; ``coding`` are options of the encoder, the others of the container."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, container_options=options) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono", options=coding)
        stream.codec_context.open()
        convert = av.AudioResampler(format=stream.codec_context.format)
        size = stream.codec_context.frame_size or 1024
        for at in range(0, len(samples), size):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + size, 0], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            for converted in convert.resample(frame):
                output.mux(stream.encode(converted))
        # FLAC ends with an empty packet, which Ogg refuses.
        output.mux([packet for packet in stream.encode(None) if packet.size])
    return file.getvalue()


def two_tones(rate: int = 16_000) -> tuple[Samples, Samples]:
    """Two seconds at 440 Hz, and three at 900 Hz."""
    return sine(2.0, rate), sine(3.0, rate, 900.0)


def chained(codec: str, second_rate: int = 16_000) -> bytes:
    """Two Ogg streams, one after the other."""
    parts = (two_tones()[0], 16_000), (two_tones(second_rate)[1], second_rate)
    if codec == "FLAC":
        return b"".join(by_ffmpeg(*part, "flac", "ogg") for part in parts)
    return b"".join(encoded(*part, "OGG", codec) for part in parts)


def whole(form: str, subtype: str, rate: int = 16_000) -> bytes:
    """Both tones in one file."""
    return encoded(np.concatenate(two_tones(rate)), rate, form, subtype)


def variable_mp3() -> bytes:
    """An MP3 of variable rate without the header that counts its frames; a quiet beginning misleads."""
    loud = np.random.default_rng(0).normal(0, 0.2, (8 * 16_000, 1)).astype(np.float32)
    samples = np.concatenate([sine(4.0, 16_000, amplitude=0.01), loud])
    return by_ffmpeg(samples, 16_000, "libmp3lame", "mp3", VARIABLE, write_xing="0")


def joined_mp3() -> bytes:
    """Two MP3s with a header each, put end to end."""
    return b"".join(encoded(tone, 16_000, "MP3", "MPEG_LAYER_III") for tone in two_tones())


def counted_mp3(frames: int) -> bytes:
    """An MP3 whose header counts so many frames."""
    data = bytearray(whole("MP3", "MPEG_LAYER_III"))
    at = max(data.find(b"Xing"), data.find(b"Info"))
    data[at + 8 : at + 12] = frames.to_bytes(4, "big")
    return bytes(data)


def counted_flac(samples: int) -> bytes:
    """A FLAC whose header counts so many samples; 0: it does not know."""
    data = bytearray(whole("FLAC", "PCM_16"))
    bits = int.from_bytes(data[18:26], "big") >> 36 << 36 | samples
    data[18:26] = bits.to_bytes(8, "big")
    return bytes(data)


def sized(form: str, size: int, subtype: str = "PCM_16", rate: int = 16_000) -> bytes:
    """A file whose chunk of sound claims so many bytes."""
    data = bytearray(whole(form, subtype, rate))
    if form == "AU":
        data[8:12] = size.to_bytes(4, "big")
    elif form == "RF64":
        data[28:36] = size.to_bytes(8, "little")
    else:
        order, name = ("big", b"SSND") if form == "AIFF" else ("little", b"data")
        at = data.find(name) + 4
        data[at : at + 4] = size.to_bytes(4, order)  # type: ignore[arg-type]
    return bytes(data)
