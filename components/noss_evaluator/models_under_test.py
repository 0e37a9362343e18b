"""What can be evaluated: whatever turns windows of sound into vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from schemas.noss_reports import ModelKind
from schemas.students import FrontEndSpec
from schemas.teachers import TeacherSpec, licence_of
from schemas.tensors import VariantInput
from schemas.tflite_reports import TfliteReport

Vectors = np.ndarray[Any, Any]
Network = Callable[[Vectors], Vectors]
InputKind = Literal["waveform", "log_mel", "clip"]
TEACHER = "teacher"


def _unchanged(vectors: Vectors) -> Vectors:
    return vectors


@dataclass(frozen=True)
class ModelUnderTest:
    """Something that turns windows of sound into vectors.

    Attributes:
      model: Candidate id, ``teacher``, or the name of a baseline or reference.
      kind: What it is.
      variant: Variant of a student; empty otherwise.
      sha256: Of the file (of several files: over all of them); empty for a baseline.
      input_kind: Networks take windows ``(n, samples)``, their log-mels ``(n, frames, mels)``, whole
        sounds of one length ``(n, samples)``, or merely the sounds' digests ``(n,)``.
      networks: One a worker; each returns one vector an input, ``(n, dim)``.
      finish: What makes clip embeddings of vectors that were averaged over a clip's windows.
      licence: Of the model, where it was stated.
    """

    model: str
    kind: ModelKind
    variant: str
    sha256: str
    input_kind: InputKind | Literal["digest"]
    networks: tuple[Network, ...]
    finish: Network = _unchanged
    licence: str = ""

    @property
    def name(self) -> str:
        """Name of its folders: unique within a report."""
        return self.variant or self.model


def students_under_test(folder: str, report: TfliteReport, workers: int) -> list[ModelUnderTest]:
    """The accepted variants of a student, each run by LiteRT from the very file that may ship."""
    return [
        student_under_test(
            Path(folder) / variant.file,
            report.candidate_id,
            variant.name,
            variant.input,
            variant.sha256,
            workers,
        )
        for variant in report.accepted
    ]


def student_under_test(
    path: Path, candidate_id: str, variant: str, input: VariantInput, sha256: str, workers: int
) -> ModelUnderTest:
    """One variant of a student.

    Raises:
      ValueError: If the file is not the one that was reported.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ValueError(f"{path} has sha256 {digest}, its report says {sha256}")
    return ModelUnderTest(
        model=candidate_id,
        kind="student",
        variant=variant,
        sha256=digest,
        input_kind="log_mel" if input == "core" else "waveform",
        networks=tflite_networks(content, workers, input),
    )


def teacher_under_test(
    spec: TeacherSpec, trained_uri: str | None, workers: int, kind: ModelKind = "teacher", name: str = TEACHER
) -> ModelUnderTest:
    """The teacher, or a reference that is described as one, loaded once a worker.

    The teacher is given the windows that its students learn on. A reference is given whole clips, as
    its authors would let it: it cuts them into windows of its own, if it has any.
    """
    from components.common.modeling.teachers import load_teacher

    teachers = [load_teacher(spec, trained_uri) for _ in range(workers)]
    return ModelUnderTest(
        model=name,
        kind=kind,
        variant="",
        sha256=teachers[0].digest,
        input_kind="waveform" if kind == "teacher" else "clip",
        networks=tuple(teacher.embed for teacher in teachers),
        licence=licence_of(spec),
    )


def tflite_networks(content: bytes, workers: int, input: VariantInput = "wave") -> tuple[Network, ...]:
    """A TFLite file behind one interpreter a worker, asked about one window after the other."""
    from components.common.modeling.stream_model import open_variant

    return tuple(open_variant(content, input).run_each for _ in range(workers))


@cache
def make_front_end(spec: FrontEndSpec) -> Network:
    """The log-mel front end as a function of windows ``(n, samples)`` to ``(n, frames, mels)``."""
    import tensorflow as tf

    from components.common.modeling.frontend import LogMel

    compute = tf.function(
        LogMel(spec), input_signature=[tf.TensorSpec((None, spec.window_samples), tf.float32)]
    )

    def log_mel(windows: Vectors) -> Vectors:
        patches: Vectors = compute(windows).numpy()
        return patches

    return log_mel
