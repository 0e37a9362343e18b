"""What a student says of itself: levels of its factors, in words."""

from __future__ import annotations

from schemas.students import StudentSpec


def test_levels_are_words_and_an_architectures_own_bear_its_name() -> None:
    spec = StudentSpec.model_validate(
        {
            "architecture": {"name": "resnet", "width": 16, "depths": [1, 2]},
            "embedding_width": 64,
            "statistics_skip": True,
        }
    )
    levels = spec.levels()
    assert (levels["architecture.name"], levels["architecture.width"]) == ("resnet", "16")
    assert levels["architecture.depths"] == "1, 2"
    assert (levels["embedding_width"], levels["svd_rank"], levels["qat"]) == ("64", "0", "none")
    assert (levels["statistics_skip"], levels["warm_start"]) == ("yes", "none")
    assert "architecture" not in levels
