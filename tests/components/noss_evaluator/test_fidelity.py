from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.noss_evaluator.clips import Entry, Sound
from components.noss_evaluator.fidelity import (
    TeacherEmbeddings,
    compare,
    linear_cka,
    measure_fidelity,
    neighbour_overlap,
    ridge,
)

TRAIN, TEST = slice(0, 300), slice(300, 500)


def _embedding(seed: int, dim: int = 12, count: int = 500) -> np.ndarray:
    spread = np.linspace(2.0, 0.2, dim)
    return (np.random.default_rng(seed).normal(size=(count, dim)) * spread).astype(np.float32)


def _compare(student: np.ndarray, teacher: np.ndarray) -> tuple[float, float, float]:
    found = compare(student[TRAIN], teacher[TRAIN], student[TEST], teacher[TEST])
    assert (found.neighbours, found.n) == (10, 200)
    return found.cosine, found.cka, found.neighbour_overlap


def test_a_rotated_and_scaled_teacher_is_the_teacher() -> None:
    teacher = _embedding(0)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))
    turned = (teacher @ rotation).astype(np.float32)
    assert _compare(turned, teacher) == pytest.approx((1.0, 1.0, 1.0), abs=1e-4)
    assert _compare(1000 * turned, teacher) == pytest.approx((1.0, 1.0, 1.0), abs=1e-4)
    assert _compare(turned, 1e-3 * teacher) == pytest.approx((1.0, 1.0, 1.0), abs=1e-4)


def test_numbers_that_know_nothing_are_at_chance() -> None:
    cosine, cka, overlap = _compare(_embedding(0), _embedding(1))
    assert abs(cosine) < 0.1
    # Of random matrices linear CKA is about sqrt(effective dimensions of both) / n: 7 / 200.
    assert cka < 0.1
    # 10 of the 199 others are 0.05.
    assert overlap == pytest.approx(10 / 199, abs=0.02)


def test_half_of_the_teacher_is_half_known() -> None:
    # Twelve directions of the same spread; the student has six of them. The mapped vector is the
    # projection p of the teacher's t onto these, and cos(p, t) = |p| / |t|: the root of a half, nearly.
    teacher = np.random.default_rng(2).normal(size=(500, 12)).astype(np.float32)
    cosine, cka, overlap = _compare(teacher[:, :6], teacher)
    assert cosine == pytest.approx(np.sqrt(0.5), abs=0.02)
    # K of six directions, L of twelve: <K, L> = <K, K>, so CKA = |K| / |L| = sqrt(6 / 12).
    assert cka == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert 0.1 < overlap < 0.9


@pytest.mark.parametrize("shape", [(80, 12), (12, 80)])
def test_the_ridge_is_the_one_whose_cross_validation_error_is_least(shape: tuple[int, int]) -> None:
    count = shape[0]
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=shape)
    targets = inputs[:, :5] + rng.normal(size=(count, 5))
    inputs -= inputs.mean(axis=0)
    targets -= targets.mean(axis=0)
    variance = np.square(np.linalg.svd(inputs, compute_uv=False)[: min(count - 1, shape[1])]).mean()
    answers = {}
    for penalty in np.logspace(-6, 2, 17) * variance:
        # By definition: the hat matrix takes the targets to their predictions, the mean costs one more.
        solve = np.linalg.solve(inputs.T @ inputs + penalty * np.eye(shape[1]), inputs.T)
        hat = inputs @ solve + 1 / count
        residual = targets - hat @ targets
        answers[np.square(residual).sum() / np.trace(np.eye(count) - hat) ** 2] = solve @ targets
    found = ridge(inputs.astype(np.float32), targets.astype(np.float32))
    np.testing.assert_allclose(found, answers[min(answers)], atol=1e-4)


def test_noise_asks_for_a_large_penalty_and_a_clean_map_for_none() -> None:
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(60, 40))
    inputs -= inputs.mean(axis=0)
    clean = inputs @ rng.normal(size=(40, 3))
    np.testing.assert_allclose(inputs @ ridge(inputs, clean), clean, atol=1e-3)
    noise = rng.normal(size=(60, 3))
    noise -= noise.mean(axis=0)
    assert np.std(inputs @ ridge(inputs, noise)) < 0.5


def test_a_constant_embedding_agrees_with_nothing() -> None:
    teacher = _embedding(5)
    assert linear_cka(np.ones((500, 3), np.float32), teacher) == 0.0


def test_the_overlap_counts_shared_neighbours() -> None:
    # On a half circle each one's neighbour is the next angle: 0-1, 2-3 against 0-2, 1-3.
    def circle(*degrees: float) -> np.ndarray:
        angles = np.radians(degrees)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    one, other = circle(0, 1, 90, 91), circle(0, 90, 1, 91)
    assert neighbour_overlap(one, other, 1) == 0.0
    assert neighbour_overlap(one, one, 1) == 1.0
    # Of two neighbours of 0: {1, 2} and {2, 1}; of 1: {0, 2} and {2, 3}; of 2: {3, 1} and {0, 1};
    # of 3: {2, 1} and {1, 2}. Shared: 2 + 1 + 1 + 2 of 8.
    assert neighbour_overlap(one, other, 2) == 6 / 8


def _sounds(count: int) -> list[Sound]:
    return [Sound(f"x/{i}", f"{(i * 7919) % 1000:064x}", 1) for i in range(count)]


def _entries(splits: list[str]) -> list[Entry]:
    return [Entry(f"x/{i}", "x", split, "a", "", i) for i, split in enumerate(splits)]


def test_what_one_task_tests_does_not_fit_the_map() -> None:
    splits = ["train"] * 300 + ["test"] * 200
    entries = _entries(splits)
    teacher = _embedding(6)
    student = teacher.copy()
    plain = measure_fidelity(student, teacher, entries, _sounds(500))
    # Another task tests the first 200 train sounds, where the student is wrong: they leave train.
    wrong = student.copy()
    wrong[:200] = _embedding(7)[:200]
    other = [Entry(f"y/{i}", "y", "test", "a", "", i) for i in range(200)]
    assert measure_fidelity(wrong, teacher, entries, _sounds(500)).cosine < 0.999
    both = measure_fidelity(wrong, teacher, entries + other, _sounds(500))
    assert (plain.n, both.n) == (200, 400)
    right_half = measure_fidelity(student, teacher, entries + other, _sounds(500))
    assert right_half.cosine == pytest.approx(1.0, abs=1e-5)


def test_nothing_to_fit_on_is_said() -> None:
    entries = _entries(["train", "train"])
    entries += [Entry("y/0", "y", "test", "a", "", 0), Entry("y/1", "y", "test", "a", "", 1)]
    with pytest.raises(ValueError, match="every task's train sounds are tested"):
        measure_fidelity(_embedding(0)[:2], _embedding(1)[:2], entries, _sounds(2))


def test_at_most_2000_test_sounds_the_same_ones_in_any_order() -> None:
    entries = _entries(["train"] * 20 + ["test"] * 2100)
    rng = np.random.default_rng(8)
    teacher, student = rng.normal(size=(2, 2120, 3)).astype(np.float32)
    sounds = [Sound(f"x/{i}", f"{rng.integers(1 << 60):064x}", 1) for i in range(2120)]
    found = measure_fidelity(student, teacher, entries, sounds)
    assert found.n == 2000
    order = rng.permutation(2120)
    place = np.argsort(order)
    moved = [Entry(e.clip_id, e.task, e.split, e.label, "", int(place[e.sound])) for e in entries]
    again = measure_fidelity(student[order], teacher[order], moved, [sounds[i] for i in order])
    assert (again.cosine, again.cka) == pytest.approx((found.cosine, found.cka))


def test_the_teachers_embeddings_are_found_by_sound(tmp_path: Path) -> None:
    sounds = _sounds(4)
    kept = TeacherEmbeddings(np.arange(8, dtype=np.float32).reshape(4, 2), [s.digest for s in sounds])
    kept.save(tmp_path)
    loaded = TeacherEmbeddings.load(tmp_path)
    np.testing.assert_array_equal(loaded.in_order_of(sounds[::-1]), [[6, 7], [4, 5], [2, 3], [0, 1]])
    unknown = Sound("y/new", "f" * 64, 1)
    with pytest.raises(ValueError, match=r"lacks 1 sounds, the first is y/new"):
        loaded.in_order_of([*sounds, unknown])
