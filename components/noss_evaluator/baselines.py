"""Reference rows that are computed: what simple statistics of the log-mels know, and a control.

- ``logmel``: mean and deviation of each mel band over all frames of a clip.
- ``mfcc``: the same of 20 mel-frequency cepstral coefficients (the orthonormal DCT-II of a log-mel frame,
  the first one, which is its level, included) and of their slopes: regressions over two frames to either
  side, as in HTK (Young et al., The HTK Book, section 5.9). The mel bands are those of the front end.
- ``random``: normal numbers drawn from the sound's digest. The same sound has the same vector, and nothing
  else of the sound is in it: what a probe finds there is chance, or a leak.

All windows of a clip count alike; they lie side by side, so nearly every frame counts once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from components.noss_evaluator.models_under_test import ModelUnderTest
from components.noss_evaluator.settings import Baseline

Vectors = np.ndarray[Any, Any]

_COEFFICIENTS = 20
_REACH = 2
_RANDOM_DIM = 128


def baseline_under_test(name: Baseline, workers: int) -> ModelUnderTest:
    """A baseline, or the control, by its name."""
    if name == "random":
        return ModelUnderTest(
            model=name,
            kind="control",
            variant="",
            sha256="",
            input_kind="digest",
            networks=(random_vectors,),
        )
    return ModelUnderTest(
        model=name,
        kind="baseline",
        variant="",
        sha256="",
        input_kind="log_mel",
        networks=({"logmel": _moments, "mfcc": _mfcc_moments}[name],) * workers,
        finish=_mean_and_deviation,
    )


def random_vectors(digests: Vectors) -> Vectors:
    """Normal numbers ``(n, 128)``, float32, each row drawn from a hexadecimal digest."""
    rows = [np.random.default_rng(int(digest, 16)).normal(size=_RANDOM_DIM) for digest in digests.tolist()]
    return np.array(rows, np.float32)


def mfcc_with_slopes(patches: Vectors) -> Vectors:
    """20 coefficients and their slopes a frame: ``(n, frames, mels)`` to ``(n, frames, 40)``, float64.

    At the edges of a patch the outermost frame is repeated.
    """
    from scipy.fft import dct

    coefficients = dct(patches.astype(np.float64), type=2, norm="ortho", axis=-1)[..., :_COEFFICIENTS]
    padded = np.pad(coefficients, ((0, 0), (_REACH, _REACH), (0, 0)), mode="edge")
    frames = coefficients.shape[1]
    steps = range(-_REACH, _REACH + 1)
    slopes = sum(step * padded[:, _REACH + step : _REACH + step + frames] for step in steps)
    return np.concatenate([coefficients, slopes / sum(step * step for step in steps)], axis=-1)


def _mfcc_moments(patches: Vectors) -> Vectors:
    return _moments(mfcc_with_slopes(patches))


def _moments(frames: Vectors) -> Vectors:
    """Means over time of values and of their squares: they can be averaged over a clip's windows."""
    wide = frames.astype(np.float64)
    return np.concatenate([wide.mean(axis=1), np.square(wide).mean(axis=1)], axis=1)


def _mean_and_deviation(moments: Vectors) -> Vectors:
    mean, square = np.split(moments, 2, axis=1)
    return np.concatenate([mean, np.sqrt(np.maximum(square - np.square(mean), 0.0))], axis=1)
