"""Ways in which the sound of a clip gets worse: noise, a narrow band, a codec, little of it.

Each takes and gives mono int16 at 16 kHz, and leaves the sound where it is in time.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np

from components.common.audio.framing import to_float
from components.common.audio.resample import resample, to_pcm
from components.noss_evaluator.settings import Corruption
from schemas.records import SAMPLE_RATE, Audio

Samples = np.ndarray[Any, np.dtype[np.float32]]

_OPUS_RATE = 48_000  # what the decoder gives, whatever went in


def condition(corruption: Corruption) -> str:
    """A corruption in words, as in ``noise 10 dB``."""
    value = f"{corruption.value:g}"
    return {
        "noise": f"noise {value} dB",
        "band_limit": f"band of {value} Hz",
        "opus": f"opus {value} kbit/s",
        "cut": f"first {value} s",
    }[corruption.kind]


def corrupt(audio: Audio, corruption: Corruption) -> Audio:
    """The corrupted sound: the same every time."""
    kind, value = corruption.kind, corruption.value
    if kind == "cut":
        return audio[: round(value * SAMPLE_RATE)]
    if kind == "noise":
        return to_pcm(_with_noise(to_float(audio), value, _generator(audio)))
    if kind == "band_limit":
        return to_pcm(_band_limited(to_float(audio), value))
    return to_pcm(_through_opus(audio, value))


def _generator(audio: Audio) -> np.random.Generator:
    return np.random.default_rng(int(hashlib.sha256(audio.tobytes()).hexdigest(), 16))


def _with_noise(samples: Samples, snr_db: float, generator: np.random.Generator) -> Samples:
    """Adds pink noise (its power falls as 1/f) whose power is ``snr_db`` below that of the whole clip."""
    white = np.fft.rfft(generator.normal(size=len(samples)))
    white[0] = 0.0
    pink = np.fft.irfft(white / np.sqrt(np.maximum(np.arange(len(white)), 1)), len(samples))
    loudness = np.sqrt(samples.var() / max(pink.var(), 1e-20)) * 10 ** (-snr_db / 20)
    return (samples + loudness * pink).astype(np.float32)


def _band_limited(samples: Samples, rate: float) -> Samples:
    """Through another sample rate and back: what is above half of it is gone."""
    import soxr

    narrow = soxr.resample(samples, SAMPLE_RATE, rate, quality="HQ")
    return _as_long(soxr.resample(narrow, rate, SAMPLE_RATE, quality="HQ"), len(samples))


def _through_opus(audio: Audio, kilobits: float) -> Samples:
    """Encoded by libopus, in an Ogg container in memory, and decoded again.

    The container says how many samples the codec needs to start, so the decoder gives the sound back
    where it was.
    """
    import av

    encoded = io.BytesIO()
    with av.open(encoded, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = round(kilobits * 1000)
        frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    encoded.seek(0)
    with av.open(encoded) as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    decoded = np.concatenate(blocks).astype(np.float32)
    return _as_long(resample(decoded, _OPUS_RATE), len(audio))


def _as_long(samples: Samples, length: int) -> Samples:
    return np.pad(samples, (0, max(0, length - len(samples))))[:length]
