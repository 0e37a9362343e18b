"""LiteRT wrapper: shapes, copies, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel


@pytest.fixture(scope="module")
def doubler() -> bytes:
    """A TFLite file ``(batch, 4) -> 2 x (batch, 4)`` with a free batch."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def double(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"doubled": 2.0 * x}

    module = tf.Module()
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions(
        [double.get_concrete_function()], module
    ).convert()
    return content


def test_reports_free_dimensions_and_types(doubler: bytes) -> None:
    model = LiteRtModel(doubler)
    assert [info.shape for info in model.inputs] == [[-1, 4]]
    assert [info.dtype for info in model.inputs] == ["float32"]
    assert len(model.outputs) == 1


def test_runs_in_every_batch_size(doubler: bytes) -> None:
    model = LiteRtModel(doubler)
    for batch in (1, 3, 1):
        x = np.arange(batch * 4, dtype=np.float32).reshape(batch, 4)
        model.resize_input(0, x.shape)
        np.testing.assert_array_equal(model.run(x)[0], 2 * x)


def test_runs_each_item_alone(doubler: bytes) -> None:
    items = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(LiteRtModel(doubler).run_each(items), 2 * items)


def test_outputs_are_copies(doubler: bytes) -> None:
    model = LiteRtModel(doubler)
    first = model.run(np.ones((1, 4), np.float32))[0]
    model.run(np.zeros((1, 4), np.float32))
    np.testing.assert_array_equal(first, np.full((1, 4), 2.0))


def test_refuses_to_change_a_fixed_dimension(doubler: bytes) -> None:
    with pytest.raises(ValueError, match=r"input 0 has the shape \[-1, 4\], \[1, 5\] does not fit"):
        LiteRtModel(doubler).resize_input(0, (1, 5))


def test_refuses_another_rank(doubler: bytes) -> None:
    with pytest.raises(ValueError, match=r"\[4\] does not fit"):
        LiteRtModel(doubler).resize_input(0, (4,))


def test_refuses_a_wrong_number_of_arrays(doubler: bytes) -> None:
    with pytest.raises(ValueError, match="has 1 inputs, got 0 arrays"):
        LiteRtModel(doubler).run()


def test_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no TFLite file .*absent\.tflite"):
        LiteRtModel(tmp_path / "absent.tflite")


def test_names_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "text.tflite"
    path.write_text("this is not a model")
    with pytest.raises(ValueError, match=r"text\.tflite is not a TFLite file"):
        LiteRtModel(path)
