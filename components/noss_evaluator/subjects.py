"""What can be evaluated: a student's TFLite file, the teacher, the log-mel baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from schemas.reports import TfliteReport, TfliteVariant
from schemas.students import FrontEndSpec
from schemas.teachers import TeacherSpec

Vectors = np.ndarray[Any, Any]
Network = Callable[[Vectors], Vectors]
LOGMEL = "logmel"
TEACHER = "teacher"


def _unchanged(vectors: Vectors) -> Vectors:
    return vectors


@dataclass(frozen=True)
class EvaluationSubject:
    """Something that turns windows of sound into vectors.

    Attributes:
      model: Candidate id, ``teacher`` or the baseline's name.
      kind: What it is.
      variant: Variant of a student; empty otherwise.
      sha256: Of the file (of the teacher: over its files); empty for a baseline.
      hears: Whether the networks take ``(n, samples)`` or ``(n, frames, mels)``.
      networks: One a worker; each returns one vector an input, ``(n, dim)``.
      finish: What makes clip embeddings of vectors that were averaged over a clip's windows.
    """

    model: str
    kind: Literal["student", "teacher", "baseline"]
    variant: str
    sha256: str
    hears: Literal["waveform", "log_mel"]
    networks: tuple[Network, ...]
    finish: Network = _unchanged

    @property
    def name(self) -> str:
        """Name of its folders: unique within a report."""
        return self.variant or self.model


def student_subjects(folder: str, report: TfliteReport, workers: int) -> list[EvaluationSubject]:
    """The accepted variants of a student, each run by LiteRT from the very file that may ship."""
    return [
        EvaluationSubject(
            model=report.candidate_id,
            kind="student",
            variant=variant.name,
            sha256=variant.sha256,
            hears="waveform" if variant.input == "wave" else "log_mel",
            networks=_tflite_networks(Path(folder) / variant.file, variant, workers),
        )
        for variant in report.accepted
    ]


def teacher_subject(spec: TeacherSpec, trained_uri: str | None, workers: int) -> EvaluationSubject:
    """The teacher, loaded once a worker."""
    from components.modeling.teachers import load_teacher

    teachers = [load_teacher(spec, trained_uri) for _ in range(workers)]
    return EvaluationSubject(
        model=TEACHER,
        kind="teacher",
        variant="",
        sha256=teachers[0].digest,
        hears="waveform",
        networks=tuple(teacher.embed for teacher in teachers),
    )


def logmel_subject(workers: int) -> EvaluationSubject:
    """Mean and standard deviation of each mel band over all frames of a clip: a floor to stand on."""
    return EvaluationSubject(
        model=LOGMEL,
        kind="baseline",
        variant="",
        sha256="",
        hears="log_mel",
        networks=(_moments,) * workers,
        finish=_mean_and_deviation,
    )


def make_front_end(spec: FrontEndSpec) -> Network:
    """The log-mel front end as a function of windows ``(n, samples)`` to ``(n, frames, mels)``."""
    import tensorflow as tf

    from components.modeling.frontend import LogMel

    compute = tf.function(
        LogMel(spec), input_signature=[tf.TensorSpec((None, spec.window_samples), tf.float32)]
    )

    def log_mel(windows: Vectors) -> Vectors:
        patches: Vectors = compute(windows).numpy()
        return patches

    return log_mel


def _tflite_networks(path: Path, variant: TfliteVariant, workers: int) -> tuple[Network, ...]:
    from components.modeling.litert import LiteRtModel

    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != variant.sha256:
        raise ValueError(f"{path} has sha256 {digest}, the converter reported {variant.sha256}")

    def network(model: LiteRtModel) -> Network:
        return lambda inputs: np.concatenate([model.run(inputs[i : i + 1])[0] for i in range(len(inputs))])

    return tuple(network(LiteRtModel(content)) for _ in range(workers))


def _moments(patches: Vectors) -> Vectors:
    wide = patches.astype(np.float64)
    return np.concatenate([wide.mean(axis=1), np.square(wide).mean(axis=1)], axis=1)


def _mean_and_deviation(moments: Vectors) -> Vectors:
    mean, square = np.split(moments, 2, axis=1)
    return np.concatenate([mean, np.sqrt(np.maximum(square - np.square(mean), 0.0))], axis=1)
