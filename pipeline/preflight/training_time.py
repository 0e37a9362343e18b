"""How long students train on this machine: their networks are built and asked about a few windows."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from schemas.architecture import Architecture
from schemas.students import FrontEndSpec, StudentSpec

_WINDOWS = 32
_ROUNDS = 3
# A training step computes forward, and backward for activations and for weights.
_STEP_OVER_FORWARD = 3.0


def seconds_per_window(
    students: Iterable[StudentSpec], run: FrontEndSpec
) -> dict[tuple[Architecture, FrontEndSpec], float]:
    """About what a window costs in training, for each network behind each front end among the students.

    Pooling, bottleneck and compression are left out: the network is nearly all of it.

    Args:
      students: Candidates; each network is measured once behind each front end.
      run: The run's front end.

    Returns:
      Seconds a window: three times the fastest of some forward passes.
    """
    return {
        (network, front_end): _STEP_OVER_FORWARD * _forward_seconds(network, front_end) / _WINDOWS
        for network, front_end in {(one.architecture, one.front_end_in(run)): None for one in students}
    }


def _forward_seconds(architecture: Architecture, front_end: FrontEndSpec) -> float:
    import tensorflow as tf

    from components.common.modeling.student import build_deployed

    core = build_deployed(StudentSpec(architecture=architecture), front_end, 0).core
    patches = tf.constant(np.zeros((_WINDOWS, front_end.frames, front_end.mels), np.float32))
    forward = tf.function(lambda: core(patches, training=False), autograph=False)
    forward()
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        forward()
        taken.append(time.perf_counter() - began)
    return min(taken)
