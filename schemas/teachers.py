"""Which teacher is distilled: the typed description of any model that turns sound into vectors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, field_validator, model_validator

from schemas.settings import Settings
from schemas.teacher_sources import cached_snapshot, holds_checkpoint, how_to_download, onnx_data_files


class _Named(Settings):
    """What every teacher may say of itself."""

    name: str = Field("", description="Name in reports; empty: made from the kind and the file.")
    licence: str = Field("", description="Licence of the weights, as the user states it.")


class _Windowed(_Named):
    """A teacher that may want windows of one length."""

    window_samples: int = Field(
        0,
        ge=0,
        description="Samples the teacher takes at a time (16 kHz): longer sound is cut into windows whose "
        "vectors are averaged, shorter sound is padded with zeros; 0: the length the file fixes, or any.",
    )
    hop_samples: int = Field(0, ge=0, description="Samples between such windows; 0: they lie side by side.")
    normalise: bool | None = Field(
        None,
        description="Whether each window is brought to mean 0 and deviation 1 first, as Wav2Vec 2.0 may "
        "want it; null: as a Hugging Face model's own files say, any other as it is.",
    )

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


class _Network(_Windowed):
    """A network that takes the waveform by name, perhaps beside constants, and may give several outputs."""

    output: str = Field(
        "embedding",
        description="Name of the output, or its index if the model returns a tuple; empty: the only output.",
    )
    batched: bool = Field(
        True,
        description="Whether the model takes (batch, samples); false: (samples,), one at a time.",
    )
    arguments: dict[str, int | float | bool] = Field(
        default_factory=dict,
        description="Further inputs that stay the same, as sample_rate: 16000 for TRILL.",
    )
    input: str = Field("", description="Name of the waveform's input; empty: the only one or the first.")
    time_axis: int | None = Field(
        None,
        description="Axis of the output that runs over time, over which the mean is taken, as -1 for (batch, "
        "channels, time); null: all axes between the first and the last. A single sound's answer without a "
        "batch axis counts as if it had one.",
    )


class _Callable(_Network):
    """A SavedModel, wherever it comes from."""

    tags: tuple[str, ...] = Field(
        (),
        description="Tag set of the graph to load, as [serve]; needed only where a SavedModel holds several "
        "graphs.",
    )

    signature: str = Field(
        "", description="Name of the signature to call, as in 'serving_default'; empty: the object itself."
    )


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
        description="What happens to the windows' vectors; flatten keeps their order, which a student that "
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
    """A chain of TFLite files: the first takes the waveform in [-1, 1], each other the one before."""

    kind: Literal["tflite"] = Field("tflite", description="One TFLite file or a chain of them.")
    stages: tuple[TfliteStage, ...] = Field(min_length=1, description="The files in order.")

    @field_validator("stages")
    @classmethod
    def _first_hears_waveform(cls, stages: tuple[TfliteStage, ...]) -> tuple[TfliteStage, ...]:
        if stages[0].windows is not None:
            raise ValueError("the first stage takes the waveform: use window_samples in place of windows")
        return stages


class OnnxTeacher(_Network):
    """A network in the ONNX format."""

    kind: Literal["onnx"] = Field("onnx", description="An ONNX file.")
    path: str = Field(min_length=1, description="The .onnx file; weights outside it lie beside it.")
    output: str = Field("", description="Name of the output, or its index; empty: the only output.")
    scale: float = Field(
        1.0, description="The waveform is multiplied by this: 32768 for a model of 16-bit values."
    )
    arguments: dict[str, int | float | bool] = Field(
        default_factory=dict,
        description="Further inputs, each filled with one number, as attention_mask: 1; a free dimension "
        "must be one of the waveform's.",
    )


class HuggingFaceTeacher(_Windowed):
    """Wav2Vec 2.0 or HuBERT as Hugging Face stores them: ``config.json`` and safetensors."""

    kind: Literal["huggingface"] = Field("huggingface", description="A Hugging Face checkpoint.")
    repo: str = Field("", description="Repository on the Hub, as 'facebook/wav2vec2-base-960h'.")
    revision: str = Field(
        "main",
        min_length=1,
        description="Branch, tag or commit of the repository; a full commit always means the same weights.",
    )
    download: bool = Field(
        False,
        description="Whether a repository that the cache of huggingface_hub does not hold is downloaded.",
    )
    path: str = Field("", description="Folder of a checkpoint, in place of the repository.")
    layer: Literal["last"] | Annotated[int, Field(ge=0)] | tuple[Annotated[int, Field(ge=0)], ...] = Field(
        "last",
        description="Which hidden states become the embedding: last, an index (0 comes before the first "
        "layer of the transformer), or a list of indices that are averaged.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> HuggingFaceTeacher:
        if bool(self.repo) == bool(self.path):
            raise ValueError(
                f"give either repo (now {self.repo!r}), a repository on the Hub, or path (now {self.path!r}),"
                " a folder"
            )
        if self.layer == ():
            raise ValueError("layer is an empty list; accepted: last, an index or a list of indices")
        return self


SingleTeacher = Annotated[
    TrainedTeacher | SavedModelTeacher | TfHubTeacher | TfliteTeacher | OnnxTeacher | HuggingFaceTeacher,
    Field(discriminator="kind"),
]


class ConcatTeacher(_Named):
    """Several teachers of the same sound; their vectors are laid end to end."""

    kind: Literal["concat"] = Field("concat", description="Several teachers, concatenated.")
    teachers: tuple[SingleTeacher, ...] = Field(min_length=1, description="The teachers in order.")


TeacherSpec = Annotated[
    TrainedTeacher
    | SavedModelTeacher
    | TfHubTeacher
    | TfliteTeacher
    | OnnxTeacher
    | HuggingFaceTeacher
    | ConcatTeacher,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[TeacherSpec] = TypeAdapter(TeacherSpec)
_Spec = TypeVar(
    "_Spec",
    TrainedTeacher,
    SavedModelTeacher,
    TfHubTeacher,
    TfliteTeacher,
    OnnxTeacher,
    HuggingFaceTeacher,
    ConcatTeacher,
    TeacherSpec,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_Form = Literal["saved_model", "tflite", "onnx", "onnx_data", "checkpoint"]
_ACCEPTED: dict[_Form, str] = {
    "saved_model": "a folder with saved_model.pb",
    "tflite": "a .tflite file",
    "onnx": "a .onnx file",
    "onnx_data": "the file in which the .onnx file keeps weights",
    "checkpoint": "a folder with config.json and model.safetensors (a pytorch_model.bin is never read: "
    "see docs/reference_models.md)",
}


def parse_teacher(parameter: str) -> TeacherSpec:
    """Reads a teacher from the JSON that ``spec.to_parameter()`` gave."""
    return _ADAPTER.validate_json(parameter)


def members(spec: TeacherSpec) -> tuple[TeacherSpec, ...]:
    """The teachers of a concatenation, or the teacher itself."""
    return spec.teachers if isinstance(spec, ConcatTeacher) else (spec,)


def in_words(spec: TeacherSpec) -> str:
    """A teacher for a message: its name, its kind, and the settings that say where it is."""
    if isinstance(spec, ConcatTeacher):
        return " + ".join(in_words(member) for member in spec.teachers)
    places = {key: value for key in ("path", "handle", "repo") if (value := getattr(spec, key, ""))}
    if isinstance(spec, TfliteTeacher):
        places = {f"stages.{index}.file": stage.file for index, stage in enumerate(spec.stages)}
    told = ", ".join(f"{key}: {value}" for key, value in {"kind": spec.kind, **places}.items())
    return f"{spec.name} ({told})".lstrip()


def licence_of(spec: TeacherSpec) -> str:
    """Licence of the weights as it was stated; empty: nobody stated one.

    A concatenation is under what it states itself and under all its members' licences; if it states
    nothing, a member that does not either is named.
    """
    licences = [spec.licence] if spec.licence else []
    if isinstance(spec, ConcatTeacher) and any(member.licence for member in spec.teachers):
        for number, member in enumerate(spec.teachers, start=1):
            if member.licence:
                licences.append(member.licence)
            elif not spec.licence:
                licences.append(f"not stated for {member.name or f'teacher {number}'}")
    return "; ".join(dict.fromkeys(licences))


def unlicensed(spec: TeacherSpec) -> list[str]:
    """The teachers whose weights somebody else made and that nobody stated a licence of, in words."""
    if spec.licence:
        return []
    return [in_words(one) for one in members(spec) if not one.licence and not isinstance(one, TrainedTeacher)]


def needs_training(spec: TeacherSpec) -> bool:
    """Whether a teacher trained by the pipeline takes part."""
    return any(isinstance(member, TrainedTeacher) for member in members(spec))


def resolve_paths(spec: _Spec, root: str | Path) -> _Spec:
    """The same teacher with relative paths taken from ``root``."""
    if isinstance(spec, ConcatTeacher):
        return spec.model_copy(
            update={"teachers": tuple(resolve_paths(member, root) for member in spec.teachers)}
        )
    if isinstance(spec, SavedModelTeacher | OnnxTeacher | HuggingFaceTeacher) and spec.path:
        return spec.model_copy(update={"path": str(Path(root) / spec.path)})
    if isinstance(spec, TfliteTeacher):
        stages = tuple(
            stage.model_copy(update={"file": str(Path(root) / stage.file)}) for stage in spec.stages
        )
        return spec.model_copy(update={"stages": stages})
    return spec


def teacher_files(spec: TeacherSpec) -> list[Path]:
    """Files and folders the teacher is read from, to fingerprint them.

    A repository of the Hub stands for what the cache holds of it, unless its revision is a commit, which
    names the content already.
    """
    return [path for _, path, _ in _paths(spec, "")] + [
        folder
        for member in members(spec)
        if isinstance(member, HuggingFaceTeacher)
        and member.repo
        and not _COMMIT.fullmatch(member.revision)
        and (folder := cached_snapshot(member.repo, member.revision))
    ]


def check_teacher(spec: TeacherSpec, key: str = "teacher") -> None:
    """Refuses a teacher whose files are not there.

    Args:
      spec: The teacher, its paths resolved.
      key: Path of the teacher in the configuration, for the message.

    Raises:
      ValueError: With the key's path, the value and what is accepted.
    """
    for place, path, form in _paths(spec, key):
        if not _is_there(path, form):
            raise ValueError(f"{place}: {path} does not exist or is not {_ACCEPTED[form]}")
    for place, member in _members_with_keys(spec, key):
        if isinstance(member, HuggingFaceTeacher) and member.repo and not member.download:
            folder = cached_snapshot(member.repo, member.revision)
            if folder is None or not holds_checkpoint(folder):
                raise ValueError(
                    f"{place}.repo: {member.repo} at {member.revision} is not in the cache: "
                    f"{how_to_download(member.repo, member.revision)}"
                )


def _members_with_keys(spec: TeacherSpec, key: str) -> Iterator[tuple[str, TeacherSpec]]:
    if isinstance(spec, ConcatTeacher):
        yield from ((f"{key}.teachers.{index}", member) for index, member in enumerate(spec.teachers))
    else:
        yield key, spec


def _paths(spec: TeacherSpec, key: str) -> Iterator[tuple[str, Path, _Form]]:
    for place, member in _members_with_keys(spec, key):
        if isinstance(member, SavedModelTeacher):
            yield f"{place}.path", Path(member.path), "saved_model"
        elif isinstance(member, TfliteTeacher):
            for index, stage in enumerate(member.stages):
                yield f"{place}.stages.{index}.file", Path(stage.file), "tflite"
        elif isinstance(member, OnnxTeacher):
            yield f"{place}.path", Path(member.path), "onnx"
            if Path(member.path).is_file():
                try:
                    files = onnx_data_files(member.path)
                except ValueError as error:
                    raise ValueError(f"{place}.path: {error}".lstrip(".")) from error
                yield from ((f"{place}.path", path, "onnx_data") for path in files)
        elif isinstance(member, HuggingFaceTeacher) and member.path:
            yield f"{place}.path", Path(member.path), "checkpoint"


def _is_there(path: Path, form: _Form) -> bool:
    if form == "saved_model":
        return (path / "saved_model.pb").is_file()
    return holds_checkpoint(path) if form == "checkpoint" else path.is_file()
