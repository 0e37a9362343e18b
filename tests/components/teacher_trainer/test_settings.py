"""A teacher's settings: what is accepted, and what an error names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.teacher_trainer.settings import Contrastive, TeacherTrainerSettings, Triplets


def test_trill_is_the_default() -> None:
    settings = TeacherTrainerSettings()
    assert settings.objective == Triplets(margin=0.2) and settings.views is None
    chosen = TeacherTrainerSettings.model_validate({"objective": {"kind": "contrastive"}, "views": {}})
    assert chosen.objective == Contrastive(projection=512)
    assert chosen.views is not None and chosen.views.equaliser.probability > 0
    assert TeacherTrainerSettings.model_validate(chosen.model_dump(mode="json")) == chosen


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"objective": {"kind": "contrastive", "margin": 0.1}}, r"objective\.contrastive\.margin"),
        ({"objective": {"kind": "triplets", "projection": 64}}, r"objective\.triplets\.projection"),
        ({"objective": {"kind": "cola"}}, "'cola' .* expected tags: 'triplets', 'contrastive'"),
        (
            {"views": {"band": {"lower_hz": [100, 3000]}}},
            "lower_hz reaches 3000 Hz and band.upper_hz begins at 2500 Hz",
        ),
        ({"views": {"noise": {"probability": 1.5}}}, r"views\.noise\.probability"),
        ({"views": {"gain": {"db": [6, -6]}}}, r"views\.gain\.db"),
        ({"min_distance_s": 20}, "min_distance_s 20 must not be above max_distance_s 10"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TeacherTrainerSettings.model_validate(given)
