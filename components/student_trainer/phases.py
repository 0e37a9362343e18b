"""The plan of a training: which form the bottleneck has in which epoch, and the SVD schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

from components.student_trainer.settings import TrainingSettings
from schemas.students import StudentSpec

PhaseName = Literal["float", "annealed", "factored", "qat"]


@dataclass(frozen=True)
class Phase:
    """Epochs ``first`` to ``last`` (counted from 0, ``last`` included) in one form of the bottleneck."""

    name: PhaseName
    first: int
    last: int


def plan_phases(spec: StudentSpec, settings: TrainingSettings) -> list[Phase]:
    """Splits a training into phases, each of whole epochs and at least one.

    Without compression there is one, ``float``. With SVD: ``float``, ``annealed``, ``factored``. With
    QAT a last one, ``qat``, takes over the weights of the one before. What starts from its own uncompressed
    network, trained, goes without the first phase; the others share its time. Where what follows the network
    is fitted alone, there is no phase, or one for what has to be learnt.

    Raises:
      ValueError: If there are fewer epochs than phases.
    """
    shares: list[tuple[PhaseName, float]] = []
    if is_fitted(spec, settings):
        if not learns_more(spec):
            return []
        name: PhaseName = "factored" if spec.low_rank else "float"
        shares.append(("qat" if spec.qat != "none" else name, 1.0))
    elif spec.low_rank:
        if settings.svd.begin > 0:
            shares.append(("float", settings.svd.begin))
        shares.append(("annealed", settings.svd.end))
        if spec.qat == "none" or settings.svd.end < settings.qat_begin:
            shares.append(("factored", settings.qat_begin if spec.qat != "none" else 1.0))
    else:
        shares.append(("float", settings.qat_begin if spec.qat != "none" else 1.0))
    if spec.qat != "none" and not is_fitted(spec, settings):
        shares.append(("qat", 1.0))
    if starts_trained(spec) and len(shares) > 1 and shares[0][0] == "float":
        begun = shares[0][1]
        shares = [(name, (until - begun) / (1 - begun)) for name, until in shares[1:]]
    warm = bool(spec.warm_start and settings.warm_epochs)
    epochs = settings.warm_epochs if warm else settings.epochs
    if epochs < len(shares):
        names = ", ".join(name for name, _ in shares)
        raise ValueError(
            f"{spec.candidate_id}: training.{'warm_' if warm else ''}epochs is {epochs}, but its phases "
            f"({names}) need at least {len(shares)}"
        )
    phases: list[Phase] = []
    first = 0
    for index, (name, until) in enumerate(shares):
        latest_end = epochs - (len(shares) - index - 1)
        end = min(max(round(until * epochs), first + 1), latest_end)
        phases.append(Phase(name, first, end - 1))
        first = end
    return phases


def training_epochs(spec: StudentSpec, settings: TrainingSettings) -> int:
    """Epochs of a candidate's training: 0 where it is fitted alone."""
    phases = plan_phases(spec, settings)
    return phases[-1].last + 1 if phases else 0


def starts_trained(spec: StudentSpec) -> bool:
    """Whether a candidate starts from the very same network, trained without compression."""
    plain = spec.model_copy(
        update={"svd_rank": 0, "svd_energy": 0.0, "qat": "none", "sparsity": 0.0, "warm_start": ""}
    )
    return spec.warm_start == plain.candidate_id


def is_fitted(spec: StudentSpec, settings: TrainingSettings) -> bool:
    """Whether what follows a candidate's network is fitted to it and not trained with it."""
    plain = {"svd_rank": 0, "svd_energy": 0.0, "qat": "none", "sparsity": 0.0, "warm_start": ""}
    poolings = (spec.pooling,) if spec.pooling == "token" else ("gap", "flatten")
    forms = product(poolings, (False, True), (False, True))
    own = {
        spec.model_copy(
            update=plain | {"pooling": pooling, "statistics_skip": skip, "taps": taps}
        ).candidate_id
        for pooling, skip, taps in forms
    }
    return settings.linear_fit.fits_alone and spec.warm_start in own


def learns_more(spec: StudentSpec) -> bool:
    """Whether a candidate has something to learn that no linear map has: quantisation, sparsity."""
    return spec.qat != "none" or spec.sparsity > 0


def svd_alpha(step: int, steps: int, shape: str = "linear") -> float:
    """Weight of the full matrix at ``step`` of the ``steps`` of the annealed phase.

    Falls from 1 at the first step to exactly 0 at the last, along a line or half a cosine: the factors that
    ship must have carried the whole load before the full matrix is dropped.
    """
    left = 1.0 - step / (steps - 1) if steps > 1 else 0.0
    return left if shape == "linear" else 0.5 * (1.0 - math.cos(math.pi * left))


def refit_steps(steps: int, refits: int) -> set[int]:
    """Steps of the annealed phase before which the factors are refitted, the first included."""
    return {steps * index // refits for index in range(refits)}


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear rise, then cosine decay to ``final_rate``, over all phases together."""
    warm = settings.warmup * steps
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    done = (step - warm) / max(steps - warm, 1)
    cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return settings.learning_rate * (settings.final_rate + (1 - settings.final_rate) * cosine)
