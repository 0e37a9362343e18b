from __future__ import annotations

from typing import Any

import pytest

from components.noss_evaluator.protocol import describe_protocol
from components.noss_evaluator.settings import NossEvaluatorSettings

PLAIN = describe_protocol(NossEvaluatorSettings(), 20)


@pytest.mark.parametrize(
    "strict",
    [
        {"probes": ("linear",)},
        {"c_grid": (0.5,)},
        {"neighbours": (3,)},
        {"linear_limit": 1e6},
        {"seeds": 1},
        {"min_test_speakers": 9},
        {"speaker_folds": 7},
        {"speaker_normalisation": "train"},
    ],
)
def test_other_rules_have_other_words(strict: dict[str, Any]) -> None:
    assert describe_protocol(NossEvaluatorSettings.model_validate({"strict": strict}), 20) != PLAIN


def test_what_is_no_rule_changes_no_word() -> None:
    settings = NossEvaluatorSettings(workers=7, paper="all", fidelity=False, baselines=("logmel",))
    assert describe_protocol(settings, 20) == PLAIN
    assert describe_protocol(NossEvaluatorSettings(resamples=200), 20) != PLAIN


def test_other_draws_have_other_words() -> None:
    assert describe_protocol(NossEvaluatorSettings(), 21) != PLAIN
