"""What pooled attempts are for: accepted figures contain the truth as often as their intervals promise."""

from __future__ import annotations

import numpy as np
import pytest

from components.latency_benchmark.attempts import Pooled, measure
from components.latency_benchmark.figures import ratio
from components.latency_benchmark.finished import FinishedSessions
from tests.components.latency_benchmark.scripted import REFERENCE, SETTINGS, Scripted, model

MODELS = [model(f"m{number:02d}") for number in range(20)]
LIKE = SETTINGS.model_copy(update={"rounds": 3, "min_runs": 3, "attempts": 3})


def accepted(session_sd: float, measurements: int) -> tuple[list[Pooled], int]:
    """What is valid of models that all take 1 ms, but in each session by chance more or less."""
    rng = np.random.default_rng(11)
    found, tried = [], 0
    for seed in range(measurements):
        effects = rng.normal(0, session_sd, (len(MODELS), LIKE.sessions * LIKE.attempts))
        number = {model.key: index for index, model in enumerate(MODELS)}

        def milliseconds(
            key: str, session: int, round_number: int, effects: np.ndarray = effects, number: dict = number
        ) -> float:
            return 1.0 if key == REFERENCE.key else float(np.exp(effects[number[key], session - 1]))

        measured = measure(Scripted(milliseconds), REFERENCE, MODELS, LIKE, seed, FinishedSessions(None))
        found += [measured.pooled[model.key] for model in MODELS if measured.is_valid(model.key)]
        tried += len(MODELS)
    return found, tried


@pytest.mark.parametrize(
    # Measured again until three sessions agree within 5 %, these were .94, .905, .81 and .61.
    ("session_sd", "least_coverage"),
    [(0.02, 0.92), (0.03, 0.92), (0.05, 0.9), (0.08, 0.9)],
)
def test_accepted_intervals_contain_the_truth(session_sd: float, least_coverage: float) -> None:
    found, tried = accepted(session_sd, measurements=10)
    assert len(found) >= 0.9 * tried, "and nearly all are accepted"
    intervals = [ratio(one.timings, one.reference, 0) for one in found]
    assert np.mean([one.low <= 1 <= one.high for one in intervals]) >= least_coverage
