"""Who is compared with whom, and who is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.noss_comparison.compare import compare
from components.noss_comparison.settings import NossComparisonSettings
from schemas.noss_reports import NossReport, SliceFigure, TfmaSummary
from tests.components.noss_comparison.made_up import make_model, make_task_set, write_report, write_samples

TASKS = ("mood", "language")


def two_models(tmp_path: Path, student: Any, teacher: Any) -> Any:
    """A teacher and a student with given scores and samples, by task."""
    task_set = make_task_set(TASKS)
    reports = []
    for name, kind, (scores, samples) in (("teacher", "teacher", teacher), ("small", "student", student)):
        model = make_model(task_set, name, 0.5, kind=kind)  # type: ignore[arg-type]
        tasks = [
            task.model_copy(update={"score": score}) for task, score in zip(model.tasks, scores, strict=True)
        ]
        model = model.model_copy(update={"tasks": tasks, "mean": float(np.mean(scores))})
        report = write_report(tmp_path / name, [model])
        by_task = dict(zip(TASKS, samples, strict=True))
        write_samples(tmp_path / name, name, dict(sorted(by_task.items())))  # language first
        reports.append(report)
    return compare(reports, task_set)


def test_differences_are_paired_by_draw(tmp_path: Path) -> None:
    # The scores of a draw move together over 0.4, the student is 0.1 below on mood in every draw, and
    # 0.2 above on language in every draw: the differences have no spread at all.
    shared = np.linspace(0.3, 0.7, 101)
    comparison = two_models(
        tmp_path,
        ((0.4, 0.7), (shared - 0.1, shared + 0.2)),
        ((0.5, 0.5), (shared, shared)),
    )
    (difference,) = comparison.against_teacher
    assert (difference.model, difference.against) == ("small", "teacher")
    assert difference.tasks["mood"] == pytest.approx((-0.1, -0.1, -0.1))
    assert difference.tasks["language"] == pytest.approx((0.2, 0.2, 0.2))
    assert (difference.difference, difference.low, difference.high) == pytest.approx((0.05, 0.05, 0.05))


def test_what_each_quantised_file_lost_against_its_own_float_file(tmp_path: Path) -> None:
    # In every draw the quantised file is 0.2 below its float file on mood and as good on language.
    task_set, shared = make_task_set(TASKS), np.linspace(0.3, 0.7, 101)
    models = []
    for name, variant, lost in (
        ("small", "wave-float32", 0.0),
        ("small", "core-float32", 0.05),
        ("small", "wave-int8", 0.2),
        ("small", "core-dynamic", 0.2),
        ("tiny", "core-float32", 0.0),
        ("tiny", "wave-int8", 0.2),
        ("lonely", "wave-int8", 0.2),
    ):
        model = make_model(task_set, name, 0.5, variant)
        scores = {"mood": 0.5 - lost, "language": 0.5}
        tasks = [task.model_copy(update={"score": scores[task.task]}) for task in model.tasks]
        model = model.model_copy(update={"tasks": tasks, "mean": float(np.mean(list(scores.values())))})
        folder = tmp_path / name / variant
        models.append(write_report(folder, [model]))
        write_samples(folder, variant, {"mood": shared - lost, "language": shared})
    found = {one.model: one for one in compare(models, task_set).against_float}
    assert {name: one.against for name, one in found.items()} == {
        "small/wave-int8": "small/wave-float32",
        "small/core-dynamic": "small/core-float32",
        "tiny/wave-int8": "tiny/core-float32",
    }
    int8, dynamic = found["small/wave-int8"], found["small/core-dynamic"]
    assert (int8.difference, int8.low, int8.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert int8.tasks["mood"] == pytest.approx((-0.2, -0.2, -0.2))
    # core-float32 itself is 0.05 below on mood: 0.15 less, 0.075 in the mean.
    assert (dynamic.difference, dynamic.low, dynamic.high) == pytest.approx((-0.075, -0.075, -0.075))


def test_the_interval_is_of_the_percentiles_of_the_difference(tmp_path: Path) -> None:
    # Differences of mood run from -0.5 to 0.5 in 1001 equal steps: percentiles 2.5 and 97.5 are -0.475
    # and 0.475; language does not differ, so the mean's are half of that.
    spread = np.linspace(-0.5, 0.5, 1001)
    comparison = two_models(
        tmp_path,
        ((0.5, 0.5), (0.5 + spread, 0.5 + 0 * spread)),
        ((0.5, 0.5), (0.5 + 0 * spread, 0.5 + 0 * spread)),
    )
    (difference,) = comparison.against_teacher
    assert difference.tasks["mood"] == pytest.approx((0.0, -0.475, 0.475))
    assert (difference.low, difference.high) == pytest.approx((-0.2375, 0.2375))


def test_order_best_variants_and_the_cap(tmp_path: Path) -> None:
    task_set = make_task_set(TASKS)
    wave, core = "wave-float32", "core-float32"
    groups = {
        "a": [make_model(task_set, "a", 0.5, wave), make_model(task_set, "a", 0.6, core)],
        "b": [make_model(task_set, "b", 0.7, wave)],
        "c": [make_model(task_set, "c", 0.4, wave)],
        "t": [make_model(task_set, "teacher", 0.8, kind="teacher")],
        "r": [
            make_model(task_set, "logmel", 0.3, kind="baseline"),
            make_model(task_set, "random", 0.1, kind="control"),
        ],
    }
    reports = [write_report(tmp_path / name, models) for name, models in groups.items()]
    comparison = compare(reports, task_set)
    assert [one.name for one in comparison.models] == [
        "random", "logmel", "teacher", "b/wave-float32", "a/core-float32", "a/wave-float32", "c/wave-float32",
    ]  # fmt: skip
    pairs = [(pair.model, pair.against) for pair in comparison.between_students]
    best = ["b/wave-float32", "a/core-float32", "c/wave-float32"]
    assert pairs == [(best[0], best[1]), (best[0], best[2]), (best[1], best[2])]
    assert all(pair.difference > 0 for pair in comparison.between_students)
    assert len(comparison.against_teacher) == 6
    beside = {(pair.model, pair.against): pair.difference for pair in comparison.against_baselines}
    students = [model for name in ("b", "a", "c") for model in groups[name]]
    floor = groups["r"][0].mean
    assert beside == pytest.approx({(one.name, "logmel"): one.mean - floor for one in students})

    capped = compare(reports, task_set, NossComparisonSettings(candidates=2))
    assert [(pair.model, pair.against) for pair in capped.between_students] == [(best[0], best[1])]
    assert (capped.paired_candidates, capped.candidates) == (2, 3)


def test_a_single_model_without_a_teacher(tmp_path: Path) -> None:
    task_set = make_task_set(TASKS)
    comparison = compare(
        [write_report(tmp_path, [make_model(task_set, "yamnet", 0.6, kind="reference")])], task_set
    )
    assert [model.name for model in comparison.models] == ["yamnet"]
    assert comparison.against_teacher == comparison.between_students == []


def other_clips(result: Any) -> Any:
    changed = result.tasks[0].model_copy(update={"data_digest": "others"})
    return result.model_copy(update={"tasks": [changed, *result.tasks[1:]]})


def other_record(result: Any) -> Any:
    changed = result.tasks[0].model_copy(update={"task_digest": "others"})
    return result.model_copy(update={"tasks": [changed, *result.tasks[1:]]})


def other_metric(result: Any) -> Any:
    changed = result.tasks[0].model_copy(update={"metric": "macro_f1"})
    return result.model_copy(update={"tasks": [changed, *result.tasks[1:]]})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_clips, "measured on other clips of 'mood': digest others, here data of mood"),
        (other_record, "measured on another record of 'mood': digest others, here "),
        (other_metric, "by macro_f1 on 'mood', teacher by accuracy"),
        (lambda one: one.model_copy(update={"tasks": one.tasks[:1]}), r"\['language'\] differ"),
        (lambda one: one.model_copy(update={"code_version": "2"}), "version of the code than teacher: 2"),
        (lambda one: one.model_copy(update={"variant": "", "model": "teacher"}), "the name of another model"),
    ],
)  # fmt: skip
def test_what_was_measured_otherwise_is_left_out_with_the_reason(
    tmp_path: Path, change: Any, reason: str
) -> None:
    task_set = make_task_set(TASKS)
    good = make_model(task_set, "good", 0.5, "wave-float32")
    odd = change(make_model(task_set, "odd", 0.7, "wave-float32"))
    teacher = make_model(task_set, "teacher", 0.8, kind="teacher")
    # The teacher comes last and is still the one that the others are held to.
    reports = [write_report(tmp_path / one.name, [one]) for one in (odd, good)]
    reports.append(write_report(tmp_path / "the teacher", [teacher]))
    comparison = compare(reports, task_set)
    assert [model.name for model in comparison.models] == ["teacher", "good/wave-float32"]
    (left_out,) = comparison.not_comparable
    assert left_out.model == odd.name
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(left_out.reason)


def test_another_protocol_and_samples_that_do_not_fit(tmp_path: Path) -> None:
    task_set = make_task_set(TASKS)
    models = {
        name: make_model(task_set, name, 0.5)
        for name in ("rules", "absent", "short", "nan", "broken", "other")
    }
    reports = [write_report(tmp_path / "teacher", [make_model(task_set, "teacher", 0.8, kind="teacher")])]
    for name, model in models.items():
        protocol = "paper" if name == "rules" else "strict: chosen on validation"
        reports.append(
            write_report(tmp_path / name, [model], protocol=protocol, refused={"int8": "not finite"})
        )
    samples = {name: tmp_path / name / NossReport.SAMPLES / f"{name}.npz" for name in models}
    samples["absent"].unlink()
    write_samples(tmp_path / "short", "short", {"mood": np.zeros(100), "language": np.zeros(100)})
    write_samples(tmp_path / "nan", "nan", {"mood": np.full(400, np.nan), "language": np.zeros(400)})
    write_samples(tmp_path / "other", "other", {"mood": np.zeros(400)})
    samples["broken"].write_bytes(b"no archive")
    comparison = compare(reports, task_set)
    reasons = {one.model: one.reason for one in comparison.not_comparable}
    assert len(comparison.models) == 1 and len(reasons) == 12
    assert "by another protocol than teacher: 'paper'" in reasons["rules"]
    assert "samples/absent.npz is not there" in reasons["absent"]
    assert "has 100 bootstrap samples, teacher has 400" in reasons["short"]
    assert "not finite" in reasons["nan"]
    assert "cannot be read: samples/broken.npz" in reasons["broken"]
    assert "cannot be read: samples/other.npz: 'language'" in reasons["other"]
    assert reasons["rules/int8"] == "was refused: not finite"


def test_nothing_to_compare_is_an_error_that_says_why(tmp_path: Path) -> None:
    task_set = make_task_set(TASKS)
    report = write_report(tmp_path, [other_clips(make_model(task_set, "small", 0.5, "core-int8"))])
    with pytest.raises(ValueError, match="no model can be compared: small/core-int8 was measured on other"):
        compare([report], task_set)
    with pytest.raises(ValueError, match="the reports hold no result"):
        compare([], task_set)


def test_tfma_evaluations_are_taken_along(tmp_path: Path) -> None:
    task_set = make_task_set(TASKS)
    report = write_report(tmp_path, [make_model(task_set, "small", 0.5, v) for v in ("a", "b")])
    figure = SliceFigure(
        task="mood", feature="sex", value="f", n=20, accuracy=0.4, low=0.2, high=0.6,
        interval="wilson", gap=-0.1,
    )  # fmt: skip
    summary = TfmaSummary(min_slice=10, slices=[figure], validated=False, reasons=["too low"])
    summary.save(tmp_path / "tfma" / "b")
    (found,) = compare([report], task_set).slices
    assert (found.model, found.tfma) == ("small/b", summary)
