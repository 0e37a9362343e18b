"""The best linear maps from a student's features to its targets, in closed form.

What follows the pooled features is linear: the bottleneck, then the heads. For given features the map that
explains most of the targets is therefore known, of full or of reduced rank (ridge regression; Izenman,
"Reduced-rank regression for the multivariate linear model", 1975). Gradients reach it slowly, since features
are far from white.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

# Noise that the maps are made for, as a share of the features' median variance. A file that computes in int8
# adds about as much to every feature of a tensor: a map that needs the quiet ones answers with noise.
_NOISE = 0.1
# Whitening makes directions louder that explain little: only those do that would outlast this much.
_NOISE_UNDER_WHITENING = 4.0
# Of the features' variance, added to it: the best of these is taken.
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
# A direction whose answers have less than this share of the first one's variance says nothing.
_SILENT = 1e-9


class Sample(NamedTuple):
    """Windows to fit on or to judge by.

    Attributes:
      features: What the bottleneck takes, ``(windows, features)``.
      wanted: What the heads are to answer, ``(windows, outputs)``, each output times the root of its weight.
    """

    features: Array
    wanted: Array

    @classmethod
    def of(cls, batches: Iterable[tuple[Array, Array]], most: int) -> Sample:
        """The first windows of some batches of features and what is wanted of them."""
        parts, seen = [], 0
        for part in batches:
            parts.append(part)
            seen += len(part[0])
            if seen >= most:
                break
        features, wanted = zip(*parts, strict=True)
        return cls(np.concatenate(features)[:most], np.concatenate(wanted)[:most])


class Linear(NamedTuple):
    """A bottleneck and what follows it, as plain matrices.

    Attributes:
      factors: Features to embedding: one matrix, or the two of a compressed bottleneck.
      bias: Of the embedding, ``(units,)``; its mean is then 0.
      head: Embedding to wanted outputs, ``(units, outputs)``.
      head_bias: ``(outputs,)``.
    """

    factors: tuple[Array, ...]
    bias: Array
    head: Array
    head_bias: Array


@dataclass(frozen=True)
class LinearMap:
    """A linear map from features to wanted outputs, in order of what its directions explain.

    Attributes:
      mean: Of the features, ``(features,)``.
      kernel: ``(features, outputs)``.
      centre: Mean of the outputs, ``(outputs,)``.
      axes: Directions of the answers by falling variance, ``(outputs, rank)``.
      deviations: Of the answers along them, ``(rank,)``.
      noises: Deviations that noise as loud as the usual feature would have there, ``(rank,)``.
      explained: Share of the judged outputs' variance that the first directions explain, ``(rank,)``.
    """

    mean: Array
    kernel: Array
    centre: Array
    axes: Array
    deviations: Array
    noises: Array
    explained: Array

    def rank_for(self, energy: float) -> int:
        """The least rank that keeps a share of the answers' variance."""
        variances = np.square(self.deviations)
        kept = np.cumsum(variances) / max(float(variances.sum()), 1e-12)
        return min(int(np.searchsorted(kept, energy)) + 1, len(kept))

    def through(self, units: int, rank: int, whitening: float, seed: int) -> Linear:
        """The map by way of an embedding.

        The embedding has the answers' first directions, turned at random so that each of its dimensions
        carries as much as the others, and a mean variance of 1.

        Args:
          units: Dimensions of the embedding.
          rank: Of a compressed bottleneck; 0 for a full one.
          whitening: 0: directions keep their variance, so windows lie to each other as the teacher's answers
            do; 1: all have the same, but for what noise would drown.
          seed: Of the turn.
        """
        kept = min(rank or units, units, len(self.deviations))
        heard = np.hypot(self.deviations, _NOISE_UNDER_WHITENING**0.5 * self.noises)
        scale = heard[:kept] ** -whitening
        size = np.sqrt(np.square(self.deviations[:kept] * scale).sum() / units)
        narrow = self.kernel @ self.axes[:, :kept] * (scale / size)
        turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(units, units)))[0][:kept]
        if rank:
            empty = ((0, 0), (0, rank - kept)), ((0, rank - kept), (0, 0))
            factors: tuple[Array, ...] = (np.pad(narrow, empty[0]), np.pad(turn, empty[1]))
        else:
            factors = (narrow @ turn,)
        head = turn.T @ (self.axes[:, :kept] * (size / scale)).T
        return Linear(factors, -(self.mean @ narrow) @ turn, head, self.centre)


def fit(fitted: Sample, judged: Sample) -> LinearMap:
    """The best map on some windows, by its answers on others.

    Args:
      fitted: Windows to fit on.
      judged: Windows to judge by: they choose how much the map is shrunk.
    """
    features, wanted = fitted
    mean, variance = features.mean(0), features.var(0)
    usual = float(np.median(variance[variance > 0])) if variance.any() else 1.0
    scale = np.sqrt(variance + _NOISE * usual)
    white, unseen = (features - mean) / scale, (judged.features - mean) / scale
    centre = wanted.mean(0)
    covariance, noise = white.T @ white / len(white), usual / np.square(scale)
    cross = white.T @ (wanted - centre) / len(white)
    noisy, aim = covariance + _NOISE * np.diag(noise), judged.wanted - centre
    kernels = [np.linalg.solve(noisy + ridge * np.eye(len(noisy)), cross) for ridge in _RIDGES]
    kernel = min(kernels, key=lambda each: float(np.square(unseen @ each - aim).sum()))
    axes, deviations = _directions(kernel, covariance)
    explained = _explained(unseen @ kernel, axes, aim)
    noises = np.sqrt(noise @ np.square(kernel @ axes))
    return LinearMap(mean, kernel / scale[:, None], centre, axes, deviations, noises, explained)


def _directions(kernel: Array, covariance: Array) -> tuple[Array, Array]:
    variances, axes = np.linalg.eigh(kernel.T @ covariance @ kernel)
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    rank = max(1, int((variances > variances[0] * _SILENT).sum()))
    return axes[:, :rank], np.sqrt(np.maximum(variances[:rank], 1e-12))


def _explained(answers: Array, axes: Array, wanted: Array) -> Array:
    along, true = answers @ axes, wanted @ axes
    # Axes are orthogonal: each takes its own part of the error away.
    gains = (2 * along * true - np.square(along)).sum(0)
    share: Array = np.cumsum(gains) / np.square(wanted).sum()
    return share
