from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from components.common.statistics.bootstrap import wilson_95
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.settings import TfmaSettings
from components.noss_evaluator.tasks import TaskEvaluation, write_predictions
from components.noss_evaluator.tfma_evaluation import read_predictions, write_tfma_evaluation
from schemas.noss_reports import SliceFigure, TfmaSummary
from tests.components.noss_evaluator.helpers import make_task


def evaluated(clips: Sequence[Entry], predicted: Sequence[str], **record: Any) -> TaskEvaluation:
    """A task on which somebody answered ``predicted``."""
    others = [
        replace(clip, split=split, clip_id=f"{clip.clip_id}-{split}")
        for clip in clips
        for split in ("train", "validation")
    ]
    task = make_task([*clips, *others], **record)
    answers = np.array([task.classes.index(label) for label in predicted])
    made = SimpleNamespace(
        task=task,
        tested=tuple(clips),
        predicted=answers,
        probabilities=np.eye(len(task.classes), dtype=np.float32)[answers],
    )
    return cast(TaskEvaluation, made)


def mood() -> list[Entry]:
    """Eight clips: happy and sad take turns, two speakers of four clips, half a second or two long."""
    return [
        Entry(
            f"mood/{i}", "mood", "test", ("happy", "sad")[i % 2], f"s{i // 4}", i,
            sex="f" if i < 4 else "", age="37" if i < 4 else "old", duration_s=0.5 if i < 6 else 2.0,
        )
        for i in range(8)
    ]  # fmt: skip


def voice() -> list[Entry]:
    """Four clips whose speaker is what is asked; nothing else is known of them."""
    return [Entry(f"voice/{i}", "voice", "test", f"v{i % 2}", f"v{i % 2}", 8 + i) for i in range(4)]


# Clips 0 to 5 are right, 6 and 7 wrong.
MOOD = ["happy", "sad", "happy", "sad", "happy", "sad", "sad", "happy"]
VOICE = ["v0", "v1", "v0", "v0"]


def test_slices_thresholds_and_what_tfma_itself_reads(tmp_path: Path) -> None:
    teacher = {f"mood/{i}": ("happy", "sad")[i % 2] for i in range(8)} | {
        f"voice/{i}": "v0" for i in range(4)
    }
    settings = TfmaSettings(
        confidence="off", min_slice=2, floors={"*": 0.75, "voice": 0.8, "absent": 0.5}, max_loss=0.25
    )
    folder = tmp_path / "tfma"
    evaluations = [evaluated(mood(), MOOD), evaluated(voice(), VOICE, speaker="label")]
    summary = write_tfma_evaluation(folder, evaluations, settings, teacher)

    assert TfmaSummary.load(folder) == summary
    found: dict[tuple[str, str | None, str], SliceFigure] = {
        (one.task, one.feature, one.value): one for one in summary.slices
    }
    # n, right answers of the model, right answers of the teacher: counted by hand from the lists above.
    expected = {
        ("mood", None, ""): (8, 6, 8),
        ("mood", "class", "happy"): (4, 3, 4),
        ("mood", "class", "sad"): (4, 3, 4),
        ("mood", "speaker", "s0"): (4, 4, 4),
        ("mood", "speaker", "s1"): (4, 2, 4),
        ("mood", "sex", "f"): (4, 4, 4),
        ("mood", "age", "30-39"): (4, 4, 4),
        ("mood", "age", "old"): (4, 2, 4),
        ("mood", "duration", "0-1 s"): (6, 6, 6),
        ("mood", "duration", "2-5 s"): (2, 0, 2),
        ("voice", None, ""): (4, 3, 2),
        ("voice", "class", "v0"): (2, 2, 2),
        ("voice", "class", "v1"): (2, 1, 0),
    }
    assert found.keys() == expected.keys()
    for key, (n, right, by_teacher) in expected.items():
        assert (found[key].n, found[key].accuracy, found[key].teacher) == (n, right / n, by_teacher / n)
        assert found[key].gap == pytest.approx(right / n - 0.75)
    moods = [one for one in summary.slices if one.task == "mood"]
    assert [moods[0].feature, moods[1].value] == [None, "2-5 s"]
    assert (summary.left_out, summary.validated) == (0, False)
    # mood is at its floor and exactly the allowed loss below the teacher; voice is above the teacher.
    assert sorted(summary.reasons) == [
        "absent: has a floor, but was not evaluated",
        "voice: accuracy 0.7500 is below the floor of 0.8",
    ]
    assert len(summary.thresholds) == 4

    import tfx.v1  # noqa: F401, I001
    import tensorflow_model_analysis as tfma

    validation = tfma.load_validation_result(str(folder))
    assert not validation.validation_ok and len(validation.metric_validations_per_slice) == 1
    read = {
        tuple(sorted(key)): metrics for key, metrics in tfma.load_eval_result(str(folder)).slicing_metrics
    }
    assert len(read) == len(expected)
    assert read[(("task", "voice"),)][""][""]["accuracy"]["doubleValue"] == 0.75
    assert read[(("task", "voice"),)][""][""]["accuracy_diff"]["doubleValue"] == 0.25


def test_a_loss_against_the_teacher_is_a_reason_and_small_slices_are_counted(tmp_path: Path) -> None:
    clips = [Entry(f"edge/{i}", "edge", "test", "ab"[i % 2], "", i) for i in range(10)]
    right, wrong = [clip.label for clip in clips], ["ba"[i % 2] for i in range(10)]
    teacher = {f"voice/{i}": f"v{i % 2}" for i in range(4)}
    teacher |= {f"edge/{i}": (right[:9] + wrong[9:])[i] for i in range(10)}
    # edge: 6 of 10 against the teacher's 9 is exactly what is allowed; voice: 2 of 4 against 4.
    evaluations = [evaluated(clips, right[:6] + wrong[6:]), evaluated(voice(), ["v0", "v1", "v1", "v0"])]
    settings = TfmaSettings(confidence="off", min_slice=5, max_loss=0.3)
    summary = write_tfma_evaluation(tmp_path, evaluations, settings, teacher)
    assert not summary.validated
    assert summary.reasons == ["voice: accuracy is 0.5000 below the teacher's, allowed are 0.3000"]
    # Left out are voice's two classes and two speakers, of two clips each; edge's classes have five.
    assert (len(summary.slices), summary.left_out) == (4, 4)


@pytest.mark.slow
@pytest.mark.parametrize("confidence", ["jackknife", "bootstrap"])
def test_tfmas_own_intervals(tmp_path: Path, confidence: str) -> None:
    clips = [Entry(f"t/{i:03d}", "t", "test", "ab"[i % 2], "", i) for i in range(240)]
    predicted = ["a" if i % 3 else clip.label for i, clip in enumerate(clips)]
    settings = TfmaSettings.model_validate({"confidence": confidence, "min_slice": 1})
    summary = write_tfma_evaluation(tmp_path, [evaluated(clips, predicted)], settings)
    assert summary.validated and summary.thresholds == []
    whole = summary.slices[0]
    assert whole.interval == confidence
    # 160 of 240 are right: a standard error of 0.030.
    assert 0.05 < whole.high - whole.low < 0.3 and whole.low < whole.accuracy == 160 / 240 < whole.high
    # Every clip of class a is right: TFMA's interval has no width there.
    (perfect,) = [one for one in summary.slices if one.value == "a"]
    assert (perfect.accuracy, perfect.interval) == (1.0, "wilson") and perfect.low < 0.98


def test_the_teachers_predictions_must_be_of_the_same_clips(tmp_path: Path) -> None:
    write_predictions(tmp_path / "teacher", evaluated(mood(), MOOD))
    read = read_predictions(tmp_path / "teacher")
    assert read == {f"mood/{i}": label for i, label in enumerate(MOOD)}
    with pytest.raises(ValueError, match="lack clip 'voice/0'"):
        write_tfma_evaluation(tmp_path / "tfma", [evaluated(voice(), VOICE)], TfmaSettings(), read)
    with pytest.raises(ValueError, match="holds no predictions"):
        read_predictions(tmp_path / "nobody")


def test_wilsons_interval() -> None:
    # z = 1.96, z^2 = 3.8416; 8 of 10: centre (0.8 + 0.19208) / 1.38416 = 0.71674,
    # half 1.96 / 1.38416 * sqrt(0.016 + 0.009604) = 0.22658.
    assert wilson_95(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    # 5 of 5: 5 / (5 + 3.8416) = 0.5655 to 1.
    assert wilson_95(1.0, 5) == pytest.approx((0.5655, 1.0), abs=1e-4)
