from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.common.modeling.student import build_deployed
from components.tflite_converter.conversion import ConversionRefused, convert
from components.tflite_converter.settings import VariantName
from tests.components.tflite_converter.conftest import FRONT_END, Converted
from tests.students import mobilenet

pytestmark = pytest.mark.slow


def test_an_operator_outside_the_builtin_set_is_refused_by_name(plain: Converted) -> None:
    import tensorflow as tf
    import tf_keras as keras

    log_mel = keras.Input((96, 64))
    shares = [tf.sigmoid(log_mel[:, frame]) for frame in range(3)]
    core = keras.Model(log_mel, tf.math.betainc(*shares))

    with pytest.raises(ConversionRefused, match="Betainc"):
        convert(dataclasses.replace(plain.student, core=core))


@pytest.mark.parametrize("name", [name for name in get_args(VariantName) if not name.startswith("stream")])
def test_the_embedding_is_the_mean_of_the_frames(framed: Converted, name: str) -> None:
    model = LiteRtModel(framed.content(name))
    assert [(one.name, one.shape) for one in model.outputs] == [
        ("embedding", [1, 64]),
        ("frames", [1, 3, 64]),
    ]
    (signature,) = flatbuffer.parse(framed.content(name)).signatureDefs
    assert [entry.name for entry in signature.outputs] == [b"embedding", b"frames"]
    with np.load(framed.folder / framed.variant(name).golden, allow_pickle=False) as golden:
        for given in golden["input"]:
            embedding, frames = model.run(given[np.newaxis])
            assert np.abs(np.diff(frames[0], axis=0)).max() > 0.01, "moments differ"
            # In int8 the mean is rounded to a step of its own.
            atol = 0.03 * np.abs(embedding).max() if "int8" in name else 1e-5
            np.testing.assert_allclose(frames.mean(axis=1), embedding, rtol=1e-4, atol=atol)


def test_frames_of_a_student_that_has_no_moments() -> None:
    spec = mobilenet("tiny", 0.5, embedding_width=64, pooling="flatten")
    student = build_deployed(spec, FRONT_END, rank=0)
    with pytest.raises(ConversionRefused, match="pooling 'flatten' leaves no moments"):
        convert(student, "required")
    outputs = LiteRtModel(convert(student, "where possible")).outputs
    assert [one.name for one in outputs] == ["embedding"]
