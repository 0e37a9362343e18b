"""The deciding protocol in words, as reports carry it."""

from __future__ import annotations

from collections.abc import Sequence

from components.noss_evaluator.intervals import MIN_SPEAKERS
from components.noss_evaluator.settings import NossEvaluatorSettings

PROTOCOL_VERSION = 1
"""Version of the measurement, raised by hand with every change of code that changes a figure.

It stands in the words of the protocol, so figures of different versions are never compared, and registered
models stay comparable through every other change of the code. ``test_golden_figures.py`` holds figures of
each version and fails if they change without it.
"""


def describe_protocol(settings: NossEvaluatorSettings, seed: int) -> str:
    """The deciding protocol in words; models whose words differ are not compared.

    The seed is among them: only the same draws can be paired.
    """
    strict = settings.strict
    kinds = {
        "linear": f"multinomial logistic regression (L2, C of {_listed(strict.c_grid)})",
        "lda": "linear discriminant analysis",
        "mlp": f"a perceptron of {strict.hidden_units} hidden units (L2, C of {_listed(strict.c_grid)})",
        "knn": f"nearest neighbours ({_listed(strict.neighbours)})",
    }
    normalised = " (of each speaker)" if strict.speaker_normalisation == "train" else ""
    return (
        f"strict {PROTOCOL_VERSION}: standardised on train{normalised}; "
        f"{', '.join(kinds[kind] for kind in strict.probes)}, "
        "fitted on train, the linear one up to "
        f"{strict.linear_limit:g} clips x dimensions x classes; chosen on validation by the task's metric, "
        f"within a standard error by log loss; test read once; {strict.seeds} draws of train and validation, "
        f"the task's own folds in turn, {strict.speaker_folds} folds of speakers where test has fewer than "
        f"{strict.min_test_speakers}; 95 % percentile bootstrap of {settings.resamples} resamples, by "
        f"speaker where {MIN_SPEAKERS} or more are known, drawn together for tasks that share them, widened "
        f"by t(G - 1) of G speakers or sounds; all draws of seed {seed}"
    )


def _listed(grid: Sequence[float]) -> str:
    return "{" + ", ".join(f"{value:g}" for value in grid) + "}"
