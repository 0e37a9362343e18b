"""A network as a TFLite file, asked beside its Keras form."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.common.modeling.litert import LiteRtModel
from components.common.modeling.student import Student, build_student
from components.tflite_converter.conversion import convert
from schemas.students import FrontEndSpec, StudentSpec

LONG_PATCH = FrontEndSpec(frames=195, mels=80)


def student(architecture: dict[str, Any], front_end: FrontEndSpec = LONG_PATCH, **parameters: Any) -> Student:
    """A student of 1024 dimensions with fresh weights and batch normalisations that learn at once."""
    spec = StudentSpec.model_validate({"architecture": architecture, "embedding_width": 1024, **parameters})
    return build_student(spec, front_end, batch_norm_momentum=0.01)


def patches(student: Student, number: int, seed: int) -> np.ndarray[Any, Any]:
    """Log-mels of noise, in the range of those of sound."""
    shape = (number, student.front_end.frames, student.front_end.mels)
    return np.random.default_rng(seed).normal(-2, 2, shape).astype(np.float32)


def least_agreement(student: Student) -> float:
    """Converts the student, which refuses operators that are not builtin, and compares.

    The batch normalisations see one batch before: fresh ones let the signal grow from block to block, and
    the last digits of a float with it.

    Returns:
      The least cosine, over three patches, of the file's embedding and that of Keras.
    """
    student.core(patches(student, 4, seed=1), training=True)
    file = LiteRtModel(convert(student))
    heard = patches(student, 3, seed=2)
    shipped = np.concatenate([file.run(patch[None])[0] for patch in heard])
    expected = student.core(heard, training=False).numpy()
    lengths = np.linalg.norm(shipped, axis=1) * np.linalg.norm(expected, axis=1)
    return float((np.sum(shipped * expected, axis=1) / lengths).min())
