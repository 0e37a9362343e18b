"""Which teacher is distilled: the typed description of any model that turns sound into vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, field_validator, model_validator

from schemas.settings import Settings


class _Named(Settings):
    """What every teacher may say of itself."""

    name: str = Field("", description="Name in reports; empty: made from the kind and the file.")
    licence: str = Field("", description="Licence of the weights, as the user states it.")


class _Windowed(_Named):
    """A teacher that may want windows of one length."""

    window_samples: int = Field(
        0,
        ge=0,
        description="Samples the teacher hears at once (16 kHz): longer sound is cut into windows whose "
        "vectors are averaged, shorter sound is padded with zeros; 0: the length the file fixes, or any.",
    )
    hop_samples: int = Field(0, ge=0, description="Samples between such windows; 0: they lie side by side.")

    @model_validator(mode="after")
    def _hop_needs_window(self) -> _Windowed:
        if self.window_samples and self.hop_samples > self.window_samples:
            raise ValueError(
                f"hop_samples {self.hop_samples} must not exceed window_samples {self.window_samples}: "
                "sound between the windows would be lost"
            )
        return self


class TrainedTeacher(_Named):
    """The teacher that ``TeacherTrainer`` trained in this run."""

    kind: Literal["trained"] = Field("trained", description="Trained by this pipeline.")
    output: Literal["embedding", "features"] = Field(
        "embedding",
        description="embedding: the last layer; features: the flattened map before it (TRILL's layer19).",
    )


class _Callable(_Windowed):
    """A SavedModel, wherever it comes from."""

    signature: str = Field(
        "", description="Name of the signature to call, as in 'serving_default'; empty: the object itself."
    )
    output: str = Field(
        "embedding",
        description="Key of the output, or its index if the model returns a tuple; empty: the only output.",
    )
    batched: bool = Field(
        True,
        description="Whether the model takes (batch, samples); false: (samples,), one at a time.",
    )
    arguments: dict[str, int | float | bool] = Field(
        default_factory=dict,
        description="Further keyword arguments of the call, as sample_rate: 16000 for TRILL.",
    )
    input: str = Field("", description="Name of the waveform's argument; empty: the first, unnamed.")


class SavedModelTeacher(_Callable):
    """A TensorFlow SavedModel in a folder."""

    kind: Literal["savedmodel"] = Field("savedmodel", description="A SavedModel folder.")
    path: str = Field(min_length=1, description="Folder with saved_model.pb.")


class TfHubTeacher(_Callable):
    """A SavedModel by its TensorFlow Hub handle."""

    kind: Literal["tfhub"] = Field("tfhub", description="A TensorFlow Hub handle.")
    handle: str = Field(
        min_length=1,
        description="As in 'https://tfhub.dev/google/nonsemantic-speech-benchmark/trill/3'.",
    )


class SlidingWindows(Settings):
    """Windows over the frames that the stage before gave."""

    frames: int = Field(ge=1, description="Frames of a window.")
    hop: int = Field(ge=1, description="Frames between windows.")
    pool: Literal["mean", "flatten"] = Field(
        "mean",
        description="What becomes of the windows' vectors; flatten keeps their order, which a student that "
        "averages over time cannot follow.",
    )


class TfliteStage(Settings):
    """One TFLite file of a chain."""

    file: str = Field(min_length=1, description="The .tflite file.")
    output: int = Field(0, ge=0, description="Index of the output that goes on.")
    scale: float = Field(1.0, description="The stage's input is multiplied by this first.")
    offset: float = Field(0.0, description="And this is added.")
    windows: SlidingWindows | None = Field(
        None, description="Sliding windows over the output of the stage before; not for the first stage."
    )


class TfliteTeacher(_Windowed):
    """A chain of TFLite files: the first hears the waveform in [-1, 1], each other the one before."""

    kind: Literal["tflite"] = Field("tflite", description="One TFLite file or a chain of them.")
    stages: tuple[TfliteStage, ...] = Field(min_length=1, description="The files in order.")

    @field_validator("stages")
    @classmethod
    def _first_hears_waveform(cls, stages: tuple[TfliteStage, ...]) -> tuple[TfliteStage, ...]:
        if stages[0].windows is not None:
            raise ValueError("the first stage hears the waveform: use window_samples in place of windows")
        return stages


SingleTeacher = Annotated[
    TrainedTeacher | SavedModelTeacher | TfHubTeacher | TfliteTeacher, Field(discriminator="kind")
]


class ConcatTeacher(_Named):
    """Several teachers that hear the same sound; their vectors are laid end to end."""

    kind: Literal["concat"] = Field("concat", description="Several teachers, concatenated.")
    teachers: tuple[SingleTeacher, ...] = Field(min_length=1, description="The teachers in order.")


TeacherSpec = Annotated[
    TrainedTeacher | SavedModelTeacher | TfHubTeacher | TfliteTeacher | ConcatTeacher,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[TeacherSpec] = TypeAdapter(TeacherSpec)
_Spec = TypeVar(
    "_Spec", TrainedTeacher, SavedModelTeacher, TfHubTeacher, TfliteTeacher, ConcatTeacher, TeacherSpec
)


def parse_teacher(parameter: str) -> TeacherSpec:
    """Reads a teacher from the JSON that ``spec.to_parameter()`` gave."""
    return _ADAPTER.validate_json(parameter)


def members(spec: TeacherSpec) -> tuple[TeacherSpec, ...]:
    """The teachers of a concatenation, or the teacher itself."""
    return spec.teachers if isinstance(spec, ConcatTeacher) else (spec,)


def needs_training(spec: TeacherSpec) -> bool:
    """Whether a teacher trained by the pipeline takes part."""
    return any(isinstance(member, TrainedTeacher) for member in members(spec))


def resolve_paths(spec: _Spec, root: str | Path) -> _Spec:
    """The same teacher with relative paths taken from ``root``."""
    if isinstance(spec, ConcatTeacher):
        return spec.model_copy(
            update={"teachers": tuple(resolve_paths(member, root) for member in spec.teachers)}
        )
    if isinstance(spec, SavedModelTeacher):
        return spec.model_copy(update={"path": str(Path(root) / spec.path)})
    if isinstance(spec, TfliteTeacher):
        stages = tuple(
            stage.model_copy(update={"file": str(Path(root) / stage.file)}) for stage in spec.stages
        )
        return spec.model_copy(update={"stages": stages})
    return spec


def teacher_files(spec: TeacherSpec) -> list[Path]:
    """Files and folders the teacher is read from, to fingerprint them."""
    return [path for _, path, _ in _paths(spec, "")]


def check_teacher(spec: TeacherSpec, key: str = "teacher") -> None:
    """Refuses a teacher whose files are not there.

    Args:
      spec: The teacher, its paths resolved.
      key: Path of the teacher in the configuration, for the message.

    Raises:
      ValueError: With the key's path, the value and what is accepted.
    """
    for place, path, wanted in _paths(spec, key):
        found = (path / "saved_model.pb").is_file() if wanted == "folder" else path.is_file()
        if not found:
            accepted = "a folder with saved_model.pb" if wanted == "folder" else "a .tflite file"
            raise ValueError(f"{place}: {path} does not exist or is not {accepted}")


def _paths(spec: TeacherSpec, key: str) -> Iterator[tuple[str, Path, Literal["file", "folder"]]]:
    if isinstance(spec, ConcatTeacher):
        for index, member in enumerate(spec.teachers):
            yield from _paths(member, f"{key}.teachers.{index}")
    elif isinstance(spec, SavedModelTeacher):
        yield f"{key}.path", Path(spec.path), "folder"
    elif isinstance(spec, TfliteTeacher):
        for index, stage in enumerate(spec.stages):
            yield f"{key}.stages.{index}.file", Path(stage.file), "file"
