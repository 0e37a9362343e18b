"""What a search makes of trainings: short ones that judge siblings, and candidates that are left out."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from components.student_trainer.executor import Executor
from components.student_trainer.settings import Siblings, TrainingSettings
from schemas.artifacts import DistillationSet, SearchDecision, StudentModel
from schemas.search_reports import LEFT_OUT, CandidatePlace, SearchReport
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.training_events import TrainingEvent
from tests.components.student_trainer.conftest import PLAIN

SETTINGS = TrainingSettings(epochs=1, warm_epochs=3, batch_size=64, batch_norm_momentum=0.8)
WARM = PLAIN.model_copy(update={"svd_rank": 4, "warm_start": PLAIN.candidate_id})
FLAT = PLAIN.model_copy(update={"pooling": "flatten", "warm_start": PLAIN.candidate_id})


def train(
    folder: Path, windows_uri: str, spec: StudentSpec, decision: SearchReport | None, **more: Any
) -> Path:
    """Runs the executor for one candidate; gives the folder of its model."""
    windows, model = DistillationSet(), StudentModel()
    windows.uri, model.uri = windows_uri, str(folder / spec.candidate_id)
    inputs: dict[str, Any] = {"windows": [windows]}
    if decision:
        made = SearchDecision()
        made.uri = str(folder / "decision")
        decision.save(made.uri)
        inputs["decision"] = [made]
    if start := more.pop("start", None):
        source = StudentModel()
        source.uri = str(start)
        inputs["start"] = [source]
    parameters = {
        "spec": spec.to_parameter(),
        "settings": SETTINGS.to_parameter(),
        "front_end": FrontEndSpec().to_parameter(),
        "seed": 5,
        "scratch_dir": str(folder.parent / "scratch"),
        "code_digest": "",
    }
    Executor().Do(inputs, {"model": [model]}, parameters | more)
    return Path(model.uri)


def decision(*chosen: StudentSpec) -> SearchReport:
    """A decision for some of three candidates."""
    return SearchReport(
        budget=0.5,
        short=0.1,
        chosen=0.3,
        grid_giga_macs=1.0,
        candidates=[
            CandidatePlace(
                candidate_id=one.candidate_id,
                chosen=one in chosen,
                why="a better one costs less",
                mega_macs=1.0,
                cost=0.1,
                expected=0.5,
            )
            for one in (PLAIN, WARM, FLAT)
        ],
    )


def test_a_short_training_judges_its_siblings_and_its_curve_is_nobodys(
    distillation_set: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        siblings = Siblings.of([PLAIN, WARM, FLAT]).to_parameter()
        model = train(tmp_path / "run", distillation_set, PLAIN, None, siblings=siblings)
    info = StudentInfo.load(model)
    assert info.screen is not None
    assert [one.candidate_id for one in info.screen.siblings] == [
        one.candidate_id for one in (PLAIN, WARM, FLAT)
    ]
    # One epoch of three steps of 64 windows; 192 and 48 windows through the network for each pooling.
    assert info.screen.epochs == pytest.approx(1 + 2 * (192 + 48) / (3 * 192))
    assert not any(hasattr(record, TrainingEvent.ATTRIBUTE) for record in caplog.records)


def test_a_short_training_that_fails_tells_what_its_siblings_compute(
    distillation_set: str, tmp_path: Path
) -> None:
    wild = SETTINGS.model_copy(update={"learning_rate": 1e30, "clip_norm": 0.0, "epochs": 2})
    model = train(
        tmp_path / "run", distillation_set, PLAIN, None,
        settings=wild.to_parameter(), siblings=Siblings.of([PLAIN, FLAT]).to_parameter(),
    )  # fmt: skip
    info = StudentInfo.load(model)
    assert info.failure and not info.left_out and info.screen is not None
    assert [one.explained for one in info.screen.siblings] == [None, None]


def test_what_a_search_leaves_out_is_written_down_and_what_it_lets_train_is_not_trained_twice(
    distillation_set: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    plain = train(first, distillation_set, PLAIN, decision(PLAIN))
    left = StudentInfo.load(train(first, distillation_set, WARM, decision(PLAIN), start=plain))
    assert left.left_out and left.failure == f"{LEFT_OUT}: a better one costs less"
    assert left.spec == WARM and left.steps == 0 and not left.learnt_nothing

    # A later search, with another decision and its artifacts elsewhere.
    caplog.clear()
    with caplog.at_level(logging.INFO):
        again = train(second, distillation_set, PLAIN, decision(PLAIN, WARM))
        warm = train(second, distillation_set, WARM, decision(PLAIN, WARM), start=again)
    assert f"{PLAIN.candidate_id}: was trained before" in caplog.messages
    assert not any("training begins" in one and PLAIN.candidate_id + ":" in one for one in caplog.messages)
    assert {file.name: file.read_bytes() for file in plain.iterdir()} == {
        file.name: file.read_bytes() for file in again.iterdir()
    }
    assert StudentInfo.load(warm).steps == 9

    # The start lies elsewhere and is the same: so is what started from it.
    third = tmp_path / "third"
    moved = shutil.copytree(again, third / "moved")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        train(third, distillation_set, WARM, decision(WARM), start=moved)
    assert f"{WARM.candidate_id}: was trained before" in caplog.messages
