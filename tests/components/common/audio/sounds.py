"""Sound files for tests, in every format the ingestion reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

Samples = np.ndarray[Any, np.dtype[np.float32]]


def sine(
    seconds: float, rate: int, hertz: float = 440.0, channels: int = 1, amplitude: float = 0.5
) -> Samples:
    """A sine ``(frames, channels)``; channel k is louder than channel k - 1 and the mean is ``amplitude``."""
    time = np.arange(round(seconds * rate)) / rate
    mono = np.sin(2 * np.pi * hertz * time)
    gains = np.arange(1, channels + 1) / np.arange(1, channels + 1).mean() * amplitude
    return (mono[:, None] * gains).astype(np.float32)


def write_soundfile(path: Path, samples: Samples, rate: int, **options: Any) -> Path:
    """Writes by libsndfile; the extension gives the format."""
    if path.suffix == ".opus":
        options = {"format": "OGG", "subtype": "OPUS"}
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def write_pyav(path: Path, samples: Samples, rate: int, codec: str, layout: str = "mono") -> Path:
    """Writes by FFmpeg's libraries, as m4a or webm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        to_codec = av.AudioResampler(format=stream.codec_context.format)
        while (part := fifo.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
            for converted in to_codec.resample(part):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return path


def dominant_hertz(samples: np.ndarray[Any, Any], rate: int = 16_000) -> float:
    """Frequency of the strongest component."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)
