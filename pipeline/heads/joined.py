"""The classifier's file: the student's, with the head behind it; and what it has to prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.common.audio.resample import TARGET_RATE
from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.noss_evaluator.probes.scaling import Matrix
from components.tflite_converter.checks import sounds
from components.tflite_converter.join import join
from pipeline.heads.metadata import Words, annotate
from pipeline.heads.network import EMBEDDING, SCORES, head_file, layers_of
from schemas.head_reports import Sigmoid
from schemas.plain_text import plain
from schemas.tensors import TensorInfo

if TYPE_CHECKING:  # who only puts registered heads together needs none of what trains them
    from components.noss_evaluator.probes.fitted import FittedProbe
    from pipeline.heads.embedded import Embedded
    from pipeline.heads.students import FrozenStudent

INPUT = "waveform"
# Softmax of sums of some thousand products in float32, in another order than in training.
_LARGEST_DIFFERENCE = 1e-3


class JoinFailed(Exception):
    """The joined file does not do what student and head do."""


@dataclass(frozen=True)
class Classifier:
    """A file with scores and embedding out.

    Attributes:
      content: The file, without metadata.
      head: The head by itself, embedding in.
      inputs: Its input.
      outputs: Scores, then the embedding.
      head_parameters: Weights and biases of the head.
      largest_difference: Of its scores from those of the head in training.
    """

    content: bytes
    head: bytes
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    head_parameters: int
    largest_difference: float


def make_classifier(student: FrozenStudent, probe: FittedProbe, embedded: Embedded) -> Classifier:
    """Joins head and student, and asks the file about all windows.

    Args:
      student: Its part of the file stays as it is.
      probe: The head.
      embedded: What the student says of the windows.

    Raises:
      JoinFailed: If an embedding differs in a single bit, or the scores are not those of the head.
    """
    layers = layers_of(probe)
    head = head_file(layers)
    content = join(student.content, head, keep_seam=EMBEDDING)
    model = flatbuffer.parse(content)
    largest = prove(student.content, content, embedded.waveforms, probe.probabilities(embedded.windows))
    return Classifier(
        content,
        head,
        flatbuffer.inputs(model),
        flatbuffer.outputs(model),
        sum(layer.parameters for layer in layers),
        largest,
    )


def assemble(
    student: bytes,
    head: bytes,
    name: str,
    labels: Sequence[str],
    point_id: str,
    licence: str,
    sigmoids: Sequence[Sigmoid] = (),
) -> bytes:
    """The annotated file of a student and a head: the same bytes wherever it is made.

    Args:
      student: The student's file.
      head: The head by itself.
      name: Of the classifier.
      labels: In the order of the scores.
      point_id: Of the student.
      licence: Of the clips.
      sigmoids: That calibrate the scores; empty: none do.

    Raises:
      ValueError: If the two, or the labels, do not fit.
    """
    words = Words(
        plain(name),
        plain(f"Classifier of {', '.join(labels)} on the embedding of {point_id}"),
        plain(licence),
    )
    return annotate(join(student, head, keep_seam=EMBEDDING), labels, TARGET_RATE, words, sigmoids)


def prove(student: bytes, classifier: bytes, waveforms: Matrix, expected: Matrix) -> float:
    """Holds a classifier against its student and against the scores that are expected of it.

    Args:
      student: The student's file.
      classifier: The joined file.
      waveforms: ``(n, samples)``; silence, noise and a sine are asked about too.
      expected: Scores of the waveforms, ``(n, classes)``.

    Returns:
      The largest difference of a score.

    Raises:
      JoinFailed: If an embedding differs in a single bit, or a score by more than float32 explains.
    """
    bare, joined = LiteRtModel(student), LiteRtModel(classifier)
    order = [output.name for output in joined.outputs]
    at = {name: index for name in (SCORES, EMBEDDING) for index, told in enumerate(order) if told == name}
    samples = waveforms.shape[1]
    further = np.stack(list(sounds(samples, TARGET_RATE, 0).values()))
    largest = 0.0
    for number, waveform in enumerate([*waveforms, *further]):
        embedding = bare.run(waveform[None])[0]
        answer = joined.run(waveform[None])
        if answer[at[EMBEDDING]].tobytes() != embedding.tobytes():
            raise JoinFailed(f"window {number}: the joined file's embedding is not the student's")
        scores = answer[at[SCORES]]
        if not np.isfinite(scores).all():
            raise JoinFailed(f"window {number}: a score is not finite")
        if number < len(expected):
            largest = max(largest, float(np.abs(scores[0] - expected[number]).max()))
    if largest > _LARGEST_DIFFERENCE:
        raise JoinFailed(
            f"the file's scores differ by {largest:.2g} from those of the head; {_LARGEST_DIFFERENCE:g} is "
            "rounding"
        )
    return largest
