"""What models are like that cannot be asked as they are: each is used, or refused with what to change."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from components.common.modeling.litert import LiteRtModel
from components.common.modeling.teachers import TeacherError, load_teacher
from schemas.teacher_sources import onnx_data_files
from schemas.teachers import (
    HuggingFaceTeacher,
    OnnxTeacher,
    SavedModelTeacher,
    TfHubTeacher,
    TfliteStage,
    TfliteTeacher,
    check_teacher,
)
from tests.components.common.modeling.teachers.checkpoints import save_checkpoint
from tests.components.common.modeling.teachers.test_onnx import save, save_encoder, sounds

FLOAT = TensorProto.FLOAT
WEIGHTS = np.random.default_rng(3).normal(size=(400, 6)).astype(np.float32)


def quantised_file(path: Path, kind: Any) -> Path:
    """float32 ``(1, 400)`` to six values of a quantised type, and their argmax as int64."""

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 400), tf.float32)])
        def __call__(self, sound: Any) -> Any:
            values = tf.matmul(sound, WEIGHTS)
            return values, tf.math.argmax(values, axis=1)

    network = Network()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.__call__.get_concrete_function()], network
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[None]] for one in sounds(32, 400))
    if kind == tf.int16:
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    converter.inference_output_type = kind
    path.write_bytes(converter.convert())
    return path


def tflite(path: Path, **stage: Any) -> Any:
    return load_teacher(TfliteTeacher(stages=(TfliteStage(file=str(path), **stage),)))


@pytest.mark.parametrize("kind", [tf.int8, tf.uint8, tf.int16], ids=lambda kind: kind.name)
def test_quantised_outputs_are_the_numbers_they_stand_for(tmp_path: Path, kind: Any) -> None:
    path = quantised_file(tmp_path / "codes.tflite", kind)
    outputs = LiteRtModel(path).outputs
    place = [one.dtype for one in outputs].index(kind.name)
    waveforms = sounds(3, 400)
    expected = waveforms @ WEIGHTS
    answer = tflite(path, output=place).embed(waveforms)
    # Codes of int8 are whole numbers to 127; what they stand for is as near as 256 steps allow.
    np.testing.assert_allclose(answer, expected, atol=0.05 * np.abs(expected).max())
    with pytest.raises(TeacherError, match=rf"output {1 - place} is int64 .*real numbers are \[{place}\]"):
        tflite(path, output=1 - place)


def test_a_file_that_needs_tensorflow_is_refused(tmp_path: Path) -> None:
    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 400), tf.float32)])
        def __call__(self, sound: Any) -> Any:
            return tf.math.sinh(sound)

    network = Network()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.__call__.get_concrete_function()], network
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    (tmp_path / "flex.tflite").write_bytes(converter.convert())
    with pytest.raises(TeacherError, match=r"flex\.tflite needs TensorFlow's Flex operators \(FlexSinh\)"):
        tflite(tmp_path / "flex.tflite")


class _Single(tf.Module):
    """VGGish's form: one waveform, a vector for each whole frame, none for less than one."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, name="waveform")])
    def __call__(self, waveform: Any) -> Any:
        frames = tf.signal.frame(waveform, 960, 960)
        return tf.stack([tf.reduce_mean(frames, 1), tf.reduce_max(frames, 1)], axis=1)


class _Rated(tf.Module):
    """TRILL's form: samples and their rate."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None), tf.float32, name="samples"),
            tf.TensorSpec((), tf.int32, name="sample_rate"),
        ]
    )
    def __call__(self, samples: Any, sample_rate: Any) -> Any:
        level = tf.reduce_mean(samples, 1, keepdims=True) * tf.cast(sample_rate, tf.float32)
        return {"embedding": level, "best": tf.argmax(samples, 1)}


def saved(folder: Path, model: Any, signature: bool = False) -> str:
    tf.saved_model.save(model, str(folder), signatures=model.__call__ if signature else None)
    return str(folder)


def test_sound_that_gives_no_frame_is_padded_to_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "vggish", _Single())
    teacher = load_teacher(SavedModelTeacher(path=path, batched=False))
    answer = teacher.embed(np.full((2, 480), 0.5, np.float32))
    np.testing.assert_allclose(answer, np.tile([[0.25, 0.5]], (2, 1)))


@pytest.mark.parametrize("signature", ["", "serving_default"])
def test_a_model_of_one_sound_says_that_it_is_not_batched(tmp_path: Path, signature: str) -> None:
    path = saved(tmp_path / "single", _Single(), signature=True)
    spec = SavedModelTeacher(path=path, signature=signature, output="" if not signature else "output_0")
    with pytest.raises(TeacherError, match=r"single.* has the shape \(None,\).*: set `batched: false`"):
        load_teacher(spec).embed(sounds(2, 960))


@pytest.mark.parametrize("options", [{}, {"signature": "serving_default", "input": "samples"}])
def test_a_missing_sample_rate_is_named(tmp_path: Path, options: dict[str, Any]) -> None:
    path = saved(tmp_path / "rated", _Rated(), signature=True)
    with pytest.raises(TeacherError, match=r"wants \['sample_rate'\] too: .*\{sample_rate: 16000\}"):
        load_teacher(SavedModelTeacher(path=path, **options)).embed(sounds(2, 960))


def test_an_argument_that_the_signature_does_not_have_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "rated", _Rated(), signature=True)
    spec = SavedModelTeacher(
        path=path, signature="serving_default", input="samples", arguments={"sample_rate": 1, "gain": 2}
    )
    with pytest.raises(TeacherError, match=r"no inputs \['gain'\] \(arguments\), only \['sample_rate'"):
        load_teacher(spec)


def test_an_output_of_integers_is_no_embedding(tmp_path: Path) -> None:
    spec = SavedModelTeacher(
        path=saved(tmp_path / "rated", _Rated()), output="best", arguments={"sample_rate": 16_000}
    )
    with pytest.raises(
        TeacherError, match="the output is int64, which is not an embedding; choose by `output`"
    ):
        load_teacher(spec).embed(sounds(2, 960))


def test_a_saved_model_of_several_graphs_wants_its_tags(tmp_path: Path) -> None:
    builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "graphs"))
    for index, tags in enumerate((["serve"], ["serve", "gpu"])):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            sound = tf.compat.v1.placeholder(tf.float32, (None, None), "sound")
            level = tf.reduce_mean(sound, 1, keepdims=True) * (index + 1)
            signature = tf.compat.v1.saved_model.predict_signature_def({"sound": sound}, {"embedding": level})
            if index:
                builder.add_meta_graph(tags, signature_def_map={"embed": signature})
            else:
                builder.add_meta_graph_and_variables(session, tags, signature_def_map={"embed": signature})
    builder.save()
    path, half = str(tmp_path / "graphs"), np.full((1, 100), 0.5, np.float32)
    for chosen, level in ((("serve",), 0.5), (("gpu", "serve"), 1.0)):
        teacher = load_teacher(SavedModelTeacher(path=path, signature="embed", tags=chosen))
        np.testing.assert_allclose(teacher.embed(half), [[level]])
    sets = r"tag sets \['serve'\], \['gpu', 'serve'\]; set `tags` to one"
    for wrong in ((), ("train",)):
        with pytest.raises(TeacherError, match=sets):
            load_teacher(SavedModelTeacher(path=path, signature="embed", tags=wrong))


@pytest.mark.parametrize("damage", ["variables", "saved_model.pb"])
def test_a_half_cleaned_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    class Weighted(_Single):
        def __init__(self) -> None:
            super().__init__()
            self.scale = tf.Variable(2.0)

    handle = "https://tfhub.dev/someone/model/1"
    folder = tmp_path / hashlib.sha1(handle.encode()).hexdigest()
    saved(folder, Weighted())
    if damage == "variables":
        shutil.rmtree(folder / damage)
    else:
        (folder / damage).write_bytes((folder / damage).read_bytes()[:100])
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(TeacherError, match=rf"copy of {handle} is not whole.*remove {folder}"):
        load_teacher(TfHubTeacher(handle=handle))


def save_channels_first(path: Path, channels: Any) -> Path:
    """``(batch, samples)`` to ``(batch, 2, frames)``: sound and its double, each 10 samples a frame."""
    nodes = [
        helper.make_node("Unsqueeze", ["sound", "one"], ["x"]),
        helper.make_node("Conv", ["x", "kernel"], ["features"], strides=[10]),
    ]
    return save(
        path,
        nodes,
        [("sound", FLOAT, ["batch", "samples"])],
        [("features", FLOAT, ["batch", channels, "frames"])],
        one=np.array([1]),
        kernel=np.stack([np.full((1, 10), 0.1), np.full((1, 10), 0.2)]).astype(np.float32),
    )


@pytest.mark.parametrize(("channels", "options"), [(2, {}), ("channels", {"time_axis": -1})])
def test_time_may_come_last(tmp_path: Path, channels: Any, options: dict[str, Any]) -> None:
    path = save_channels_first(tmp_path / "first.onnx", channels)
    teacher = load_teacher(OnnxTeacher(path=str(path), **options))
    for samples in (50, 400):
        waveforms = sounds(3, samples)
        level = waveforms.mean(axis=1)
        np.testing.assert_allclose(teacher.embed(waveforms), np.stack([level, 2 * level], 1), atol=1e-5)


def test_a_dimension_that_follows_the_length_is_refused(tmp_path: Path) -> None:
    path = save_channels_first(tmp_path / "first.onnx", 2)
    teacher = load_teacher(OnnxTeacher(path=str(path), time_axis=1))
    teacher.embed(sounds(2, 400))
    with pytest.raises(TeacherError, match=r"of 40 values .* of 5 for 50 samples.*`time_axis`"):
        teacher.embed(sounds(2, 50))


def test_an_onnx_output_of_codes_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Cast", ["sound"], ["codes"], to=TensorProto.INT8)
    path = save(
        tmp_path / "codes.onnx",
        [node],
        [("sound", FLOAT, ["batch", "samples"])],
        [("codes", TensorProto.INT8, ["batch", "samples"])],
    )
    with pytest.raises(TeacherError, match=r"output 'codes' is tensor\(int8\), which is not an embedding"):
        load_teacher(OnnxTeacher(path=str(path)))


def test_a_network_of_one_sound_at_once_is_asked_one_after_the_other(tmp_path: Path) -> None:
    node = helper.make_node("Reshape", ["sound", "shape"], ["frames"])
    path = save(
        tmp_path / "single.onnx",
        [node],
        [("sound", FLOAT, ["batch", "samples"])],
        [("frames", FLOAT, ["batch", "frames", 10])],
        shape=np.array([1, 4, 10]),
    )
    waveforms = sounds(3, 40)
    answer = load_teacher(OnnxTeacher(path=str(path))).embed(waveforms)
    np.testing.assert_allclose(answer, waveforms.reshape(3, 4, 10).mean(axis=1), rtol=1e-5, atol=1e-6)


def test_the_first_error_is_the_one_that_is_told(tmp_path: Path) -> None:
    node = helper.make_node("Reshape", ["sound", "shape"], ["frames"])
    path = save(
        tmp_path / "fixed.onnx",
        [node],
        [("sound", FLOAT, ["batch", "samples"])],
        [("frames", FLOAT, ["batch", 77])],
        shape=np.array([1, 77]),
    )
    with pytest.raises(TeacherError, match=r"fixed\.onnx cannot work on a waveform of shape \(2, 40\)"):
        load_teacher(OnnxTeacher(path=str(path))).embed(sounds(2, 40))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff" * 2_000_000, "the number at byte 0 does not end"),
        (b"\x0a\x08location\x12" + b"\xff" * 2_000_000, "the number at byte 11 does not end"),
        (b"\x3a\xff\xff\xff\x7f" + b"\x0a" * 20, "is 268435455 bytes long, 20 are left"),
        (b"\x3b\x00", "there is no field at byte 0"),
    ],
    ids=["ones", "ones behind a key", "length", "group"],
)
def test_bytes_that_are_no_network_are_refused_at_once(tmp_path: Path, content: bytes, reason: str) -> None:
    spec = OnnxTeacher(path=str(tmp_path / "bad.onnx"))
    Path(spec.path).write_bytes(content)
    started = time.monotonic()
    with pytest.raises(ValueError, match=rf"teacher\.path: .*bad\.onnx is not a whole ONNX file: .*{reason}"):
        check_teacher(spec)
    with pytest.raises(TeacherError, match=r"onnxruntime cannot read .*bad\.onnx"):
        load_teacher(spec)
    assert time.monotonic() - started < 5


def test_a_cut_network_is_refused(tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "tiny.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=100)
    content = path.read_bytes()
    for length in range(1, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(TeacherError):
            load_teacher(OnnxTeacher(path=str(path)))


@pytest.mark.parametrize("location", ["../secret", "{absolute}", "link", "linked/secret", "a/../../secret"])
@pytest.mark.parametrize("value_first", [False, True])
def test_weights_lie_inside_the_folder(tmp_path: Path, location: str, value_first: bool) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(1_000))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "linked").symlink_to(tmp_path)
    location = location.format(absolute=tmp_path / "secret")
    path = save_encoder(folder / "tiny.onnx")
    model = onnx.load(path)
    tensor = next(one for one in model.graph.initializer if one.name == "first")
    onnx.external_data_helper.set_external_data(tensor, location=location)
    content = model.SerializeToString()
    if value_first:  # protobuf accepts the fields of an entry in any order
        key, value = b"\x0a\x08location", b"\x12" + bytes([len(location)]) + location.encode()
        assert key + value in content
        content = content.replace(key + value, value + key)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"keeps weights in .* outside of its folder"):
        onnx_data_files(path)
    with pytest.raises(TeacherError, match=r"keeps weights in .* outside of its folder"):
        load_teacher(OnnxTeacher(path=str(path)))


@pytest.mark.parametrize("index", ["{}", '{"weight_map": []}', '{"weight_map": {"a": "../b.safetensors"}}'])
def test_an_index_without_its_map_is_named(tmp_path: Path, index: str) -> None:
    save_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "model-00001-of-00001.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(TeacherError, match=r"index\.json(: weight_map names '\.\.| has no weight_map)"):
        load_teacher(HuggingFaceTeacher(path=str(tmp_path)))


def test_a_fault_of_a_library_names_the_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("something\ninside")

    monkeypatch.setattr("components.common.modeling.teachers.onnx._open", broken)
    path = save_encoder(tmp_path / "tiny.onnx")
    with pytest.raises(
        TeacherError, match=rf"teacher Tiny \(kind: onnx, path: {path}\) cannot be loaded: Key"
    ):
        load_teacher(OnnxTeacher(path=str(path), name="Tiny"))
