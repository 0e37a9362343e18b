"""Writes sound files whose bytes depend on nothing but the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.common.audio.resample import FloatAudio, to_pcm

_OPUS_BITS_PER_SECOND = 48_000
_OPUS_OPTIONS = {"compression_level": "2"}  # at the default, encoding takes longer than all the rest


def write_sound(path: Path, audio: FloatAudio, rate: int, target_rate: int) -> None:
    """Writes 16-bit wav or flac, or Opus in ogg, after the suffix of ``path``.

    Args:
      path: Its folder must exist.
      audio: ``(samples,)`` in [-1, 1].
      rate: Sample rate of ``audio`` in Hz.
      target_rate: Sample rate of the file in Hz.
    """
    if rate != target_rate:
        import soxr

        audio = soxr.resample(audio, rate, target_rate, quality="HQ")
    pcm = to_pcm(audio)
    if path.suffix == ".ogg":
        _write_opus(path, pcm, target_rate)
    else:
        import soundfile

        soundfile.write(path, pcm, target_rate, subtype="PCM_16")


def _write_opus(path: Path, pcm: np.ndarray, rate: int) -> None:
    # libsndfile gives each ogg stream a random serial number; FFmpeg can be told not to.
    import av

    options = {"serial_offset": "1", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="ogg", options=options) as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono", options=_OPUS_OPTIONS)
        stream.bit_rate = _OPUS_BITS_PER_SECOND
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
