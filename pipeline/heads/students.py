"""The frozen student that a head is trained on, as it is named on the command line."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.common.audio.resample import TARGET_RATE
from components.common.modeling import flatbuffer
from components.common.package.folders import MODEL_FILE, sha256_of
from pipeline.configuration.config_file import ConfigError, refuse_secrets
from pipeline.models.registry.versions import find_version
from schemas.head_reports import HeadStudent
from schemas.push_reports import ModelDescription
from schemas.students import FrontEndSpec
from schemas.tensors import TensorInfo
from schemas.tflite_reports import TfliteReport

ACCEPTED = (
    "a folder that a run pushed (pushed/<candidate>/<variant>/<version>), a wave-*.tflite file beside its "
    "model.json or variants.json, or a registered version as NAME@ALIAS or NAME/3"
)
# Of students that nothing says it of: the hop of the benchmark.
_HOP_SAMPLES = 15_360


@dataclass(frozen=True)
class FrozenStudent:
    """A student that is not trained any more.

    Attributes:
      content: Its file.
      about: What is known of it.
      named: How it was named.
    """

    content: bytes
    about: HeadStudent
    named: str


def find_student(argument: str, tracking_uri: str = "", output: Path | None = None) -> FrozenStudent:
    """The student that an argument names.

    Args:
      argument: See :data:`ACCEPTED`.
      tracking_uri: MLflow store of a registered version.
      output: A run's folder, whose store it is in.

    Raises:
      ConfigError: If there is no such student, its file is not the described one, or it takes no head.
      TrackingFault: If the registry does not respond as expected.
    """
    refuse_secrets(argument, "MODEL")
    path = Path(argument).expanduser()
    if (path / MODEL_FILE).is_file():
        path = path / MODEL_FILE
    if path.is_file():
        return _of_file(path, argument)
    if path.exists() or ("@" not in argument and not argument.rpartition("/")[2].isdecimal()):
        below = sorted(path.glob(f"**/wave-*/*/{MODEL_FILE}")) if path.is_dir() else []
        hint = f"; below it are {', '.join(str(one.parent) for one in below[:4])}" if below else ""
        raise ConfigError(f"MODEL: {argument!r} is no student{hint}; accepted: {ACCEPTED}")
    return _registered(argument, tracking_uri, output)


def check_alias(student: FrozenStudent, tracking_uri: str, output: Path | None) -> None:
    """Makes sure that the name still means the version that the head was trained on.

    Raises:
      ConfigError: If an alias has moved meanwhile.
      TrackingFault: If the registry does not respond as expected.
    """
    from pipeline.models.stores import opened

    if "@" not in student.named or not student.about.registered:
        return
    with opened(tracking_uri, output) as client:
        now = find_version(client, student.named)
    if f"{now.name}/{now.version}" != student.about.registered:
        raise ConfigError(
            f"MODEL: {student.named} moved to {now.name}/{now.version} while a head was trained on "
            f"{student.about.registered}; nothing is written. Train again, or name the version: "
            f"{student.about.registered}"
        )


def _registered(argument: str, tracking_uri: str, output: Path | None) -> FrozenStudent:
    from pipeline.models.registry.files import fetch_files
    from pipeline.models.stores import opened

    with opened(tracking_uri, output) as client, tempfile.TemporaryDirectory() as folder:
        version = find_version(client, argument)
        told = fetch_files(client, version, Path(folder))
        content = (Path(folder) / MODEL_FILE).read_bytes()
    return _described(content, told, argument, f"{version.name}/{version.version}")


def _of_file(path: Path, argument: str) -> FrozenStudent:
    if path.name == MODEL_FILE and (path.parent / ModelDescription.FILE).is_file():
        told = ModelDescription.load(path.parent)
        _check_sum(path, told.sha256, ModelDescription.FILE)
        return _described(path.read_bytes(), told, argument)
    if (path.parent / TfliteReport.FILE).is_file():
        report = TfliteReport.load(path.parent)
        for variant in report.variants:
            if variant.file == path.name:
                _check_sum(path, variant.sha256, TfliteReport.FILE)
                return _student(
                    path.read_bytes(),
                    HeadStudent(
                        point_id=f"{report.candidate_id}/{variant.name}",
                        sha256=variant.sha256,
                        bytes=variant.bytes,
                        front_end=report.front_end,
                        window_samples=report.front_end.window_samples,
                        hop_samples=_HOP_SAMPLES,
                        embedding_dim=1,
                    ),
                    argument,
                )
    raise ConfigError(
        f"MODEL: nothing beside {str(path)!r} says what it hears ({ModelDescription.FILE} of a pushed "
        f"folder, or {TfliteReport.FILE}); accepted: {ACCEPTED}"
    )


def _described(content: bytes, told: ModelDescription, named: str, registered: str = "") -> FrozenStudent:
    about = HeadStudent(
        point_id=told.point_id,
        sha256=told.sha256,
        bytes=told.bytes,
        registered=registered,
        front_end=told.front_end,
        window_samples=told.window_samples,
        hop_samples=told.hop_samples,
        embedding_dim=1,
        licence=told.licences.teacher,
        synthetic=told.synthetic,
    )
    return _student(content, about, named)


def _student(content: bytes, about: HeadStudent, named: str) -> FrozenStudent:
    """The student, if a head can stand on it.

    Raises:
      ConfigError: If it hears something else than windows of its front end, or its sound is not ours.
    """
    model = flatbuffer.parse(content)
    inputs, outputs = flatbuffer.inputs(model), flatbuffer.outputs(model)
    what, front_end = f"MODEL: {named} ({about.point_id})", about.front_end
    _check_front_end(what, inputs, front_end, about.window_samples)
    shape = outputs[0].shape
    if len(shape) != 2 or shape[0] != 1 or outputs[0].dtype != "float32":
        raise ConfigError(
            f"{what} answers {outputs[0].dtype} {shape}; accepted: an embedding, float32 (1, dimensions)"
        )
    about = about.model_copy(update={"embedding_dim": shape[1]})
    return FrozenStudent(content, about, named)


def _check_front_end(what: str, inputs: list[TensorInfo], front_end: FrontEndSpec, window: int) -> None:
    if len(inputs) == 1 and inputs[0].shape == [1, front_end.frames, front_end.mels]:
        raise ConfigError(
            f"{what} takes log-mels {inputs[0].shape}, and an app has a waveform; accepted: its wave-* file"
        )
    if front_end.sample_rate != TARGET_RATE:
        raise ConfigError(
            f"{what} hears {front_end.sample_rate} Hz; accepted: a front end of {TARGET_RATE} Hz, to which "
            "clips are decoded"
        )
    if [(one.shape, one.dtype) for one in inputs] != [([1, window], "float32")] or (
        window != front_end.window_samples
    ):
        told = ", ".join(f"{one.dtype} {one.shape}" for one in inputs)
        raise ConfigError(
            f"{what} takes {told}, but its card describes another front end: windows of {window} samples, "
            f"frames that make {front_end.window_samples}; accepted: a file and the card that was made for it"
        )


def _check_sum(path: Path, told: str, by: str) -> None:
    found = sha256_of(path)
    if found != told:
        raise ConfigError(
            f"MODEL: {str(path)!r} has sha256 {found}, its {by} is of {told}; accepted: a file and "
            "its own card"
        )
