"""What the siblings of a trained student would explain, without training them.

Siblings have the same network and differ in what follows it: pooling, rank, quantisation. On the features of
the trained network the best linear map to the targets, of full or reduced rank, is known in closed form
(Izenman, "Reduced-rank regression for the multivariate linear model", 1975). It says how siblings stand to
each other and to those of other networks, not how well they do once they are trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling.arithmetic import bottleneck_multiply_accumulates, multiply_accumulates
from components.common.modeling.student import Student, build_student
from components.student_trainer.augment import middle_crop
from components.student_trainer.warm_start import start_from
from components.student_trainer.window_store import WindowStore
from schemas.student_reports import ScreenedStudent
from schemas.students import FrontEndSpec, StudentSpec, largest_rank

Array = np.ndarray[Any, Any]
_Joined = tuple[str, bool, bool]

# Windows that the maps are fitted on, and that they are judged by.
FITTED, JUDGED = 4096, 2048
_BATCH = 256
# A feature that moves less than this share of its mean does not move.
_STILL = 1e-5
# Of the features' variance, added to it: the best of these is taken.
_RIDGES = (1e-3, 1e-2, 1e-1)


class _Counted(NamedTuple):
    """A network below its bottleneck: the features that it gives, and its multiply-accumulates."""

    features: int
    macs: int


@dataclass(frozen=True)
class _Map:
    """A linear map from features to targets, in order of what its directions explain.

    Attributes:
      kept: Share of the fitted answers' variance that the first directions have together, ``(rank,)``.
      explained: Share of the held-out targets' variance that they explain, ``(rank,)``.
    """

    kept: Array
    explained: Array

    def rank_for(self, energy: float) -> int:
        """The least rank that keeps a share of the answers' variance."""
        return min(int(np.searchsorted(self.kept, energy)) + 1, len(self.kept))


def unscreened(siblings: Sequence[StudentSpec], front_end: FrontEndSpec) -> list[ScreenedStudent]:
    """What is known of students whose network could not be trained: what they compute.

    Args:
      siblings: Students of one network.
      front_end: Theirs.
    """
    forms = {_joined(one): one for one in siblings}
    counted = {form: _counted(build_student(one, front_end).features) for form, one in forms.items()}
    return [
        ScreenedStudent(
            candidate_id=one.candidate_id,
            explained=None,
            mega_macs=_mega_macs(one, counted[_joined(one)], one.svd_rank),
        )
        for one in siblings
    ]


def screen(
    student: Student,
    siblings: Sequence[StudentSpec],
    train: WindowStore,
    held_out: WindowStore,
    weights: Array,
) -> list[ScreenedStudent]:
    """Judges siblings by closed-form maps on a trained student's features.

    Args:
      student: Trained, uncompressed.
      siblings: Students of its network; itself may be among them.
      train: Windows to fit on.
      held_out: Windows to judge by.
      weights: Of the target dimensions, ``(target_dim,)``, summing to 1.
    """
    maps: dict[_Joined, tuple[_Map, _Counted]] = {}
    found = []
    for spec in siblings:
        form = _joined(spec)
        if form not in maps:
            own = student
            if form != _joined(student.spec):
                own = build_student(spec, student.front_end)
                start_from(own, student)
            fitted = _fit(_shown(own, train, FITTED), _shown(own, held_out, JUDGED), weights)
            maps[form] = fitted, _counted(own.features)
        linear, counted = maps[form]
        features = counted.features
        most = min(features, spec.embedding_width, len(linear.explained))
        rank = spec.svd_rank
        if spec.svd_energy:
            rank = min(linear.rank_for(spec.svd_energy), largest_rank(features, spec.embedding_width))
        found.append(
            ScreenedStudent(
                candidate_id=spec.candidate_id,
                explained=float(linear.explained[min(rank or most, most) - 1]),
                mega_macs=_mega_macs(spec, counted, rank),
            )
        )
    return found


def _joined(spec: StudentSpec) -> _Joined:
    """What of a network's maps the bottleneck is given: students that agree have the same features."""
    return spec.pooling, spec.statistics_skip, spec.taps


def forms(siblings: Sequence[StudentSpec]) -> int:
    """How many times windows go through the network for a screen."""
    return len({_joined(one) for one in siblings})


def _counted(network: keras.Model) -> _Counted:
    return _Counted(network.output_shape[-1], multiply_accumulates(network))


def _mega_macs(spec: StudentSpec, counted: _Counted, rank: int) -> float:
    bottleneck = bottleneck_multiply_accumulates(counted.features, spec.embedding_width, rank)
    return (counted.macs + bottleneck) / 1e6


def _shown(student: Student, store: WindowStore, most: int) -> tuple[Array, Array]:
    """Features and targets of the first windows, ``(windows, features)`` and ``(windows, target_dim)``."""
    features, targets = [], []
    frames = student.front_end.frames
    forward = tf.function(
        lambda log_mel: student.features(middle_crop(log_mel, frames), training=False), reduce_retracing=True
    )
    for log_mel, target in store.sequential(_BATCH):
        features.append(forward(tf.constant(log_mel)).numpy())
        targets.append(target)
        if len(targets) * _BATCH >= most:
            break
    return np.concatenate(features)[:most], np.concatenate(targets)[:most]


def _fit(fitted: tuple[Array, Array], judged: tuple[Array, Array], weights: Array) -> _Map:
    live = weights > 0
    root = np.sqrt(weights[live])
    features, targets = fitted[0], fitted[1][:, live] * root
    unseen, wanted = judged[0], judged[1][:, live] * root
    mean, deviation = features.mean(0), features.std(0)
    moving = deviation > _STILL * np.abs(mean)
    features = (features - mean)[:, moving] / deviation[moving]
    unseen = (unseen - mean)[:, moving] / deviation[moving]
    centre = targets.mean(0)
    covariance = features.T @ features / len(features)
    cross = features.T @ (targets - centre) / len(features)
    maps = [
        _directions(np.linalg.solve(covariance + ridge * np.eye(len(covariance)), cross), covariance)
        for ridge in _RIDGES
    ]
    curves = [_explained(unseen @ kernel, axes, wanted - centre) for kernel, axes, _ in maps]
    best = max(range(len(maps)), key=lambda index: float(curves[index][-1]))
    return _Map(kept=maps[best][2], explained=curves[best])


def _directions(kernel: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """A map, the axes of its answers by falling variance, and the share of it that the first have."""
    variances, axes = np.linalg.eigh(kernel.T @ covariance @ kernel)
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    rank = max(1, int((variances > variances[0] * 1e-9).sum()))
    return kernel, axes[:, :rank], np.cumsum(variances[:rank]) / max(variances[:rank].sum(), 1e-12)


def _explained(answers: Array, axes: Array, wanted: Array) -> Array:
    """Share of the variance that the answers explain along the first axes, ``(rank,)``."""
    along, true = answers @ axes, wanted @ axes
    # Axes are orthogonal: each takes its own part of the error away.
    gains = (2 * along * true - np.square(along)).sum(0)
    share: Array = np.cumsum(gains) / np.square(wanted).sum()
    return share
