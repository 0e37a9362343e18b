"""A student whose network computes in bfloat16."""

from __future__ import annotations

import tf_keras as keras

from components.common.modeling import bottleneck as bottlenecks
from components.common.modeling.student import Student, build_student
from schemas.students import FrontEndSpec, StudentSpec


def bfloat16_student(spec: StudentSpec, front_end: FrontEndSpec, batch_norm_momentum: float) -> Student:
    """A student with fresh weights as ``build_student`` makes it, but for what its network computes in.

    The weights and the bottleneck are float32. It is for training only: what ships is built anew, and takes
    over the weights.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        student = build_student(spec, front_end, batch_norm_momentum)
    finally:
        keras.mixed_precision.set_global_policy(before)
    width = student.features.output_shape[-1]
    return student.with_bottleneck(bottlenecks.full(width, spec.embedding_width))
