"""Starting from the weights of a trained sibling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.common.modeling import bottleneck as bottlenecks
from components.common.modeling.student import Student, build_student, load_student
from components.common.store.arrays import read_arrays
from components.student_trainer.phases import Phase, plan_phases
from components.student_trainer.settings import TrainingSettings
from components.student_trainer.warm_start import HEADS_FILE, start_from
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec
from tests.components.student_trainer.conftest import PLAIN, execute
from tests.students import mobilenet

pytestmark = pytest.mark.slow


def _student(size: str = "tiny", width: float = 0.25, **parameters: object) -> Student:
    spec = mobilenet(size, width, **{"embedding_width": 32, **parameters})
    return build_student(spec, spec.front_end_in(FrontEndSpec()))


def test_the_same_network_takes_everything() -> None:
    source, student = _student(), _student()
    taken = start_from(student, source)
    assert taken == len(student.core.weights)
    for mine, theirs in zip(student.core.get_weights(), source.core.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_wider_sibling_gives_its_first_channels() -> None:
    source = _student(width=0.5, embedding_width=64, statistics_skip=True)
    student = _student(statistics_skip=True)
    before = {weight.name: weight.numpy() for weight in student.core.weights}
    assert start_from(student, source) == len(before)
    theirs = {weight.name: weight.numpy() for weight in source.core.weights}
    for weight in student.features.weights:
        leading = tuple(slice(size) for size in weight.shape)
        np.testing.assert_array_equal(weight.numpy(), theirs[weight.name][leading])
    # The rows of the window's statistics stand last, however many channels there are.
    kernel = student.bottleneck.get_layer("embedding_dense").kernel.numpy()
    there = theirs["embedding_dense/kernel:0"]
    np.testing.assert_array_equal(kernel[-128:], there[-128:, :32])
    np.testing.assert_array_equal(kernel[:-128], there[: len(kernel) - 128, :32])


def test_a_smaller_sibling_gives_nothing_that_does_not_fill() -> None:
    source, student = _student(), _student(width=0.5)
    before = {weight.name: weight.numpy() for weight in student.features.weights}
    theirs = {weight.name: weight.shape for weight in source.features.weights}
    start_from(student, source)
    for weight in student.features.weights:
        if theirs[weight.name] != weight.shape:
            np.testing.assert_array_equal(weight.numpy(), before[weight.name])


@pytest.mark.slow
def test_a_compressed_sibling_gives_the_matrix_it_stands_for() -> None:
    source = _student()
    width = source.features.output_shape[-1]
    factored = bottlenecks.factored(width, 32, 4)
    expected = np.matmul(*(layer.kernel.numpy() for layer in factored.layers[1:]))
    for form in (factored, bottlenecks.quantised(factored)):
        student = _student()
        start_from(student, source.with_bottleneck(form))
        kernel = student.bottleneck.get_layer("embedding_dense").kernel.numpy()
        np.testing.assert_allclose(kernel, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_another_order_of_features_leaves_the_bottleneck_fresh() -> None:
    source, student = _student("small", pooling="flatten"), _student(pooling="flatten")
    before = student.bottleneck.get_weights()[0]
    start_from(student, source)
    np.testing.assert_array_equal(student.bottleneck.get_weights()[0], before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "starts_from", "alike"),
    [({}, {"hop_samples": 320}, True), ({}, {"mels": 40}, False), ({"mels": 40}, {}, False)],
)
def test_another_front_end_gives_what_is_of_the_same_bands(
    own: dict[str, int], starts_from: dict[str, int], alike: bool
) -> None:
    source = _student(statistics_skip=True, front_end=starts_from)
    student = _student(statistics_skip=True, front_end=own)
    for weight in source.features.weights:
        weight.assign_add(tf.ones_like(weight))
    before = {weight.name: weight.numpy() for weight in student.core.weights}
    theirs = {weight.name: weight.numpy() for weight in source.core.weights}
    start_from(student, source)
    for weight in student.core.weights:
        of_bands = weight.name.startswith(("statistics_bn/", "embedding_dense/"))
        expected = theirs if alike or not of_bands else before
        np.testing.assert_array_equal(weight.numpy(), expected[weight.name], err_msg=weight.name)


def test_the_own_network_needs_no_float_phase() -> None:
    settings = TrainingSettings(epochs=20, warm_epochs=8)
    spec = PLAIN.model_copy(update={"svd_rank": 4, "qat": "bottleneck", "warm_start": PLAIN.candidate_id})
    # Of the time after 0.2: 0.6, 0.75 and 1 are at 0.5, 0.69 and 1 of 8 epochs.
    assert plan_phases(spec, settings) == [
        Phase("annealed", 0, 3),
        Phase("factored", 4, 5),
        Phase("qat", 6, 7),
    ]
    # The network itself may be trained on for as long: what its compressed siblings are to be held against.
    itself = PLAIN.model_copy(update={"warm_start": PLAIN.candidate_id})
    assert plan_phases(itself, settings) == [Phase("float", 0, 7)]
    other = spec.model_copy(update={"warm_start": "tiny-w0.5-gap-e32"})
    assert plan_phases(other, settings)[0] == Phase("float", 0, 1)


def test_too_few_warm_epochs_are_refused() -> None:
    spec = PLAIN.model_copy(update={"svd_rank": 4, "warm_start": "another"})
    with pytest.raises(ValueError, match=r"training.warm_epochs is 2, but its phases .* at least 3"):
        plan_phases(spec, TrainingSettings(warm_epochs=2))


@pytest.mark.slow
def test_a_candidate_goes_on_where_its_sibling_ended(
    distillation_set: str, learnt: str, tmp_path: Path
) -> None:
    settings = TrainingSettings(
        epochs=12, warm_epochs=2, batch_size=16, batch_norm_momentum=0.8, learning_rate=3e-3
    )
    spec = PLAIN.model_copy(update={"svd_rank": 8, "warm_start": PLAIN.candidate_id})
    model = execute(tmp_path, distillation_set, spec, settings, start=learnt)
    info, before = StudentInfo.load(model), StudentInfo.load(learnt)
    assert [epoch.phase for epoch in info.epochs] == ["annealed", "factored"]
    assert info.warm_start and not before.warm_start
    # 64 windows in batches of 16; the sibling's steps are behind these weights too.
    assert before.steps == before.total_steps > 0
    assert info.total_steps == info.steps + before.steps > before.total_steps
    # Without the heads and the weights the loss would start at about 1.
    assert info.epochs[0].loss < before.epochs[0].loss * 0.7
    assert load_student(model).bottleneck.get_layer("reduce_dense").kernel.shape[1] == 8
    assert [head.shape for head in read_arrays(Path(learnt) / HEADS_FILE)] == [
        (32, 8),
        (8,),
        (32, 128),
        (128,),
    ]
