"""What the siblings of a trained student would explain, without training them.

Siblings have the same network and differ in what follows it: pooling, rank, quantisation. On the features of
the trained network the best linear map to the targets, of full or reduced rank, is known in closed form
(Izenman, "Reduced-rank regression for the multivariate linear model", 1975). It says how siblings stand to
each other and to those of other networks, not how well they do once they are trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from components.common.modeling.arithmetic import bottleneck_multiply_accumulates, multiply_accumulates
from components.common.modeling.student import Student, build_student
from components.student_trainer.augment import middle_crop
from components.student_trainer.closed_form import LinearMap, Sample, fit
from components.student_trainer.phases import is_fitted, learns_more
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.warm_start import start_from
from components.student_trainer.window_store import WindowStore
from schemas.student_reports import ScreenedStudent
from schemas.students import FrontEndSpec, StudentSpec, largest_rank

Array = np.ndarray[Any, Any]
_Joined = tuple[str, bool, bool]

# Windows that the maps are fitted on, and that they are judged by.
FITTED, JUDGED = 4096, 2048
_BATCH = 256


class _Counted(NamedTuple):
    """A network below its bottleneck: the features that it gives, and its multiply-accumulates."""

    features: int
    macs: int


def unscreened(
    siblings: Sequence[StudentSpec], front_end: FrontEndSpec, settings: TrainingSettings
) -> list[ScreenedStudent]:
    """What is known of students whose network could not be trained: what they compute.

    Args:
      siblings: Students of one network.
      front_end: Theirs.
      settings: Of their trainings.
    """
    forms = {_joined(one): one for one in siblings}
    counted = {form: _counted(build_student(one, front_end).features) for form, one in forms.items()}
    return [
        ScreenedStudent(
            candidate_id=one.candidate_id,
            explained=None,
            mega_macs=_mega_macs(one, counted[_joined(one)], one.svd_rank),
            learns=_learns(one, settings),
        )
        for one in siblings
    ]


def screen(
    student: Student,
    siblings: Sequence[StudentSpec],
    train: WindowStore,
    held_out: WindowStore,
    weights: Array,
    settings: TrainingSettings,
) -> list[ScreenedStudent]:
    """Judges siblings by closed-form maps on a trained student's features.

    Args:
      student: Trained, uncompressed.
      siblings: Students of its network; itself may be among them.
      train: Windows to fit on.
      held_out: Windows to judge by.
      weights: Of the target dimensions, ``(target_dim,)``, summing to 1.
      settings: Of their trainings.
    """
    maps: dict[_Joined, tuple[LinearMap, _Counted]] = {}
    roots = np.sqrt(weights)
    found = []
    for spec in siblings:
        form = _joined(spec)
        if form not in maps:
            own = student
            if form != _joined(student.spec):
                own = build_student(spec, student.front_end)
                start_from(own, student)
            linear = fit(_shown(own, train, roots, FITTED), _shown(own, held_out, roots, JUDGED))
            maps[form] = linear, _counted(own.features)
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
                learns=_learns(spec, settings),
            )
        )
    return found


def _learns(spec: StudentSpec, settings: TrainingSettings) -> bool:
    return learns_more(spec) or not is_fitted(spec, settings)


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


def _shown(student: Student, store: WindowStore, roots: Array, most: int) -> Sample:
    """Features and weighted targets of the first windows."""
    frames = student.front_end.frames
    forward = tf.function(
        lambda log_mel: student.features(middle_crop(log_mel, frames), training=False), reduce_retracing=True
    )
    shown = ((forward(tf.constant(log_mel)).numpy(), target) for log_mel, target in store.sequential(_BATCH))
    return Sample.of(((features, target * roots) for features, target in shown), most)
