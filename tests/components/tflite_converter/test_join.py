from __future__ import annotations

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.join import join
from tests.components.tflite_converter.conftest import FRONT_END, Converted

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8"])
def test_a_joined_file_is_whole(plain: Converted, precision: str) -> None:
    first, second = front_end_file(FRONT_END, "fft"), plain.content(f"core-{precision}")
    files = [flatbuffer.parse(content) for content in (first, second, join(first, second))]
    front_end, core, joined = files
    counts = [flatbuffer.operators(file) for file in files]
    names = set(counts[0]) | set(counts[1])
    assert counts[2] == {name: counts[0].get(name, 0) + counts[1].get(name, 0) for name in sorted(names)}
    assert flatbuffer.inputs(joined) == flatbuffer.inputs(front_end)
    assert flatbuffer.outputs(joined) == flatbuffer.outputs(core)
    assert flatbuffer.int8_weights(joined) == flatbuffer.int8_weights(core)
    tensors = [len(file.subgraphs[0].tensors) for file in files]
    assert tensors[2] == tensors[0] + tensors[1] - 1, "the seam is one tensor"


def test_the_later_runtime_counts(plain: Converted) -> None:
    models = [flatbuffer.parse(plain.content(f"core-{kind}")) for kind in ("float32", "dynamic")]
    assert flatbuffer.runtime_version(models[1]) == "2.17.0"
    wave = flatbuffer.parse(plain.content("wave-dynamic"))
    assert flatbuffer.runtime_version(wave) == "2.17.0"
    flatbuffer.require_runtime(wave, "2.4.0")
    assert flatbuffer.runtime_version(wave) == "2.17.0", "2.4 came before 2.17"
    flatbuffer.require_runtime(wave, "3.1.0")
    assert flatbuffer.runtime_version(wave) == "3.1.0"


def test_the_front_end_alone_gives_what_the_network_hears(plain: Converted) -> None:
    first, second = front_end_file(FRONT_END, "fft"), plain.content("core-float32")
    wave = np.random.default_rng(0).uniform(-0.1, 0.1, (1, FRONT_END.window_samples)).astype(np.float32)
    expected = LiteRtModel(second).run(LiteRtModel(first).run(wave)[0])[0]
    np.testing.assert_array_equal(LiteRtModel(join(first, second)).run(wave)[0], expected)


def test_the_seam_may_stay_an_output(plain: Converted) -> None:
    first, second = front_end_file(FRONT_END, "fft"), plain.content("core-float32")
    joined = join(first, second, keep_seam="log_mel")
    (kept,) = flatbuffer.outputs(flatbuffer.parse(first))
    (embedding,) = flatbuffer.outputs(flatbuffer.parse(second))
    named = kept.model_copy(update={"name": "log_mel"})
    assert flatbuffer.outputs(flatbuffer.parse(joined)) == [embedding, named]
    wave = np.random.default_rng(0).uniform(-0.1, 0.1, (1, FRONT_END.window_samples)).astype(np.float32)
    without, both = LiteRtModel(join(first, second)).run(wave), LiteRtModel(joined).run(wave)
    np.testing.assert_array_equal(both[0], without[0])
    np.testing.assert_array_equal(both[1], LiteRtModel(first).run(wave)[0])


def test_what_does_not_fit_is_refused(plain: Converted) -> None:
    core = plain.content("core-float32")
    with pytest.raises(ValueError, match="does not fit"):
        join(core, core)
