"""ONNX networks against straight computations; one has the inputs and outputs of an exported Wav2Vec 2.0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from components.common.modeling.teachers import TeacherError, load_teacher
from schemas.teachers import OnnxTeacher, TfliteStage, TfliteTeacher, check_teacher, teacher_files

Array = np.ndarray[Any, Any]
FLOAT = TensorProto.FLOAT
RNG = np.random.default_rng(9)
FIRST = RNG.normal(size=(4, 1, 10)).astype(np.float32)
SECOND = RNG.normal(size=(3, 4, 4)).astype(np.float32)
# Fewest samples: (4 - 1) * 5 + 10.
SHORTEST = 25


def save(path: Path, nodes: Sequence[Any], inputs: Any, outputs: Any, **weights: Array) -> Path:
    """Writes a network; inputs and outputs are given as name, type and shape."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def save_encoder(path: Path, batch: Any = "batch_size", samples: Any = "sequence_length") -> Path:
    """``input_values`` (batch, samples) to ``last_hidden_state`` (batch, frames, 3): two convolutions."""
    nodes = [
        helper.make_node("Unsqueeze", ["input_values", "one"], ["x"]),
        helper.make_node("Conv", ["x", "first"], ["y"], strides=[5]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("Conv", ["z", "second"], ["features"], strides=[2]),
        helper.make_node("Transpose", ["features"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    return save(
        path,
        nodes,
        [("input_values", FLOAT, [batch, samples])],
        [("last_hidden_state", FLOAT, [batch, "frames", 3])],
        one=np.array([1]),
        first=FIRST,
        second=SECOND,
    )


def straight_encoder(waveform: Array) -> Array:
    """One waveform to the mean of its frames."""
    view = np.lib.stride_tricks.sliding_window_view
    heard = np.maximum(0, view(waveform, 10)[::5] @ FIRST[:, 0].T)
    return np.einsum("tck,ock->to", view(heard, 4, axis=0)[::2], SECOND).mean(axis=0)


def save_levels(path: Path, rank: int = 2, kind: int = FLOAT) -> Path:
    """Sound, a mask of its shape and a gain of shape (1,): gives their product and the gain."""
    shape = ["batch", "samples"][-rank:]
    return save(
        path,
        [
            helper.make_node("Mul", ["sound", "mask"], ["masked"]),
            helper.make_node("Mul", ["masked", "gain"], ["loud"]),
            helper.make_node("Identity", ["gain"], ["same"]),
        ],
        [("sound", kind, shape), ("mask", kind, shape), ("gain", kind, [1])],
        [("loud", kind, shape), ("same", kind, [1])],
    )


def load(path: Path, **options: Any) -> Any:
    return load_teacher(OnnxTeacher(path=str(path), **options))


def sounds(count: int, samples: int) -> Array:
    return np.random.default_rng(2).uniform(-1, 1, (count, samples)).astype(np.float32)


@pytest.mark.parametrize("batch", ["batch_size", 1], ids=["free", "one by one"])
def test_encoder_gives_the_mean_of_its_frames(tmp_path: Path, batch: Any) -> None:
    teacher = load(save_encoder(tmp_path / "tiny.onnx", batch))
    waveforms = sounds(3, 333)
    expected = np.stack([straight_encoder(waveform) for waveform in waveforms])
    np.testing.assert_allclose(teacher.embed(waveforms), expected, rtol=1e-4, atol=1e-5)
    assert (teacher.dim, teacher.description, teacher.window_samples) == (3, "tiny", 0)
    np.testing.assert_array_equal(teacher.embed(waveforms), teacher.embed(waveforms))


def test_sound_that_is_too_short_is_padded_to_what_the_network_accepts(tmp_path: Path) -> None:
    teacher = load(save_encoder(tmp_path / "tiny.onnx"))
    short = sounds(1, 7)
    expected = straight_encoder(np.pad(short[0], (0, SHORTEST - 7)))
    np.testing.assert_allclose(teacher.embed(short)[0], expected, rtol=1e-4, atol=1e-5)


def test_window_comes_from_the_file(tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "tiny.onnx", samples=100)
    teacher = load(path, hop_samples=50)
    waveform = sounds(1, 250)
    parts = [straight_encoder(waveform[0, start : start + 100]) for start in (0, 50, 100, 150)]
    np.testing.assert_allclose(teacher.embed(waveform)[0], np.mean(parts, axis=0), rtol=1e-4, atol=1e-5)
    with pytest.raises(TeacherError, match="takes 100 samples at a time, window_samples is 200"):
        load(path, window_samples=200)


def test_normalises_each_window(tmp_path: Path) -> None:
    teacher = load(save_encoder(tmp_path / "tiny.onnx"), window_samples=100, normalise=True)
    waveform = 0.2 * sounds(1, 200) + np.float32(0.1)
    parts = [
        straight_encoder((part - part.mean()) / part.std()) for part in (waveform[0, :100], waveform[0, 100:])
    ]
    np.testing.assert_allclose(teacher.embed(waveform)[0], np.mean(parts, axis=0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("output", "value"), [("loud", 1.5), ("0", 1.5), ("1", 3.0)])
def test_constants_are_filled_to_their_shape(tmp_path: Path, output: str, value: float) -> None:
    path = save_levels(tmp_path / "levels.onnx", rank=1)
    teacher = load(path, input="sound", output=output, batched=False, arguments={"mask": 1, "gain": 3})
    answer = teacher.embed(np.full((2, 40), 0.5, np.float32))
    np.testing.assert_allclose(answer, np.full((2, 1 if output == "1" else 40), value))


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_floats_are_given_what_they_want(tmp_path: Path, kind: int) -> None:
    path = save_levels(tmp_path / "levels.onnx", kind=kind)
    teacher = load(path, output="loud", arguments={"mask": 1, "gain": 2})
    embedding = teacher.embed(np.full((2, 8), 0.25, np.float32))
    assert embedding.dtype == np.float32
    np.testing.assert_array_equal(embedding, np.full((2, 8), 0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"has the inputs \['gain', 'mask', 'sound'\]; name the waveform with `input`"),
        (
            {"arguments": {"mask": 1, "rate": 1}},
            r"has no inputs \['rate'\] .*only \['gain', 'mask', 'sound'\]",
        ),
        ({"input": "audio"}, r"has no input 'audio', only \['gain', 'mask', 'sound'\]"),
        (
            {"input": "sound", "arguments": {"mask": 1}},
            r"the inputs \['gain', 'sound'\]; .* under `arguments`",
        ),
        (
            {"input": "sound", "arguments": {"mask": 1, "gain": 1}},
            r"outputs \['loud', 'same'\]; choose one with",
        ),
        (
            {"input": "sound", "arguments": {"mask": 1, "gain": 1}, "output": "2"},
            r"no output '2', only \['loud', 'same'\]",
        ),
        ({"input": "sound", "arguments": {"mask": 1, "gain": 1}, "batched": False}, r"expected \(samples,\)"),
    ],
)
def test_says_what_the_network_has_instead(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        load(save_levels(tmp_path / "levels.onnx"), **options)


def test_names_the_shape_of_an_input_of_another_rank(tmp_path: Path) -> None:
    path = save_levels(tmp_path / "levels.onnx", rank=1)
    with pytest.raises(
        TeacherError, match=r"input 'sound' has the shape \['samples'\], expected \(batch, sam"
    ):
        load(path, arguments={"mask": 1, "gain": 1})


def test_refuses_a_waveform_of_integers(tmp_path: Path) -> None:
    path = save_levels(tmp_path / "levels.onnx", kind=TensorProto.INT32)
    with pytest.raises(TeacherError, match=r"input 'sound' is tensor\(int32\), accepted for a waveform"):
        load(path, arguments={"mask": 1, "gain": 1})


@pytest.mark.parametrize(("sound", "state"), [(["batch", "samples"], ["other"]), ([None, None], [None])])
def test_refuses_a_constant_of_unknown_size(tmp_path: Path, sound: list[Any], state: list[Any]) -> None:
    node = helper.make_node("Add", ["sound", "state"], ["sum"])
    shapes = [("sound", FLOAT, sound), ("state", FLOAT, state)]
    path = save(tmp_path / "state.onnx", [node], shapes, [("sum", FLOAT, [None, None])])
    with pytest.raises(TeacherError, match=r"input 'state' is tensor\(float\) of shape .*the waveform's"):
        load(path, input="sound", arguments={"state": 0}).embed(sounds(1, 50))


def test_refuses_an_output_that_lost_the_batch(tmp_path: Path) -> None:
    node = helper.make_node("ReduceMean", ["sound"], ["mean"], axes=[0])
    path = save(tmp_path / "mean.onnx", [node], [("sound", FLOAT, ["n", "t"])], [("mean", FLOAT, [1, "t"])])
    with pytest.raises(TeacherError, match=r"output 'mean' has the shape \(1, 50\) for 3 sounds"):
        load(path).embed(sounds(3, 50))


def test_a_published_network_answers_as_its_tflite_twin(shared_models: Path) -> None:
    stage = TfliteStage(file=str(shared_models / "melspectrogram.tflite"), scale=32768)
    waveforms = sounds(2, 4_000)
    expected = load_teacher(TfliteTeacher(stages=(stage,))).embed(waveforms)
    mels = load(shared_models / "melspectrogram.onnx", scale=32768).embed(waveforms)
    np.testing.assert_allclose(mels, expected, rtol=1e-3, atol=1e-3)


def test_says_which_file_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(TeacherError, match=r"onnxruntime cannot read .*bad\.onnx"):
        load(tmp_path / "bad.onnx")
    with pytest.raises(TeacherError, match=r"there is no ONNX file .*absent\.onnx"):
        load(tmp_path / "absent.onnx")


def test_weights_outside_the_file_count_as_part_of_it(tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "tiny.onnx")
    alone = load(path)
    waveforms = sounds(2, 200)
    expected = alone.embed(waveforms)

    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=100)
    spec = OnnxTeacher(path=str(path))
    assert teacher_files(spec) == [path, tmp_path / "w.bin"]
    outside = load_teacher(spec)
    np.testing.assert_array_equal(outside.embed(waveforms), expected)

    content = bytearray((tmp_path / "w.bin").read_bytes())
    content[-1] ^= 1
    (tmp_path / "w.bin").write_bytes(content)
    assert len({alone.digest, outside.digest, load_teacher(spec).digest}) == 3

    (tmp_path / "w.bin").unlink()
    with pytest.raises(
        ValueError, match=r"teacher\.path: .*w\.bin does not exist or is not the file in which"
    ):
        check_teacher(spec)


def test_a_file_for_each_tensor_is_found(tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "tiny.onnx")
    long_name = "second_" + "x" * 150
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        file = {"first": "first", "second": long_name}.get(tensor.name, "")
        if file:
            onnx.external_data_helper.set_external_data(tensor, location=file)
    onnx.save(model, path)
    assert teacher_files(OnnxTeacher(path=str(path))) == [path, tmp_path / "first", tmp_path / long_name]
    assert load(path).dim == 3
