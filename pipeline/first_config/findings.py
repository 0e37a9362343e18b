"""What is there: the sound and its layout, the tasks, the teacher and its output, the device."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from components.audio_ingest.recordings.listing import check_folder, find_recordings
from components.audio_ingest.settings import FOLDER, AudioIngestSettings
from components.audio_ingest.sources import check_sources
from components.common.audio.places import is_url
from components.latency_benchmark.backends.connection import advice_for, attached_devices
from components.teacher_embedder.settings import TeacherEmbedderSettings
from pipeline.configuration.config_file import ConfigError
from pipeline.preflight.teacher import ask_teachers
from schemas.teacher_sources import holds_checkpoint
from schemas.teachers import TeacherSpec

Section = Mapping[str, Any]

_SHARES = (0.1, 0.2, 0.3, 0.5)
_AUDIO_FOLDERS = ("audios", "audio", "data", ".")
_TASK_FOLDERS = ("noss", "tasks")
_MANIFEST = "manifest.csv"
# Outputs that embeddings have in published networks; empty: the only one.
_OUTPUTS = ("", "embedding", "embeddings", "last_hidden_state")
_NAMED_OUTPUTS = frozenset({"onnx", "savedmodel", "tfhub"})
_ADB_SECONDS = 20


@dataclass(frozen=True)
class Found:
    """A section of the configuration.

    Attributes:
      section: Its keys that differ from the defaults.
      said: What was seen, in a line.
    """

    section: Section
    said: str


def find_corpus(sound: Path) -> Found:
    """Tells a corpus in AudioSet's form, by its tables, from a plain folder.

    Raises:
      ConfigError: If it is neither.
    """
    root = sound.expanduser().resolve()
    if not root.is_dir():
        raise ConfigError(f"--sound: there is no folder {str(sound)!r}; accepted: a folder of recordings")
    tables = sorted(path.name for path in root.glob("*segments*.csv"))
    splits = {split: [name for name in tables if split in name] for split in ("train", "eval")}
    try:
        return _audioset(root, splits) if all(splits.values()) else _plain_folder(root)
    except ValueError as error:
        raise ConfigError(f"--sound: {error}") from error


def find_tasks(tasks: Path | None, sound: Path) -> Found:
    """Finds the folder of tasks; where none is named, beside the sound.

    Raises:
      ConfigError: If there is none.
    """
    near = sound.expanduser().resolve()
    places = [tasks.expanduser().resolve()] if tasks else [*_near(near), *_near(near.parent)]
    for place in places:
        if (place / _MANIFEST).is_file():
            section = {"root": str(place.parent), "tasks": [{"name": place.name}]}
            return Found(section, f"the task {place.name}")
        if place.is_dir():
            own = sorted(path.parent.name for path in place.glob(f"*/{_MANIFEST}"))
            return Found({"root": str(place)}, ", ".join([*own, "those of the catalogue that are here"]))
    looked = ", ".join(map(str, places))
    raise ConfigError(
        f"--tasks: there is no folder of tasks, looked for {looked}; accepted: a folder with a {_MANIFEST} "
        "(file,label,speaker_id,split,fold), or one that holds such folders; `noss ls` and `noss get TASK` "
        "bring published ones"
    )


def find_teacher(teacher: str, output: str | None = None) -> Found:
    """Tells the kind of a teacher by its name and files, and its output by asking it about a window.

    Args:
      teacher: A ``.tflite`` or ``.onnx`` file, the folder of a SavedModel or of a Hugging Face checkpoint,
        or a TensorFlow Hub handle.
      output: Name or index of the output that is the embedding; None: the only one, or one of a usual name.

    Raises:
      ConfigError: If it is none of these, or cannot be asked.
    """
    section = _teacher(teacher)
    if section["kind"] not in _NAMED_OUTPUTS:
        if output is not None:
            raise ConfigError(
                f"--teacher-output: a teacher of kind {section['kind']} has no outputs to choose"
            )
        return Found(section, section["kind"])
    faults = []
    for name in _OUTPUTS if output is None else (output,):
        tried = section | {"output": name}
        try:
            spec = TypeAdapter[TeacherSpec](TeacherSpec).validate_python(tried)
            (asked,) = ask_teachers({"--teacher": spec}, TeacherEmbedderSettings(teacher=spec))
        except ConfigError as error:
            faults.append(str(error))
            continue
        return Found(tried, f"{asked.dim} dimensions; its outputs: {', '.join(asked.outputs)}")
    raise ConfigError(f"{faults[0]}\n  --teacher-output NAME says which output is the embedding")


def find_device(device: str, benchmark_model: Path | None, budget_ms: float) -> Found:
    """The device that latency is measured on.

    Raises:
      ConfigError: If it is a phone, and not exactly one is attached and ready, or benchmark_model is absent.
    """
    budgets = [{"percentile": "p95", "milliseconds": budget_ms}]
    if device == "host":
        return Found({"host": {"backend": "host", "budgets": budgets}}, "this machine")
    if benchmark_model is None or not benchmark_model.is_file():
        raise ConfigError(
            f"--benchmark-model: there is no file {str(benchmark_model or '')!r}; accepted: TFLite's "
            "benchmark_model, built for the phone (docs/devices.md says where it is from)"
        )
    try:
        answer = subprocess.run(
            ["adb", "devices"], capture_output=True, text=True, timeout=_ADB_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"--device adb: the command adb cannot be run: {error}") from error
    seen = attached_devices(answer.stdout.splitlines())
    ready = [serial for serial, state in seen if state.split()[0] == "device"]
    if len(ready) != 1:
        said = "; ".join(f"{serial} is {state}: {advice_for(state) or 'ready'}" for serial, state in seen)
        raise ConfigError(
            f"--device adb: {len(ready)} phones are ready, one is needed ({said or 'none is seen'})"
        )
    section = {
        "backend": "adb",
        "serial": ready[0],
        "benchmark_model": str(benchmark_model.resolve()),
        "budgets": budgets,
    }
    return Found({"phone": section}, f"the phone {ready[0]}")


def _audioset(root: Path, splits: Mapping[str, list[str]]) -> Found:
    fault = ValueError()
    for audio in _AUDIO_FOLDERS:
        section = {"root": str(root), "audio": audio, "segments": dict(splits), "labels": "all"}
        try:
            check_sources(AudioIngestSettings(**section), "corpus")
        except ValueError as error:
            fault = fault if fault.args else error
            continue
        tables = ", ".join([*splits["train"], *splits["eval"]])
        return Found(section, f"AudioSet's tables {tables}, clips in {audio}")
    raise fault


def _plain_folder(root: Path) -> Found:
    check_folder(str(root), "corpus")
    for share in _SHARES:
        section = {"root": str(root), "layout": FOLDER, "recordings": {"eval_share": share}}
        try:
            found = find_recordings(str(root), AudioIngestSettings(**section), "corpus")
        except ValueError:
            if share == _SHARES[-1]:
                raise
            continue
        return Found(section, str(found))
    raise AssertionError("the last share raises")


def _near(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _TASK_FOLDERS)


def _teacher(teacher: str) -> dict[str, Any]:
    if is_url(teacher):
        return {"kind": "tfhub", "handle": teacher}
    path = Path(teacher).expanduser().resolve()
    if path.is_file() and path.suffix == ".tflite":
        return {"kind": "tflite", "stages": [{"file": str(path)}]}
    if path.is_file() and path.suffix == ".onnx":
        return {"kind": "onnx", "path": str(path)}
    if (path / "saved_model.pb").is_file():
        return {"kind": "savedmodel", "path": str(path)}
    if path.is_dir() and holds_checkpoint(path):
        return {"kind": "huggingface", "path": str(path)}
    raise ConfigError(
        f"--teacher: {teacher!r} is no teacher that is known; accepted: a .tflite or .onnx file, a folder "
        "with saved_model.pb, a folder with config.json and model*.safetensors, or a TensorFlow Hub handle "
        "(https://...)"
    )
