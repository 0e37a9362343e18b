"""What knows nothing must score at chance: the protocol's check of itself."""

from __future__ import annotations

from collections.abc import Sequence

from components.noss_evaluator.probes import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import NossTask
from schemas.noss_reports import SanityCheck


def check_protocol(
    tasks: Sequence[NossTask], embeddings: Matrix, settings: NossEvaluatorSettings, seed: int
) -> list[SanityCheck]:
    """Measures random embeddings, and real ones with shuffled labels, on every task.

    Args:
      tasks: The tasks.
      embeddings: float32 ``(sounds, dim)`` of log-mel statistics.
      settings: Of the protocol that is checked.
      seed: Of the random numbers.
    """
    raise NotImplementedError
