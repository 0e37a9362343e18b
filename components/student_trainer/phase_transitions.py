"""From one form of a student to the next, with the weights carried over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from components.common.modeling import bottleneck as bottlenecks
from components.common.modeling.quantisation import calibrate
from components.common.modeling.student_network import Student
from components.common.modeling.whole_network import flat_core, quantised_network
from components.student_trainer.phases import PhaseName

Array = np.ndarray[Any, Any]


def enter_phase(
    student: Student, phase: PhaseName, rank: int, seed: int, patches: Iterable[Array]
) -> Student:
    """The student in the form that a phase trains.

    Args:
      student: In the form of the phase before.
      phase: The phase that begins; factors for what was a full matrix are fresh.
      rank: Of the bottleneck's factors.
      seed: Of the randomised SVD.
      patches: Batches of log-mels ``(batch, frames, mels)`` that show the factors which features there are,
        and the quantisers their ranges.
    """
    if phase == "annealed":
        return _annealed(student, rank, seed, patches)
    if phase == "factored":
        return _factored(student, rank)
    if phase == "qat":
        return _quantised(student, patches)
    return student


def is_annealed(student: Student) -> bool:
    """Whether its bottleneck is on the way from full to factored."""
    return any(isinstance(layer, bottlenecks.AnnealedDense) for layer in student.bottleneck.layers)


def is_factored(student: Student) -> bool:
    """Whether its bottleneck has two factors."""
    return any(layer.name == "reduce_dense" for layer in student.bottleneck.layers)


def sample_features(student: Student, patches: Iterable[Array]) -> Array:
    """What the bottleneck takes of batches of log-mels, ``(windows, features)``, float32."""
    features = [student.features(batch, training=False).numpy() for batch in patches]
    return np.concatenate(features).astype(np.float32)


def rank_of(student: Student, patches: Iterable[Array]) -> int:
    """The rank that the candidate asks for, or that keeps the energy it asks for; 0 for a full matrix.

    Args:
      student: With a full bottleneck.
      patches: Batches of log-mels ``(batch, frames, mels)`` that show which outputs there are.
    """
    if student.spec.svd_energy:
        kernel, _ = student.bottleneck.get_layer("embedding_dense").get_weights()
        features = sample_features(student, patches)
        return bottlenecks.rank_for_energy(kernel, student.spec.svd_energy, features)
    return student.spec.svd_rank


def _annealed(student: Student, rank: int, seed: int, patches: Iterable[Array]) -> Student:
    width, units = student.features.output_shape[-1], student.spec.embedding_width
    bottleneck = bottlenecks.annealed(width, units, rank)
    layer = bottleneck.get_layer("annealed")
    kernel, bias = student.bottleneck.get_layer("embedding_dense").get_weights()
    layer.full.assign(kernel)
    layer.bias.assign(bias)
    layer.refit(sample_features(student, patches), seed)
    return student.with_bottleneck(bottleneck)


def _factored(student: Student, rank: int) -> Student:
    width, units = student.features.output_shape[-1], student.spec.embedding_width
    bottleneck = bottlenecks.factored(width, units, rank)
    if is_annealed(student):
        trained = student.bottleneck.get_layer("annealed")
        bottleneck.get_layer("reduce_dense").set_weights([trained.reduce.numpy()])
        bias = trained.bias.numpy() + trained.shift.numpy()
        bottleneck.get_layer("embedding_dense").set_weights([trained.expand.numpy(), bias])
    return student.with_bottleneck(bottleneck)


def _quantised(student: Student, patches: Iterable[Array]) -> Student:
    if student.spec.qat == "network":
        network = quantised_network(student)
        calibrate(flat_core(student), network, patches)
        return student.with_core(network)
    bottleneck = bottlenecks.quantised(student.bottleneck)
    features = (student.features(batch, training=False).numpy() for batch in patches)
    calibrate(student.bottleneck, bottleneck, features)
    return student.with_bottleneck(bottleneck)
