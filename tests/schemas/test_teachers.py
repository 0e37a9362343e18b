"""Teacher specifications: kinds, paths, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.teachers import (
    ConcatTeacher,
    HuggingFaceTeacher,
    OnnxTeacher,
    SavedModelTeacher,
    SlidingWindows,
    TeacherSpec,
    TfliteStage,
    TfliteTeacher,
    TrainedTeacher,
    check_teacher,
    in_words,
    licence_of,
    needs_training,
    parse_teacher,
    resolve_paths,
    teacher_files,
    unlicensed,
)

PAIR: dict[str, Any] = {
    "kind": "concat",
    "teachers": [
        {"kind": "tflite", "name": "YAMNet", "stages": [{"file": "yamnet.tflite"}]},
        {
            "kind": "tflite",
            "stages": [
                {"file": "mel.tflite", "scale": 32768},
                {"file": "embed.tflite", "scale": 0.1, "offset": 2, "windows": {"frames": 76, "hop": 8}},
            ],
        },
        {"kind": "savedmodel", "path": "trill", "arguments": {"sample_rate": 16000}},
    ],
}


def read(value: Any) -> TeacherSpec:
    spec: TeacherSpec = TypeAdapter(TeacherSpec).validate_python(value)
    return spec


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "trained", "output": "features"},
        {"kind": "savedmodel", "path": "a", "window_samples": 16000, "hop_samples": 8000},
        {"kind": "tfhub", "handle": "https://tfhub.dev/a/b/1", "output": "layer19"},
        {"kind": "onnx", "path": "a.onnx", "arguments": {"attention_mask": 1}, "output": "1"},
        {"kind": "huggingface", "repo": "facebook/wav2vec2-base", "layer": 6, "normalise": True},
        {"kind": "huggingface", "path": "wav2vec2", "layer": [0, 6, 12]},
        PAIR,
    ],
)
def test_survives_the_way_through_a_parameter(value: Any) -> None:
    spec = read(value)
    assert parse_teacher(spec.to_parameter()) == spec


def test_windows_are_averaged_by_default() -> None:
    assert SlidingWindows(frames=76, hop=8).pool == "mean"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"kind": "pickle", "path": "a"},
            "'trained', 'savedmodel', 'tfhub', 'tflite', 'onnx', 'huggingface', 'concat'",
        ),
        ({"kind": "concat", "teachers": []}, "at least 1 item"),
        ({"kind": "concat", "teachers": [{"kind": "concat", "teachers": []}]}, "does not match any of"),
        ({"kind": "tflite", "stages": []}, "at least 1 item"),
        (
            {"kind": "tflite", "stages": [{"file": "a", "windows": {"frames": 1, "hop": 1}}]},
            "the first stage takes the waveform",
        ),
        ({"kind": "savedmodel", "path": "a", "widow_samples": 1}, "widow_samples"),
        ({"kind": "savedmodel", "path": "a", "window_samples": 10, "hop_samples": 11}, "must not exceed"),
        ({"kind": "huggingface"}, r"give either repo \(now ''\)"),
        ({"kind": "huggingface", "repo": "a/b", "path": "c"}, r"or path \(now 'c'\)"),
        ({"kind": "huggingface", "repo": "a/b", "layer": []}, "layer is an empty list"),
        ({"kind": "huggingface", "repo": "a/b", "layer": -1}, "greater than or equal to 0"),
    ],
)
def test_refuses(value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(value)


def test_relative_paths_are_taken_from_the_root(tmp_path: Path) -> None:
    absolute = str(tmp_path / "x" / "absolute.tflite")
    spec = ConcatTeacher(
        teachers=(
            SavedModelTeacher(path="trill"),
            TfliteTeacher(stages=(TfliteStage(file="a/mel.tflite"), TfliteStage(file=absolute))),
            OnnxTeacher(path="b/encoder.onnx"),
            HuggingFaceTeacher(path="wav2vec2"),
            TrainedTeacher(),
        )
    )
    resolved = resolve_paths(spec, tmp_path)
    named = ("trill", "a/mel.tflite", absolute, "b/encoder.onnx", "wav2vec2")
    assert teacher_files(resolved) == [tmp_path / name for name in named]
    assert resolve_paths(HuggingFaceTeacher(repo="a/b"), tmp_path) == HuggingFaceTeacher(repo="a/b")
    assert needs_training(resolved)
    assert not needs_training(spec.teachers[0])


def test_names_the_key_of_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "yamnet.tflite").touch()
    (tmp_path / "mel.tflite").touch()
    with pytest.raises(ValueError, match=r"teacher\.teachers\.1\.stages\.1\.file: .*embed\.tflite does not"):
        check_teacher(resolve_paths(read(PAIR), tmp_path))


def test_names_the_key_of_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"distil\.teacher\.path: .*a folder with saved_model\.pb"):
        check_teacher(SavedModelTeacher(path=str(tmp_path)), key="distil.teacher")


def test_names_what_a_concatenation_misses(tmp_path: Path) -> None:
    encoder = OnnxTeacher(path=str(tmp_path / "encoder.onnx"))
    both = ConcatTeacher(teachers=(encoder, HuggingFaceTeacher(path=str(tmp_path))))
    with pytest.raises(ValueError, match=r"teacher\.teachers\.0\.path: .*encoder\.onnx .* not a \.onnx file"):
        check_teacher(both)
    (tmp_path / "encoder.onnx").touch()
    with pytest.raises(ValueError, match=r"teacher\.teachers\.1\.path: .*a folder with config\.json and"):
        check_teacher(both)
    (tmp_path / "config.json").touch()
    (tmp_path / "model-00001-of-00002.safetensors").touch()
    check_teacher(both)


def test_accepts_files_that_are_there(tmp_path: Path) -> None:
    for name in ("yamnet.tflite", "mel.tflite", "embed.tflite"):
        (tmp_path / name).touch()
    (tmp_path / "trill").mkdir()
    (tmp_path / "trill" / "saved_model.pb").touch()
    check_teacher(resolve_paths(read(PAIR), tmp_path))


@pytest.mark.parametrize(
    ("own", "members", "expected"),
    [
        ("", ["", "", ""], ""),
        ("MIT", ["", "", ""], "MIT"),
        ("", ["MIT", "CC0", "MIT"], "MIT; CC0"),
        ("MIT", ["CC0", "", "MIT"], "MIT; CC0"),
        ("", ["", "MIT", ""], "not stated for YAMNet; MIT; not stated for teacher 3"),
    ],
)
def test_the_licence_of_several_teachers_names_whose_is_missing(
    own: str, members: list[str], expected: str
) -> None:
    teachers = [
        {**teacher, "licence": licence} for teacher, licence in zip(PAIR["teachers"], members, strict=True)
    ]
    spec = ConcatTeacher.model_validate({**PAIR, "licence": own, "teachers": teachers})
    assert licence_of(spec) == expected


def test_the_parts_whose_licence_is_missing() -> None:
    teachers = [{**teacher, "licence": ""} for teacher in PAIR["teachers"]]
    spec = ConcatTeacher.model_validate({**PAIR, "licence": "", "teachers": teachers})
    assert unlicensed(spec) == [in_words(one) for one in spec.teachers]
    teachers[0]["licence"] = "MIT"
    spec = ConcatTeacher.model_validate({**PAIR, "licence": "", "teachers": teachers})
    assert unlicensed(spec) == [in_words(one) for one in spec.teachers[1:]]
    # Stated for the whole it is stated for each; and nobody else made weights that the run trains.
    assert unlicensed(spec.model_copy(update={"licence": "MIT"})) == unlicensed(TrainedTeacher()) == []


def test_the_licence_of_one_teacher_is_what_it_states() -> None:
    assert licence_of(TrainedTeacher(licence="CC0")) == "CC0"
    assert licence_of(TrainedTeacher()) == ""
