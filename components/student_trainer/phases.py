"""The plan of a training: which form the bottleneck has in which epoch, and the SVD schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    QAT a last one, ``qat``, takes over the weights of the one before.

    Raises:
      ValueError: If there are fewer epochs than phases.
    """
    shares: list[tuple[PhaseName, float]] = []
    if spec.low_rank:
        if settings.svd.begin > 0:
            shares.append(("float", settings.svd.begin))
        shares.append(("annealed", settings.svd.end))
        if spec.qat == "none" or settings.svd.end < settings.qat_begin:
            shares.append(("factored", settings.qat_begin if spec.qat != "none" else 1.0))
    else:
        shares.append(("float", settings.qat_begin if spec.qat != "none" else 1.0))
    if spec.qat != "none":
        shares.append(("qat", 1.0))
    if settings.epochs < len(shares):
        names = ", ".join(name for name, _ in shares)
        raise ValueError(
            f"{spec.candidate_id}: training.epochs is {settings.epochs}, but its phases ({names}) "
            f"need at least {len(shares)}"
        )
    phases: list[Phase] = []
    first = 0
    for index, (name, until) in enumerate(shares):
        latest_end = settings.epochs - (len(shares) - index - 1)
        end = min(max(round(until * settings.epochs), first + 1), latest_end)
        phases.append(Phase(name, first, end - 1))
        first = end
    return phases


def svd_alpha(step: int, steps: int) -> float:
    """Weight of the full matrix at ``step`` of the ``steps`` of the annealed phase.

    Falls linearly from 1 at the first step to exactly 0 at the last: the factors that ship must have
    carried the whole load before the full matrix is dropped.
    """
    return 1.0 - step / (steps - 1) if steps > 1 else 0.0


def refit_steps(steps: int, refits: int) -> set[int]:
    """Steps of the annealed phase before which the factors are fitted anew, the first included."""
    return {steps * index // refits for index in range(refits)}


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear rise, then cosine decay to ``final_rate``, over all phases together."""
    warm = settings.warmup * steps
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    done = (step - warm) / max(steps - warm, 1)
    cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return settings.learning_rate * (settings.final_rate + (1 - settings.final_rate) * cosine)
