"""A model as it is named on the command line: which it is, and how it is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

from pydantic import TypeAdapter, ValidationError

from components.common.audio.fingerprint import fingerprint
from components.common.package.folders import MODEL_FILE
from components.noss_evaluator.baselines import baseline_under_test
from components.noss_evaluator.models_under_test import (
    TEACHER,
    ModelUnderTest,
    student_under_test,
    teacher_under_test,
    tflite_networks,
)
from components.noss_evaluator.settings import Baseline
from pipeline.configuration.config_file import ConfigError, describe_faults, read_mapping, refuse_secrets
from schemas.push_reports import ModelDescription
from schemas.secrets import redact
from schemas.students import FrontEndSpec
from schemas.teachers import (
    HuggingFaceTeacher,
    OnnxTeacher,
    SavedModelTeacher,
    TeacherSpec,
    TfHubTeacher,
    TfliteStage,
    TfliteTeacher,
    check_teacher,
    needs_training,
    resolve_paths,
    teacher_files,
)
from schemas.tensors import VariantInput
from schemas.tflite_reports import TfliteReport

ACCEPTED = (
    "a .tflite file, an .onnx file, a folder with a SavedModel, a Hugging Face checkpoint or what a run "
    "pushed, hf:<organisation>/<name>, an https handle of TensorFlow Hub, a .yaml file that describes a "
    f"teacher, or one of {', '.join(get_args(Baseline))}"
)

_HUGGING_FACE = "hf:"
_SPECS: TypeAdapter[TeacherSpec] = TypeAdapter(TeacherSpec)


@dataclass(frozen=True)
class NamedModel:
    """A model that is there but not loaded yet.

    Attributes:
      name: Name of its folder.
      load: Loads it, once for each of so many workers.
      front_end: Its log-mel front end.
      hop_samples: Samples between windows.
      digest: Of what it is and of its files, for the cache.
      argument: What names it, wherever one stands.
      as_teacher: Whether the others are compared with it.
    """

    name: str
    load: Callable[[int], ModelUnderTest]
    front_end: FrontEndSpec
    hop_samples: int
    digest: str
    argument: str = ""
    as_teacher: bool = False


def find_model(
    argument: str, front_end: FrontEndSpec, hop_samples: int, option: str = "--model"
) -> NamedModel:
    """The model that an argument names.

    Args:
      argument: See :data:`ACCEPTED`.
      front_end: Its log-mel front end, where it does not bring its own.
      hop_samples: Samples between windows, likewise.
      option: What the argument was given to, for the message.

    Raises:
      ConfigError: If there is no such model, or it is of no kind that can be evaluated.
    """
    refuse_secrets(argument, option)
    try:
        found = _find(argument, front_end, hop_samples)
    except ValueError as error:
        raise ConfigError(f"{option} {argument}: {redact(error)}") from error
    path = Path(argument).expanduser()
    return replace(found, argument=str(path.absolute()) if path.exists() else argument)


def find_teacher(argument: str, front_end: FrontEndSpec, hop_samples: int) -> NamedModel:
    """The same for the model that the others are compared with: it is given what a run's teacher is given.

    Raises:
      ConfigError: As :func:`find_model` does.
    """
    found = find_model(argument, front_end, hop_samples, "--teacher")

    def load(workers: int) -> ModelUnderTest:
        under_test = found.load(workers)
        return replace(
            under_test,
            model=TEACHER,
            kind="teacher",
            variant="",
            input_kind="waveform" if under_test.input_kind == "clip" else under_test.input_kind,
        )

    return replace(found, name=TEACHER, load=load, as_teacher=True)


def _find(argument: str, front_end: FrontEndSpec, hop_samples: int) -> NamedModel:
    if argument in get_args(Baseline):
        baseline = cast(Baseline, argument)
        return NamedModel(
            baseline,
            lambda workers: baseline_under_test(baseline, workers),
            front_end,
            hop_samples,
            argument,
        )
    path = Path(argument).expanduser()
    if (path / ModelDescription.FILE).is_file() and (path / MODEL_FILE).is_file():
        path = path / MODEL_FILE
    if path.suffix == ".tflite" and path.is_file():
        return _tflite(path, front_end, hop_samples)
    return _described(argument, _spec(argument, path), front_end, hop_samples)


def _spec(argument: str, path: Path) -> TeacherSpec:
    """The description of a model that teachers' loaders can load."""
    if argument.startswith("https://"):
        return TfHubTeacher(handle=argument)
    if argument.startswith(_HUGGING_FACE):
        from components.common.modeling.teachers.huggingface import fetch

        repository = HuggingFaceTeacher(repo=argument.removeprefix(_HUGGING_FACE), download=True)
        fetch(repository)  # what cannot be had is refused before anything is measured
        return repository
    if path.suffix in (".yaml", ".yml") and path.is_file():
        try:
            return resolve_paths(_SPECS.validate_python(read_mapping(path)), path.parent.absolute())
        except ValidationError as error:
            raise ConfigError("; ".join(describe_faults(error, TeacherSpec))) from error
    if path.suffix == ".onnx" and path.is_file():
        return OnnxTeacher(path=str(path.absolute()))
    if (path / "saved_model.pb").is_file():
        return SavedModelTeacher(path=str(path.absolute()))
    if (path / "config.json").is_file():
        return HuggingFaceTeacher(path=str(path.absolute()))
    raise ConfigError(f"there is no such model; accepted: {ACCEPTED}")


def _described(argument: str, spec: TeacherSpec, front_end: FrontEndSpec, hop_samples: int) -> NamedModel:
    if needs_training(spec):
        raise ConfigError("a teacher of kind 'trained' is trained by a run of the pipeline")
    check_teacher(spec, key="model")
    name = spec.name or _name(argument)
    return NamedModel(
        _as_file_name(name),
        lambda workers: teacher_under_test(spec, None, workers, "reference", _as_file_name(name)),
        front_end,
        hop_samples,
        f"{spec.to_parameter()} {fingerprint(teacher_files(spec))}",
    )


def _tflite(path: Path, front_end: FrontEndSpec, hop_samples: int) -> NamedModel:
    """A TFLite file: a student's, by what lies beside it, or any, by the shape of its input."""
    if (path.parent / TfliteReport.FILE).is_file():
        report = TfliteReport.load(path.parent)
        for variant in report.variants:
            if variant.file == path.name:
                return _student(
                    path, report.candidate_id, variant.name, variant.input, variant.sha256,
                    report.front_end, hop_samples,
                )  # fmt: skip
    if (path.parent / ModelDescription.FILE).is_file():
        told = ModelDescription.load(path.parent)
        return _student(
            path, told.candidate_id, told.variant, told.input, told.sha256, told.front_end, told.hop_samples
        )
    return _bare_tflite(path, front_end, hop_samples)


def _student(
    path: Path,
    candidate: str,
    variant: str,
    input: VariantInput,
    sha256: str,
    front_end: FrontEndSpec,
    hop: int,
) -> NamedModel:
    return NamedModel(
        _as_file_name(f"{candidate}-{variant}"),
        lambda workers: student_under_test(path, candidate, variant, input, sha256, workers),
        front_end,
        hop,
        f"{candidate}/{variant} {input} {sha256}",
    )


def _bare_tflite(path: Path, front_end: FrontEndSpec, hop_samples: int) -> NamedModel:
    from components.common.modeling.litert import LiteRtModel
    from components.common.modeling.teachers.base import digest_files

    model = LiteRtModel(path)
    shape = model.inputs[0].shape
    if len(shape) < 3:
        spec = TfliteTeacher(stages=(TfliteStage(file=str(path.absolute())),))
        return _described(str(path), spec, front_end, hop_samples)
    if shape != [1, front_end.frames, front_end.mels] or len(model.outputs[0].shape) != 2:
        raise ConfigError(
            f"it maps {shape} to {model.outputs[0].shape}; accepted: a waveform and, as the "
            f"front end gives them, patches: (1, {front_end.frames}, {front_end.mels}) to (1, dimensions); "
            "front_end.* sets another front end"
        )
    model.check_output(0)
    name, sha256 = _as_file_name(path.stem), digest_files([path])

    def load(workers: int) -> ModelUnderTest:
        return ModelUnderTest(
            model=name,
            kind="reference",
            variant="",
            sha256=sha256,
            input_kind="log_mel",
            networks=tflite_networks(path.read_bytes(), workers),
        )

    return NamedModel(name, load, front_end, hop_samples, sha256)


def _name(argument: str) -> str:
    """A readable name: of a file its stem, of a folder its own, of a handle what follows the host."""
    if argument.startswith("https://"):
        return argument.removeprefix("https://").partition("/")[2]
    if argument.startswith(_HUGGING_FACE):
        return argument.removeprefix(_HUGGING_FACE)
    path = Path(argument).expanduser().absolute()
    return path.name if path.is_dir() else path.stem


def _as_file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "model"
