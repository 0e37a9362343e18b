"""The papers' protocol: for comparison with published figures, never to decide."""

from __future__ import annotations

from components.noss_evaluator.probes import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import NossTask
from schemas.noss_reports import PaperResult


def evaluate_by_paper(
    task: NossTask, embeddings: Matrix, settings: NossEvaluatorSettings, seed: int
) -> PaperResult:
    """Measures a task by the papers' protocol.

    Args:
      task: The task.
      embeddings: float32 ``(sounds, dim)`` of all sounds.
      settings: Which metric counts.
      seed: Of the random forests.
    """
    raise NotImplementedError
