from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from components.modeling import flatbuffer
from components.modeling.frontend import LogMel
from components.modeling.litert import LiteRtModel
from components.tflite_converter.checks import GOLDEN_EMBEDDING, GOLDEN_INPUT
from components.tflite_converter.executor import (
    CODE_DIGEST,
    MODEL_KEY,
    SETTINGS,
    VARIANTS_KEY,
    WINDOWS_KEY,
    Executor,
    convert_student,
)
from components.tflite_converter.settings import ConverterSettings, ParityFloor
from schemas.artifacts import DistillationSet, StudentModel, TfliteVariants
from schemas.reports import TfliteReport
from tests.components.tflite_converter.conftest import FRONT_END, WINDOWS, Converted, write_windows

NAMES = ["wave-float32", "wave-dynamic", "core-float32", "core-dynamic"]


@pytest.mark.parametrize("student", ["plain", "quantised"])
def test_four_variants_each_proven(student: str, request: pytest.FixtureRequest) -> None:
    converted: Converted = request.getfixturevalue(student)
    assert [variant.name for variant in converted.report.accepted] == NAMES
    for variant in converted.report.variants:
        content = converted.content(variant.name)
        assert (variant.sha256, variant.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert variant.parity is not None
        assert variant.parity.n == WINDOWS
        assert [answer.sound for answer in variant.behaviour] == ["silence", "white_noise", "sine_440hz"]
        assert all(answer.finite for answer in variant.behaviour)
        assert not [operator for operator in variant.operators if "custom" in operator.lower()]
    assert len({variant.sha256 for variant in converted.report.variants}) == len(NAMES)
    assert TfliteReport.load(str(converted.folder)) == converted.report


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_stand_in_the_file(plain: Converted, name: str) -> None:
    source = ("waveform", [1, 15_600]) if name.startswith("wave") else ("log_mel", [1, 96, 64])
    model = LiteRtModel(plain.content(name))
    for inputs, outputs in (
        (model.inputs, model.outputs),
        (plain.variant(name).inputs, plain.variant(name).outputs),
    ):
        assert [(one.name, one.shape, one.dtype) for one in inputs] == [(*source, "float32")]
        assert [(one.name, one.shape, one.dtype) for one in outputs] == [("embedding", [1, 64], "float32")]
    (signature,) = flatbuffer.parse(plain.content(name)).signatureDefs
    assert [entry.name for entry in signature.inputs] == [source[0].encode()]
    assert [entry.name for entry in signature.outputs] == [b"embedding"]


def test_float_files_agree_with_keras_to_the_last_digits(plain: Converted) -> None:
    for name in ("wave-float32", "core-float32"):
        parity = plain.variant(name).parity
        assert parity.cosine_min > 0.999999
        assert parity.centred_cosine > 0.999
        assert not plain.variant(name).int8_tensors


@pytest.mark.parametrize("name", ["wave-float32", "core-float32", "wave-dynamic", "core-dynamic"])
def test_a_bottleneck_trained_for_int8_computes_in_int8(quantised: Converted, name: str) -> None:
    variant = quantised.variant(name)
    bottleneck = [tensor for tensor in variant.int8_tensors if "bottleneck" in tensor]
    assert len(bottleneck) == 2, "the two factors"
    assert (len(variant.int8_tensors) > 2) == name.endswith("dynamic")
    model = flatbuffer.parse(quantised.content(name))
    graph = model.subgraphs[0]
    for operator in graph.operators:
        if any(flatbuffer.text(graph.tensors[index].name) in bottleneck for index in operator.inputs):
            kinds = {graph.tensors[operator.inputs[0]].type, graph.tensors[operator.outputs[0]].type}
            assert kinds == {flatbuffer.schema.TensorType.INT8}, "int8 in, int8 out: no hybrid kernel"


def test_dynamic_files_are_smaller(plain: Converted, quantised: Converted) -> None:
    for converted in (plain, quantised):
        for kind in ("wave", "core"):
            small, large = converted.variant(f"{kind}-dynamic"), converted.variant(f"{kind}-float32")
            assert small.bytes < 0.5 * large.bytes


def test_wave_is_core_after_the_front_end(plain: Converted) -> None:
    wave = LiteRtModel(plain.content("wave-float32"))
    core = LiteRtModel(plain.content("core-float32"))
    with np.load(plain.folder / plain.variant("wave-float32").golden, allow_pickle=False) as golden:
        waveforms = golden[GOLDEN_INPUT]
    for waveform in waveforms:
        patch = LogMel(FRONT_END)(waveform[np.newaxis]).numpy()
        np.testing.assert_allclose(
            wave.run(waveform[np.newaxis])[0], core.run(patch)[0], rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("name", NAMES)
def test_golden_vectors_reproduce_bit_for_bit(quantised: Converted, name: str) -> None:
    model = LiteRtModel(quantised.content(name))
    with np.load(quantised.folder / quantised.variant(name).golden, allow_pickle=False) as golden:
        assert len(golden[GOLDEN_INPUT]) == quantised.settings.golden_windows
        for given, expected in zip(golden[GOLDEN_INPUT], golden[GOLDEN_EMBEDDING], strict=True):
            np.testing.assert_array_equal(model.run(given[np.newaxis])[0][0], expected)


def test_do_again_gives_the_same_bytes_and_refuses_what_is_below_its_floor(
    plain: Converted, tmp_path: Path
) -> None:
    perfect = ParityFloor(cosine_mean=1, cosine_min=1)
    settings = ConverterSettings(variants=("core-float32", "core-dynamic"), dynamic_floor=perfect)
    model, windows, output = StudentModel(), DistillationSet(), TfliteVariants()
    model.uri, windows.uri, output.uri = plain.model_uri, plain.windows_uri, str(tmp_path)
    inputs = {MODEL_KEY: [model], WINDOWS_KEY: [windows]}

    Executor().Do(inputs, {VARIANTS_KEY: [output]}, {SETTINGS: settings.to_parameter(), CODE_DIGEST: ""})

    report = TfliteReport.load(str(tmp_path))
    kept, refused = report.variants
    assert refused.parity is not None
    assert kept.sha256 == plain.variant("core-float32").sha256
    assert [variant.name for variant in report.accepted] == ["core-float32"]
    assert refused.reason.startswith(
        f"mean cosine to the student {refused.parity.cosine_mean:.6f} is below 1.0"
    )


def test_the_float_file_is_not_shipped_again_as_dynamic(plain: Converted, tmp_path: Path) -> None:
    settings = ConverterSettings(variants=("core-dynamic",), min_quantised_elements=10**9)
    report = convert_student(plain.model_uri, plain.windows_uri, str(tmp_path), settings)
    (variant,) = report.variants
    assert not variant.accepted
    assert "no float weights are left to quantise" in variant.reason
    assert (variant.file, variant.sha256) == ("", "")


def test_a_file_that_does_not_run_is_refused(
    plain: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beyond_the_runtime(*_: object) -> bytes:
        model = flatbuffer.parse(plain.content("core-float32"))
        model.operatorCodes[1].version = 99
        return flatbuffer.serialize(model)

    monkeypatch.setattr("components.tflite_converter.conversion.convert", beyond_the_runtime)
    settings = ConverterSettings(variants=("core-float32",))
    (variant,) = convert_student(plain.model_uri, plain.windows_uri, str(tmp_path), settings).variants
    assert not variant.accepted
    assert variant.reason.startswith("LiteRT does not run the file")
    assert variant.golden == ""


def test_an_unreadable_student_is_an_error(plain: Converted, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"student in {tmp_path} cannot be read"):
        convert_student(str(tmp_path), plain.windows_uri, str(tmp_path / "out"), plain.settings)


def test_windows_that_do_not_fit_are_an_error(plain: Converted, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no window in split 'eval'"):
        convert_student(plain.model_uri, str(tmp_path), str(tmp_path / "out"), plain.settings)
    short = write_windows(tmp_path / "short", samples=8000)
    with pytest.raises(ValueError, match=r"clip_0\+0 has 8000 samples, the student hears 15600"):
        convert_student(plain.model_uri, short, str(tmp_path / "out"), plain.settings)
