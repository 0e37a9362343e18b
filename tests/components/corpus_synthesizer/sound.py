"""Runs the executor, and a front end of few lines that is independent of the project's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from components.corpus_synthesizer.executor import Executor
from components.corpus_synthesizer.settings import SynthesizerSettings

_RATE, _WINDOW, _HOP, _FFT, _MELS = 16_000, 400, 160, 512, 64


def synthesize(folder: Path, settings: SynthesizerSettings, seed: int = 20) -> Path:
    """Runs the executor and returns the artifact's folder."""
    from schemas.artifacts import SoundCorpus

    corpus = SoundCorpus()
    corpus.uri = str(folder)
    Executor().Do({}, {"corpus": [corpus]}, {"settings": settings.to_parameter(), "seed": seed})
    return folder


def log_mel_statistics(paths: Sequence[Path]) -> np.ndarray:
    """Mean and standard deviation over time of 64 log-mels: ``(clips, 128)``."""
    filters = _filters()
    rows = []
    for path in paths:
        samples, rate = soundfile.read(path)
        assert rate == _RATE
        frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
        log_mel = np.log(np.abs(np.fft.rfft(frames, _FFT)) @ filters + 1e-3)
        rows.append(np.concatenate([log_mel.mean(0), log_mel.std(0)]))
    return np.stack(rows)


def _filters() -> np.ndarray:
    def mel(hertz: np.ndarray) -> np.ndarray:
        return 1127 * np.log(1 + hertz / 700)

    low, high = mel(np.array([125.0, 7500.0]))
    edges = np.linspace(low, high, _MELS + 2)
    bins = mel(np.linspace(0, _RATE / 2, _FFT // 2 + 1))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))
