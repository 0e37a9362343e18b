from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.frontend import LogMel
from components.common.modeling.litert import LiteRtModel
from components.common.modeling.stream_model import open_variant
from components.common.modeling.student import build_deployed
from components.tflite_converter.checks import GOLDEN_EMBEDDING, GOLDEN_INPUT
from components.tflite_converter.executor import Executor, convert_student
from components.tflite_converter.front_end import front_end_file
from components.tflite_converter.settings import ConverterSettings, ParityFloor, VariantName
from schemas.artifacts import DistillationSet, StudentModel, TfliteVariants
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import Precision, TfliteReport
from tests.components.tflite_converter.conftest import (
    FRONT_END,
    WINDOWS,
    Converted,
    made_up_waveforms,
    write_windows,
)

pytestmark = pytest.mark.slow  # each student is really converted

NAMES = list(get_args(VariantName))
# What a file takes by its kind, and of it the state: a chunk of 24 frames leaves 72 of 96 and the samples
# that the next frame of 400 shares with the one before, 160 earlier.
SOURCES: dict[str, Any] = {
    "wave": ([("waveform", [1, 15_600], "float32")], []),
    "core": ([("log_mel", [1, 96, 64], "float32")], []),
    "stream": (
        [("samples", [1, 3840], "float32")],
        [("state_frames", [1, 72, 65], "float32"), ("state_samples", [1, 240], "float32")],
    ),
}


def _execute(model_uri: str, windows_uri: str, folder: Path, settings: ConverterSettings) -> None:
    model, windows, output = StudentModel(), DistillationSet(), TfliteVariants()
    model.uri, windows.uri, output.uri = model_uri, windows_uri, str(folder)
    inputs = {"model": [model], "windows": [windows]}
    Executor().Do(inputs, {"variants": [output]}, {"settings": settings.to_parameter(), "code_digest": ""})


@pytest.mark.parametrize("student", ["plain", "quantised"])
def test_every_variant_is_proven(student: str, request: pytest.FixtureRequest) -> None:
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


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_stand_in_the_file(plain: Converted, name: str) -> None:
    source, state = SOURCES[name.partition("-")[0]]
    model = LiteRtModel(plain.content(name))
    for inputs, outputs in (
        (model.inputs, model.outputs),
        (plain.variant(name).inputs, plain.variant(name).outputs),
    ):
        ends = "int8" if name.endswith("int8io") else "float32"
        source = [(label, shape, ends) for label, shape, _ in source]
        assert [(one.name, one.shape, one.dtype) for one in inputs] == source + state
        assert [(one.name, one.shape, one.dtype) for one in outputs] == [("embedding", [1, 64], ends)] + [
            (f"next_{label}", shape, kind) for label, shape, kind in state
        ]
    (signature,) = flatbuffer.parse(plain.content(name)).signatureDefs
    assert [entry.name.decode() for entry in signature.inputs] == [one[0] for one in source + state]
    assert [entry.name for entry in signature.outputs][:1] == [b"embedding"]


def test_float_files_agree_with_keras_to_the_last_digits(plain: Converted) -> None:
    for name in ("wave-float32", "core-float32", "stream-float32"):
        parity = plain.variant(name).parity
        assert parity.cosine_min > 0.999999
        assert parity.centred_cosine > 0.999
        assert not plain.variant(name).int8_tensors


@pytest.mark.parametrize("name", NAMES)
def test_a_bottleneck_trained_for_int8_computes_in_int8(quantised: Converted, name: str) -> None:
    variant = quantised.variant(name)
    bottleneck = [tensor for tensor in variant.int8_tensors if "bottleneck" in tensor]
    others = [tensor for tensor in variant.int8_tensors if "bottleneck" not in tensor]
    assert bool(others) == name.endswith(("dynamic", "int8", "int8io"))
    model = flatbuffer.parse(quantised.content(name))
    graph = model.subgraphs[0]
    shapes = {tuple(tensor.shape) for tensor in graph.tensors if flatbuffer.text(tensor.name) in bottleneck}
    features = quantised.student.features.output_shape[-1]
    assert shapes == {(16, features), (64, 16)}, "the two small matrices of rank 16"
    assert len(bottleneck) == 2
    for operator in graph.operators:
        if any(flatbuffer.text(graph.tensors[index].name) in bottleneck for index in operator.inputs):
            kinds = {graph.tensors[operator.inputs[0]].type, graph.tensors[operator.outputs[0]].type}
            assert kinds == {flatbuffer.schema.TensorType.INT8}, "int8 in, int8 out: no hybrid kernel"


def test_quantised_files_are_smaller(plain: Converted, quantised: Converted) -> None:
    for converted in (plain, quantised):
        front_end = len(front_end_file(FRONT_END, converted.settings.front_end))
        for kind, more in (("wave", front_end), ("core", 0)):
            large = converted.variant(f"{kind}-float32").bytes - more
            for precision, share in (("float16", 0.6), ("dynamic", 0.5), ("int8", 0.5)):
                assert converted.variant(f"{kind}-{precision}").bytes - more < share * large


def test_a_network_trained_for_int8_has_no_other_precision(whole: Converted) -> None:
    assert [variant.name for variant in whole.report.accepted] == [
        "wave-int8",
        "core-int8",
        "core-int8io",
        "stream-int8",
    ]
    for variant in whole.report.variants:
        if not variant.precision.startswith("int8"):
            assert "trained for int8" in variant.reason
    weights = [name for name in whole.variant("core-int8").int8_tensors if "conv" in name]
    assert len(weights) > 20, "convolutions compute in int8"
    assert [one.name for one in whole.variant("core-int8").outputs] == ["embedding"]


def test_the_report_says_how_noisy_each_layer_is(plain: Converted) -> None:
    assert not plain.variant("core-float32").layers
    worst = {}
    for precision in ("float16", "dynamic", "int8"):
        layers = plain.variant(f"core-{precision}").layers
        assert len(layers) > 40
        assert plain.variant(f"wave-{precision}").layers == layers
        assert {layer.operator for layer in layers} >= {"CONV_2D", "DEPTHWISE_CONV_2D"}
        assert all(layer.low < layer.high for layer in layers)
        worst[precision] = min(layer.snr_db for layer in layers)
    assert worst["float16"] > worst["dynamic"] > worst["int8"]


def test_a_candidate_that_failed_has_a_report_without_variants(plain: Converted, tmp_path: Path) -> None:
    info = StudentInfo.load(plain.model_uri)
    failed = tmp_path / "failed"
    failed.mkdir()
    info.model_copy(update={"failure": "the loss was NaN in step 7"}).save(str(failed))
    report = convert_student(str(failed), plain.windows_uri, str(tmp_path / "out"), plain.settings)
    assert (report.failure, report.variants) == ("the loss was NaN in step 7", [])
    assert TfliteReport.load(str(tmp_path / "out")) == report


@pytest.mark.parametrize("student", ["plain", "quantised"])
@pytest.mark.parametrize("precision", [one for one in get_args(Precision) if one != "int8io"])
def test_wave_and_core_agree_bit_for_bit(
    student: str, precision: str, request: pytest.FixtureRequest
) -> None:
    converted: Converted = request.getfixturevalue(student)
    front_end = LiteRtModel(front_end_file(FRONT_END, converted.settings.front_end))
    wave = LiteRtModel(converted.content(f"wave-{precision}"))
    core = LiteRtModel(converted.content(f"core-{precision}"))
    for waveform in made_up_waveforms(3):
        (patch,) = front_end.run(waveform[np.newaxis])
        np.testing.assert_array_equal(wave.run(waveform[np.newaxis])[0], core.run(patch)[0])


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
    model = open_variant(quantised.content(name), quantised.variant(name).input)
    with np.load(quantised.folder / quantised.variant(name).golden, allow_pickle=False) as golden:
        assert len(golden[GOLDEN_INPUT]) == quantised.settings.golden_windows
        np.testing.assert_array_equal(model.run_each(golden[GOLDEN_INPUT]), golden[GOLDEN_EMBEDDING])


def test_do_again_gives_the_same_bytes_and_refuses_what_is_below_its_floor(
    plain: Converted, tmp_path: Path
) -> None:
    perfect = ParityFloor(cosine_mean=1, cosine_min=1)
    settings = ConverterSettings(variants=("core-float32", "core-dynamic"), dynamic_floor=perfect)
    _execute(plain.model_uri, plain.windows_uri, tmp_path, settings)

    report = TfliteReport.load(str(tmp_path))
    kept, refused = report.variants
    assert refused.parity is not None
    assert kept.sha256 == plain.variant("core-float32").sha256
    assert [variant.name for variant in report.accepted] == ["core-float32"]
    assert refused.reason.startswith(
        f"mean cosine to the student {refused.parity.cosine_mean:.6f} is below 1.0"
    )


def test_what_was_built_before_leaves_no_trace_in_a_file(quantised: Converted, tmp_path: Path) -> None:
    build_deployed(quantised.student.spec, quantised.student.front_end, quantised.student.spec.svd_rank)
    settings = quantised.settings.model_copy(update={"variants": ("core-float32",)})
    again = convert_student(quantised.model_uri, quantised.windows_uri, str(tmp_path), settings)
    assert [variant.sha256 for variant in again.variants] == [quantised.variant("core-float32").sha256]


def test_the_float_file_is_not_shipped_again_as_dynamic(plain: Converted, tmp_path: Path) -> None:
    settings = ConverterSettings(variants=("core-dynamic",), min_quantised_elements=10**9)
    report = convert_student(plain.model_uri, plain.windows_uri, str(tmp_path), settings)
    (variant,) = report.variants
    assert not variant.accepted
    assert "no float weights are left to store otherwise" in variant.reason
    assert (variant.file, variant.sha256) == ("", "")


def test_a_file_that_does_not_run_is_refused(
    plain: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beyond_the_runtime(*_: object) -> bytes:
        model = flatbuffer.parse(plain.content("core-float32"))
        model.operatorCodes[1].version = 99
        return flatbuffer.serialize(model)

    monkeypatch.setattr("components.tflite_converter.network.convert", beyond_the_runtime)
    settings = ConverterSettings(variants=("core-float32",))
    (variant,) = convert_student(plain.model_uri, plain.windows_uri, str(tmp_path), settings).variants
    assert not variant.accepted
    assert variant.reason.startswith("LiteRT does not run the file")
    assert variant.golden == ""


def test_an_unreadable_student_is_an_error(plain: Converted, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"student in {tmp_path} cannot be read"):
        convert_student(str(tmp_path), plain.windows_uri, str(tmp_path / "out"), plain.settings)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe"])
def test_a_student_that_cannot_be_read_costs_no_other_candidate(
    plain: Converted, tmp_path: Path, content: bytes | None
) -> None:
    student = tmp_path / "student"
    student.mkdir()
    if content is not None:
        (student / StudentInfo.FILE).write_bytes(content)
    _execute(str(student), plain.windows_uri, tmp_path / "out", plain.settings)
    assert not (tmp_path / "out" / TfliteReport.FILE).exists()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short", b"\xff\xfe"])
def test_weights_that_cannot_be_read_are_a_failure_of_the_candidate(
    plain: Converted, tmp_path: Path, content: bytes | None
) -> None:
    StudentInfo.load(plain.model_uri).save(str(tmp_path))
    if content is not None:
        (tmp_path / StudentInfo.WEIGHTS).write_bytes(content)
    report = convert_student(str(tmp_path), plain.windows_uri, str(tmp_path / "out"), plain.settings)
    assert report.variants == []
    assert f"{tmp_path / StudentInfo.WEIGHTS} holds no weights that can be read" in report.failure
    assert TfliteReport.load(str(tmp_path / "out")) == report


def test_windows_that_do_not_fit_are_an_error(plain: Converted, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no window in split 'eval'"):
        convert_student(plain.model_uri, str(tmp_path), str(tmp_path / "out"), plain.settings)
    short = write_windows(tmp_path / "short", samples=8000)
    with pytest.raises(ValueError, match=r"clip_\d+\+0 has 8000 samples, the student takes 15600"):
        convert_student(plain.model_uri, short, str(tmp_path / "out"), plain.settings)
