"""The champion and a version compete on today's axes, with the margins that the run measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from components.common.frontier.challenge import as_incumbent, challenge
from components.common.frontier.settings import GateDemands
from components.common.tracking.registered import with_figures
from pipeline.models.promotion.evidence import gather
from tests.pipeline.models.promotion.pushed import NAME, SMALL, STRONG, number


def test_the_same_file_is_not_beaten_by_itself(registry: Any, tmp_path: Path) -> None:
    """Measured again in another session against another reference, it would not even compare."""
    version = registry.get_model_version(NAME, number(registry, SMALL))
    evidence, _ = gather(registry, version, tmp_path)
    known = with_figures(version)
    assert known.standing is not None
    again = replace(known, standing=known.standing.model_copy(update={"reference_sha256": "0" * 64}))
    champion = as_incumbent(evidence, again, GateDemands())
    assert champion.reason
    unbeaten, words = challenge(evidence, GateDemands(), GateDemands(), champion)
    assert unbeaten
    assert "is the same file" in words


def test_margins_are_those_of_the_run_where_the_axes_are_its_own(registry: Any, tmp_path: Path) -> None:
    evidence, _ = gather(registry, registry.get_model_version(NAME, number(registry, SMALL)), tmp_path)
    strong = with_figures(registry.get_model_version(NAME, number(registry, STRONG)))
    assert strong.standing is not None
    champion, gate = as_incumbent(evidence, strong, GateDemands()), GateDemands()
    assert not challenge(evidence, gate, gate, champion)[0]
    # STRONG is better by 0.05 and by a tenth of the latency: within these margins nothing is.
    wide = [axis.model_copy(update={"margin": 0.5}) for axis in evidence.judged.axes]
    noisy = replace(evidence, judged=evidence.judged.model_copy(update={"axes": wide}))
    assert challenge(noisy, gate, gate, champion)[0]
    assert not challenge(noisy, gate, None, champion)[0]
