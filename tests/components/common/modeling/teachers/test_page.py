"""The examples of ``docs/reference_models.md`` work as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from components.common.modeling.teachers import load_teacher
from components.noss_evaluator.settings import NossEvaluatorSettings
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import CONFIGS
from schemas.teachers import resolve_paths
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "reference_models.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def settings(block: str) -> NossEvaluatorSettings:
    demo = yaml.safe_load((CONFIGS / "demo.yaml").read_text(encoding="utf-8"))
    return RunConfig.model_validate({**demo, **yaml.safe_load(block)}).evaluation


def test_every_example_is_a_configuration_and_every_kind_has_one() -> None:
    rows = [reference for block in blocks("yaml") for reference in settings(block).references]
    _, *in_table = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    # A reference is there already, so it is none that the run trains.
    assert sorted([*{row.kind for row in rows}, "trained"]) == sorted(in_table)
    assert sum("Wav2Vec 2.0" in row.name for row in rows) == 4


def test_functionals_of_ones_own_become_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[-1], {})
    [spec] = settings(blocks("yaml")[-1]).references
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    vectors = load_teacher(resolve_paths(spec, tmp_path)).embed(np.stack([tone, 0 * tone]).astype(np.float32))
    # 0.5 / sqrt(2) loud; 200 Hz crosses zero 400 times in 16,000 samples.
    np.testing.assert_allclose(vectors[0, :2], [0.3536, 0.025], atol=2e-3)
    np.testing.assert_array_equal(vectors[1], np.zeros(4))
