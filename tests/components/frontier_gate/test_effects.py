"""Main effects: true ones are found again, intervals hold them, and what cannot be told is not told."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.frontier_gate.effects import main_effects, why_no_effects
from components.frontier_gate.factors import MOST_LEVELS
from pipeline.configuration.grid import StudentGrid
from schemas.students import FrontEndSpec, StudentSpec
from schemas.verdicts import Effect, FrontierPoint
from tests.students import mobilenet

REPOSITORY = Path(__file__).resolve().parents[3]
Specs = Mapping[str, Mapping[str, Any]]
Figures = Callable[[Mapping[str, Any], str], tuple[float, float]]


def points_of(
    specs: Specs, figures: Figures, variants: Sequence[str] = ("wave-float32",)
) -> list[FrontierPoint]:
    """Points whose quality and latency ratio ``figures`` tells; bytes go with its square."""
    points = []
    for candidate, spec in specs.items():
        for variant in variants:
            quality, ratio = figures(spec, variant)
            points.append(
                FrontierPoint(
                    point_id=f"{candidate}/{variant}",
                    candidate_id=candidate,
                    variant=variant,
                    input="wave" if variant.startswith("wave") else "core",
                    sha256="0" * 64,
                    quality=quality,
                    quality_low=quality,
                    quality_high=quality,
                    quality_of_teacher=1.0,
                    latency_ms=10 * ratio,
                    latency_low_ms=10 * ratio,
                    latency_high_ms=10 * ratio,
                    latency_ratio=ratio,
                    peak_mib=None,
                    bytes=round(1e6 * ratio**2),
                    parameters=1,
                    goals=[],
                    goals_met=True,
                    on_frontier=True,
                    dominated_by=[],
                    blessed=True,
                    reasons=[],
                )
            )
    return points


def by_level(effects: Sequence[Effect], metric: str = "quality") -> dict[str, Effect]:
    return {f"{e.factor}={e.level}": e for e in effects if e.metric == metric}


def factorial(*levels: int) -> dict[str, dict[str, int]]:
    """All combinations of factors a, b, ... with so many levels, numbered from 0."""
    return {
        "-".join(map(str, student)): dict(zip("abcdef", student, strict=False))
        for student in product(*(range(n) for n in levels))
    }


def half_fraction() -> dict[str, dict[str, int]]:
    """Two levels of five factors in 16 of the 32 runs, the fifth the sum of the others (resolution V)."""
    full = factorial(2, 2, 2, 2)
    return {name: {**spec, "e": sum(spec.values()) % 2} for name, spec in full.items()}


def test_true_effects_are_found_again() -> None:
    specs = factorial(2, 3, 2)

    def figures(spec: Mapping[str, Any], variant: str) -> tuple[float, float]:
        quality = 0.5 + 0.1 * spec["a"] + (0.0, 0.02, -0.03)[spec["b"]] - 0.01 * (variant == "wave-int8")
        return quality, 2.0 ** spec["b"] * (0.25 if variant == "wave-int8" else 1.0)

    effects = main_effects(points_of(specs, figures, ("wave-float32", "wave-int8")), specs)

    quality, latency = by_level(effects), by_level(effects, "latency")
    assert list(quality) == ["a=1", "b=1", "b=2", "c=1", "precision=int8"]
    assert [e.effect for e in quality.values()] == pytest.approx([0.1, 0.02, -0.03, 0.0, -0.01], abs=1e-9)
    assert [e.effect for e in latency.values()] == pytest.approx([1.0, 2.0, 4.0, 1.0, 0.25])
    assert [e.effect for e in by_level(effects, "bytes").values()] == pytest.approx([1, 4, 16, 1, 1 / 16])
    b = quality["b=2"]
    assert (b.against, b.students, b.points, b.input, b.confounded) == ("0", 4, 8, "wave", [])
    assert (quality["precision=int8"].against, quality["precision=int8"].students) == ("float32", 12)


@pytest.mark.parametrize("specs", [factorial(3, 3, 2), half_fraction()], ids=["full", "fraction"])
def test_intervals_hold_the_true_effect(specs: Specs) -> None:
    """The files of one student deviate together, which is what makes naive intervals too narrow."""
    random = np.random.default_rng(7)
    variants = ("wave-float32", "wave-int8")
    held = []
    for _ in range(60):
        student = {name: random.normal(0, 0.05) for name in specs}
        true = {f"{factor}={level}": random.normal(0, 0.1) for factor in "abcde" for level in (1, 2)}
        points = points_of(specs, lambda spec, variant: (0.5, 1.0), variants)
        drawn = [
            point.model_copy(
                update={
                    "quality": student[point.candidate_id]
                    + sum(
                        true.get(f"{name}={value}", 0.0) for name, value in specs[point.candidate_id].items()
                    )
                    + random.normal(0, 0.01)
                }
            )
            for point in points
        ]
        for name, effect in by_level(main_effects(drawn, specs)).items():
            held.append(effect.low <= true.get(name, 0.0) <= effect.high)
    assert 0.92 <= np.mean(held) <= 0.985


def test_the_interval_of_two_students_by_hand() -> None:
    """int8 costs one student 0.02 and the other 0.04: 0.03, and each lies 0.01 from it.

    Drawing two of the two, the mean moves by -0.01, 0, 0 or 0.01. Widened by sqrt(2 / 1) for the one
    parameter fitted to two students, and by Student's t with one degree of freedom over the normal's 1.96.
    """
    specs = {"x": {"a": 2}, "y": {"a": 4}}
    points = points_of(
        specs,
        lambda s, v: (0.5 - 0.01 * s["a"] * (v == "wave-int8"), 1.0),
        ("wave-float32", "wave-int8"),
    )
    (effect,) = by_level(main_effects(points, specs)).values()
    arm = 0.01 * math.sqrt(2) * 12.7062 / 1.95996
    assert effect.factor == "precision"
    assert effect.effect == pytest.approx(-0.03)
    assert [effect.low, effect.high] == pytest.approx([-0.03 - arm, -0.03 + arm], rel=1e-4)


def test_files_of_one_student_are_no_independent_witnesses() -> None:
    """Four files that say the same are worth one: the interval stays as wide."""
    specs = factorial(2, 2, 3)
    random = np.random.default_rng(1)
    quality = {name: random.normal(0.5, 0.05) for name in specs}
    one = points_of(specs, lambda spec, _: (quality[_name(specs, spec)], 1.0))
    four = points_of(
        specs, lambda spec, _: (quality[_name(specs, spec)], 1.0), [f"wave-p{i}" for i in range(4)]
    )
    narrow, wide = by_level(main_effects(four, specs))["a=1"], by_level(main_effects(one, specs))["a=1"]
    assert narrow.high - narrow.low == pytest.approx(wide.high - wide.low, rel=0.02)


def _name(specs: Specs, spec: Mapping[str, Any]) -> str:
    return next(name for name, other in specs.items() if other == spec)


def test_parameters_that_change_together_have_one_effect() -> None:
    specs = {
        f"{i}-{x}": {"width": x, "kernel": "small" if x == 1 else "big", "other": i}
        for i, x in product(range(4), (1, 2))
    }
    effects = by_level(main_effects(points_of(specs, lambda s, _: (0.1 * s["width"], 1.0)), specs))
    assert list(effects) == ["width=2", "other=1", "other=2", "other=3"]
    assert effects["width=2"].effect == pytest.approx(0.1)
    assert effects["width=2"].confounded == ["kernel"]
    assert effects["other=1"].confounded == []


def test_a_sum_of_other_parameters_confounds_them_all() -> None:
    """c = 0 only where a = b = 0, and no student has both: c is a + b."""
    specs = {
        f"{a}{b}{d}": {"a": a, "b": b, "c": a + b, "d": d}
        for (a, b), d in product(((0, 0), (1, 0), (0, 1)), range(3))
    }
    effects = by_level(main_effects(points_of(specs, lambda s, _: (0.1 * s["d"], 1.0)), specs))
    assert effects["a=1"].confounded == ["c"] and effects["b=1"].confounded == ["c"]
    assert effects["d=1"].confounded == [] and effects["d=2"].effect == pytest.approx(0.2)
    assert "c=1" not in effects


def transformer(pooling: str, **parameters: Any) -> StudentSpec:
    return StudentSpec.model_validate(
        {"architecture": {"name": "audio_spectrogram_transformer"}, "pooling": pooling, **parameters}
    )


def test_an_architectures_own_parameters_are_compared_within_it() -> None:
    students = [
        *(mobilenet("small", w, embedding_width=e) for w in (0.5, 1.0) for e in (64, 128, 256)),
        *(
            StudentSpec.model_validate({"architecture": {"name": "resnet", "width": w}, "embedding_width": e})
            for w in (16, 32)
            for e in (64, 128, 256)
        ),
    ]
    specs = {student.candidate_id: student.levels(FrontEndSpec()) for student in students}

    def figures(spec: Mapping[str, Any], _: str) -> tuple[float, float]:
        resnet = spec["architecture.name"] == "resnet"
        own = 0.05 if spec["architecture.width"] in ("1.0", "32") else 0.0
        return 0.5 + 0.2 * resnet + own * (2 if resnet else 1), 1.0

    effects = by_level(main_effects(points_of(specs, figures), specs))
    assert set(effects) == {
        "architecture.name=resnet",
        "mobilenet_v3.width=1.0",
        "resnet.width=32",
        "embedding_width=128",
        "embedding_width=256",
    }
    assert effects["architecture.name=resnet"].effect == pytest.approx(0.2)
    assert effects["mobilenet_v3.width=1.0"].effect == pytest.approx(0.05)
    assert effects["resnet.width=32"].effect == pytest.approx(0.1)
    assert effects["resnet.width=32"].students == 3
    assert not any(effect.confounded for effect in effects.values())


def test_bands_of_its_own_are_held_against_the_runs() -> None:
    students = [
        *(mobilenet(embedding_width=width) for width in (64, 128, 256, 512)),
        *(mobilenet(embedding_width=width, front_end={"mels": 40}) for width in (64, 128, 256)),
    ]
    run = FrontEndSpec()
    specs = {student.candidate_id: student.levels(student.front_end_in(run)) for student in students}
    quality = {"64": 0.6, "40": 0.55}
    effects = by_level(
        main_effects(points_of(specs, lambda s, _: (quality[s["front_end.mels"]], 1.0)), specs)
    )
    found = effects["front_end.mels=40"]
    assert found.against == "64"
    assert found.effect == pytest.approx(-0.05)
    # What no student has otherwise has no effect.
    assert not any(name.startswith("front_end.hop_samples") for name in effects)


def test_a_value_that_one_architecture_alone_has() -> None:
    """Transformers alone pool by token, and one of them alone has both: no gap there to compare with."""
    students = [
        *(mobilenet(embedding_width=width) for width in (64, 128, 256, 512, 1024)),
        *(transformer(p, embedding_width=w) for p in ("token", "flatten") for w in (64, 128, 256)),
    ]
    specs = {student.candidate_id: student.levels(FrontEndSpec()) for student in students}
    quality = {"gap": 0.5, "token": 0.6, "flatten": 0.63}
    effects = by_level(main_effects(points_of(specs, lambda s, _: (quality[s["pooling"]], 1.0)), specs))
    kind, pooling = effects["architecture.name=mobilenet_v3"], effects["pooling=flatten"]
    # A mobilenet with gap against a transformer with token.
    assert kind.effect == pytest.approx(0.5 - 0.6)
    assert kind.confounded == ["pooling"]
    # Most students have gap, yet flatten stands beside token alone.
    assert pooling.effect == pytest.approx(0.03)
    assert (pooling.against, pooling.confounded) == ("token", [])
    assert not any(name.startswith(("pooling=gap", "pooling=token")) for name in effects)


def test_a_parameter_that_two_others_make_up() -> None:
    """p numbers the combinations of g and h: none of its values differs from another by p alone."""
    specs = {
        f"{g}{h}{d}": {"g": g, "h": h, "p": f"{g}{h}", "d": d}
        for g, h, d in product((0, 1), (0, 1), range(3))
    }
    effects = by_level(main_effects(points_of(specs, lambda s, _: (0.1 * s["d"], 1.0)), specs))
    assert list(effects) == ["g=1", "h=1", "d=1", "d=2"]
    assert effects["g=1"].confounded == effects["h=1"].confounded == ["p"]


def test_a_value_of_one_student_is_left_out_and_disturbs_nothing() -> None:
    specs = dict(factorial(2, 2, 3))
    figures: Figures = lambda s, _: (0.1 * s["a"] + 0.01 * s["c"], 1.0)  # noqa: E731
    alone = main_effects(points_of(specs, figures), specs)
    specs["odd"] = {"a": 0, "b": 7, "c": 0}
    effects = main_effects(points_of(specs, figures), specs)
    assert list(by_level(effects)) == list(by_level(alone)) == ["a=1", "b=1", "c=1", "c=2"]
    assert by_level(effects)["a=1"].effect == pytest.approx(0.1)


def test_a_parameter_drawn_from_a_range_has_no_effect_of_each_value() -> None:
    specs = {f"s{i}": {"a": i % 2, "rate": i // 2} for i in range(2 * MOST_LEVELS + 2)}
    effects = main_effects(points_of(specs, lambda s, _: (0.1 * s["a"], 1.0)), specs)
    assert {effect.factor for effect in effects} == {"a"}
    some = dict(list(specs.items())[:-2])
    assert "rate" in {
        effect.factor for effect in main_effects(points_of(some, lambda s, _: (0.1, 1.0)), some)
    }


def test_as_many_parameters_as_students_leave_only_what_varies_within_them() -> None:
    specs = {"x": {"a": 0, "b": 0}, "y": {"a": 1, "b": 0}, "z": {"a": 0, "b": 1}, "w": {"a": 2, "b": 1}}
    variants = ("core-float32", "core-int8")
    points = points_of(specs, lambda s, v: (0.5 + 0.1 * s["a"] - 0.02 * (v == "core-int8"), 1.0), variants)
    effects = by_level(main_effects(points, specs))
    assert list(effects) == ["precision=int8"]
    assert effects["precision=int8"].effect == pytest.approx(-0.02)


def test_students_may_lack_files() -> None:
    specs = factorial(2, 2, 3)
    variants = ("wave-float32", "wave-int8")
    random = np.random.default_rng(4)
    points = points_of(specs, lambda s, v: (0.1 * s["a"] - 0.02 * (v == "wave-int8"), 1.0), variants)
    points = [p.model_copy(update={"quality": p.quality + random.normal(0, 0.002)}) for p in points]
    del points[1], points[6]
    effects = by_level(main_effects(points, specs))
    assert effects["a=1"].low < 0.1 < effects["a=1"].high
    assert effects["precision=int8"].low < -0.02 < effects["precision=int8"].high
    assert effects["precision=int8"].students == 10


def test_inputs_are_apart_and_results_are_the_same_each_time() -> None:
    specs = factorial(2, 3)
    points = points_of(
        specs, lambda s, v: (0.1 * s["a"] * (v[0] == "c"), 1.0), ("wave-float32", "core-float32")
    )
    effects = main_effects(points, specs)
    assert effects == main_effects(points, specs)
    found = {(e.input, e.metric): e.effect for e in effects if e.factor == "a"}
    assert found["core", "quality"] == pytest.approx(0.1)
    assert found["wave", "quality"] == pytest.approx(0.0, abs=1e-9)


def test_words_for_values() -> None:
    plain = [mobilenet("small", embedding_width=width) for width in (64, 128, 256, 512)]
    students = [
        *plain,
        *(s.model_copy(update={"warm_start": plain[0].candidate_id}) for s in plain[1:]),
        *(s.model_copy(update={"statistics_skip": True}) for s in plain[1:]),
    ]
    specs = {student.candidate_id: student.levels(FrontEndSpec()) for student in students}
    effects = by_level(main_effects(points_of(specs, lambda s, _: (0.5, 1.0)), specs))
    assert effects["warm_start=another student"].against == "none"
    assert effects["statistics_skip=yes"].against == "no"


def test_nothing_varies_and_nothing_is_there() -> None:
    assert main_effects([], {}) == []
    assert main_effects(points_of({"x": {"a": 1}}, lambda s, _: (0.5, 1.0)), {"x": {"a": 1}}) == []


def test_a_candidate_without_parameters_is_named() -> None:
    points = points_of({"x": {"a": 1}, "y": {"a": 2}}, lambda s, _: (0.5, 1.0))
    with pytest.raises(ValueError, match="no parameters of y; there are those of x"):
        main_effects(points, {"x": {"a": 1}})


def test_frills_whole_grid() -> None:
    """144 students, four files each: the factors of the paper, each alone, with narrow intervals."""
    config = yaml.safe_load((REPOSITORY / "pipeline/configs/frill144.yaml").read_text())
    students = StudentGrid.model_validate(config["students"]).expand()
    specs = {student.candidate_id: student.levels(FrontEndSpec()) for student in students}
    assert len(specs) == 144
    random = np.random.default_rng(0)

    def figures(spec: Mapping[str, Any], variant: str) -> tuple[float, float]:
        quality = 0.6 - 0.02 * (spec["svd_rank"] == "100") + random.normal(0, 0.005)
        return quality, float(spec["architecture.width"]) ** 1.5 * math.exp(random.normal(0, 0.02))

    variants = ("wave-float32", "wave-dynamic", "core-float32", "core-dynamic")
    effects = main_effects(points_of(specs, figures, variants), specs)
    assert {effect.factor for effect in effects} == {
        "architecture.size",
        "architecture.width",
        "pooling",
        "svd_rank",
        "qat",
        "precision",
    }
    # Per kind of input and metric: 2 sizes, 5 widths, and one each of four others, against the reference.
    assert len(effects) == 2 * 3 * 11
    assert not any(effect.confounded for effect in effects)
    svd, width = by_level(effects)["svd_rank=100"], by_level(effects, "latency")["architecture.width=2.0"]
    assert svd.effect == pytest.approx(-0.02, abs=0.003)
    assert -0.025 < svd.low < svd.effect < svd.high < -0.015
    assert width.low < 4**1.5 < width.high < 8.2


def test_other_test_clips_widen_the_effect_on_quality() -> None:
    # The clips favour a = 1 by 0.05 * draw; students hardly differ otherwise.
    specs = factorial(2, 2, 3)
    random = np.random.default_rng(2)
    points = points_of(specs, lambda s, _: (0.5 + 0.1 * s["a"] + random.normal(0, 0.001), 1.0))
    clips = random.normal(0, 0.05, 2000)
    draws = {point.point_id: {"": point.quality + clips * specs[point.candidate_id]["a"]} for point in points}
    plain, with_clips = main_effects(points, specs), main_effects(points, specs, draws=draws)
    before, after = by_level(plain)["a=1"], by_level(with_clips)["a=1"]
    assert before.high - before.low < 0.02
    assert after.effect == before.effect
    assert [after.low, after.high] == pytest.approx([0.1 - 0.098, 0.1 + 0.098], abs=0.006)
    # What all models share of the clips changes no difference between them.
    assert by_level(with_clips)["b=1"].high == pytest.approx(by_level(plain)["b=1"].high, abs=1e-6)
    assert by_level(with_clips, "latency") == by_level(plain, "latency")


def test_training_length_is_no_effect_of_what_was_trained_longer() -> None:
    # c = 1 does nothing, but half of its students were trained four times as long: 0.03 a doubling.
    specs = factorial(2, 2, 3, 2)
    steps = {
        name: 4000 if spec["c"] == 1 and (spec["a"] or spec["b"]) else 1000 for name, spec in specs.items()
    }
    points = points_of(specs, lambda s, _: (0.5, 1.0))
    points = [p.model_copy(update={"quality": 0.5 + 0.03 * math.log2(steps[p.candidate_id])}) for p in points]
    assert by_level(main_effects(points, specs))["c=1"].effect > 0.04
    effects = by_level(main_effects([trained(p, steps[p.candidate_id]) for p in points], specs))
    assert effects["c=1"].effect == pytest.approx(0.0, abs=1e-9)
    assert effects["training steps=twice as many"].effect == pytest.approx(0.03)
    # Equal lengths, or unknown ones, are no parameter.
    one_unknown = [trained(p, steps[p.candidate_id] * (place > 0)) for place, p in enumerate(points)]
    for other in ([trained(p, 7) for p in points], one_unknown):
        assert "training steps=twice as many" not in by_level(main_effects(other, specs))


def trained(point: FrontierPoint, total_steps: int) -> FrontierPoint:
    return point.model_copy(update={"total_steps": total_steps})


def test_no_freedom_is_said() -> None:
    specs = {"x": {"a": 1, "b": 1}, "y": {"a": 2, "b": 1}, "z": {"a": 1, "b": 2}}
    points = points_of(specs, lambda s, _: (0.1 * s["a"], 1.0))
    assert why_no_effects(points, specs) == (
        "no freedom left for students: there are 3, and 3 parameters to fit (the values of the "
        "hyper-parameters, the training steps and a constant)"
    )
    assert why_no_effects(points_of(factorial(2, 2), lambda s, _: (0.1, 1.0)), factorial(2, 2)) == ""
    assert why_no_effects([], {}) == ""
