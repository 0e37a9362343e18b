"""Tasks that TensorFlow Datasets keeps: their rows without their sound, and their sound.

Nothing here asks the network unless a download is wanted.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.common.audio.decode import SILENCE_PEAK, frame_count, from_samples
from components.common.audio.errors import AudioError, Reason
from components.common.audio.resample import FloatAudio
from components.common.audio.settings import IntakeSettings
from components.common.audio.sounds import Sounds, decode_files
from components.noss_ingest.requests import NossRequest
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow, TfdsClip
from components.noss_ingest.tfds_prepare import full_name, how_to_prepare, prepare
from schemas.noss_tasks import TfdsSource

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_INFO = "dataset_info.json"
_SPLITS = {"train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "valid", "val", "dev"), "validation"
)
# Examples that are rather read over than jumped over: a jump reads the file from its beginning.
_NEAR = 16
# What builders call the same thing.
_SPEAKER = ("speaker_id", "speaker", "client_id")
_SEX = ("sex", "gender")
_AGE = ("age",)


def prepared_folder(source: TfdsSource, data_dir: Path) -> Path | None:
    """Where TFDS has prepared a data set, in the version asked for or the newest; None: nowhere."""
    folder = data_dir / source.builder
    if source.version:
        found = [folder / source.version]
    else:
        found = [path for path in folder.glob("*") if _VERSION.fullmatch(path.name)]
    found = [path for path in found if (path / _INFO).is_file()]
    return max(found, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def read_tfds(source: TfdsSource, data_dir: Path, download: bool) -> list[TaskRow]:
    """The examples of a prepared data set; their sound is not decoded.

    A row's file is ``<split of TFDS>/<index>``: the order in which TFDS stores examples does not change
    within a version. Its split is empty if TFDS's is neither a train, validation nor test split, or the only
    one.

    Args:
      source: Builder and version.
      data_dir: The folder of all prepared data sets.
      download: Whether a data set that is not prepared may be fetched and prepared.

    Raises:
      SourceMissing: If it is not prepared, with the command that prepares it.
      SourceError: If there is no such builder, its files are damaged, or it has no sound or no labels.
    """
    folder = prepared_folder(source, data_dir)
    if folder is None:
        if not download:
            raise SourceMissing(
                f"TFDS has no {full_name(source)} in {data_dir}; {how_to_prepare(source, data_dir)}"
            )
        prepare(source, data_dir)
        return read_tfds(source, data_dir, download=False)
    builder = _open(folder)
    names = _Names.of(builder)
    splits = _SPLITS if len(builder.info.splits) > 1 else {}
    rows = []
    for split, info in builder.info.splits.items():
        examples = _read(builder, split, names.known) if info.num_examples else ()
        for index, example in enumerate(examples):
            clip = TfdsClip(str(data_dir), source.builder, folder.name, split, index)
            rows.append(_row(example, clip, splits.get(split, ""), builder, names))
    return rows


def read_sounds(requests: Sequence[NossRequest], settings: IntakeSettings) -> Sounds:
    """The sounds of a shard, which TFDS keeps or which are files: for each its sound, or what is wrong."""
    clips = [request.tfds for request in requests if request.tfds]
    if not clips:
        return decode_files(requests, settings)
    return tfds_sounds(
        clips,
        max_seconds=requests[0].max_seconds,
        min_seconds=settings.min_seconds,
        silence_peak=settings.silence_peak,
    )


def tfds_sounds(
    clips: Sequence[TfdsClip],
    *,
    max_seconds: float = math.inf,
    min_seconds: float = 0.0,
    silence_peak: float = SILENCE_PEAK,
) -> Sounds:
    """Decodes examples of one builder and split, reading its files once from front to back.

    Args:
      clips: The examples, by ascending index.
      max_seconds: What comes after is cut off.
      min_seconds: Shorter clips are refused.
      silence_peak: Clips that never leave this share of full scale are refused.

    Yields:
      For each clip its sound, or why it cannot be used.

    Raises:
      SourceError: If the files of the data set are damaged.
    """
    import tensorflow_datasets as tfds

    first = clips[0]
    builder = _open(Path(first.data_dir) / first.builder / first.version)
    audio = _Names.of(builder).audio
    rate = builder.info.features[audio].sample_rate
    longest = None if math.isinf(max_seconds) else frame_count(max_seconds, rate)
    runs = _runs([clip.index for clip in clips])
    slices = [
        tfds.core.ReadInstruction(first.split, from_=run.start, to=run.stop, unit="abs") for run in runs
    ]
    wanted = {clip.index for clip in clips}
    examples = _read(builder, _union(slices), (audio,))
    for index, example in zip(itertools.chain(*runs), examples, strict=True):
        if index not in wanted:
            continue
        try:
            samples = _to_float(example[audio][:longest])
            yield from_samples(samples, rate, min_seconds=min_seconds, silence_peak=silence_peak)
        except AudioError as error:
            yield error


@dataclass(frozen=True)
class _Names:
    """What a builder calls its features; empty: it has none such."""

    audio: str
    label: str
    speaker: str
    sex: str
    age: str

    @property
    def known(self) -> tuple[str, ...]:
        """Those that say something about the sound."""
        return tuple(name for name in (self.label, self.speaker, self.sex, self.age) if name)

    @classmethod
    def of(cls, builder: Any) -> _Names:
        from tensorflow_datasets.core import features as kinds

        features = builder.info.features
        sounds = [name for name, kind in features.items() if isinstance(kind, kinds.Audio)]
        labels = [name for name, kind in features.items() if isinstance(kind, kinds.ClassLabel)]
        supervised = builder.info.supervised_keys
        if len(sounds) != 1 or not features[sounds[0]].sample_rate:
            raise SourceError(f"{builder.data_path}: needed is one audio feature with a rate, got {sounds}")
        if supervised and supervised[1] in labels:
            labels = [supervised[1]]
        if len(labels) != 1:
            raise SourceError(f"{builder.data_path}: needed is one class label, got {labels}")

        def first(names: Sequence[str]) -> str:
            return next((name for name in names if name in features), "")

        return cls(sounds[0], labels[0], first(_SPEAKER), first(_SEX), first(_AGE))


def _row(example: dict[str, Any], clip: TfdsClip, split: str, builder: Any, names: _Names) -> TaskRow:
    def text(name: str) -> str:
        return _text(builder.info.features[name], example[name]) if name else ""

    place = f"tfds:{clip.builder}/{clip.version}/{clip.split}/{clip.index}"
    label = text(names.label)
    if not label:
        raise SourceError(
            f"{place}: the {names.label} is {example[names.label]}; accepted: one of its classes"
        )
    return TaskRow(
        file=f"{clip.split}/{clip.index}",
        path="",
        label=label,
        place=place,
        speaker_id=text(names.speaker),
        split=split,
        sex=text(names.sex),
        age=text(names.age),
        tfds=clip,
    )


def _text(kind: Any, value: Any) -> str:
    from tensorflow_datasets.core.features import ClassLabel

    if isinstance(kind, ClassLabel):
        return str(kind.int2str(int(value))) if value >= 0 else ""
    return value.decode() if isinstance(value, bytes) else str(value)


def _open(folder: Path) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(folder)
    except Exception as error:  # of JSON, of protocol buffers, of files that are not there
        raise SourceError(f"{folder}: not a data set of TFDS: {type(error).__name__}: {error}") from error


def _read(builder: Any, split: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Examples in stored order with only the named features, so that others are not decoded."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(names, True)),
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    try:
        yield from tfds.as_numpy(dataset)
    except tf.errors.OpError as error:
        raise SourceError(f"{builder.data_path}: its files are damaged: {error.message}") from error


def _runs(indices: Sequence[int]) -> list[range]:
    """Ranges that hold all ascending indices, and between near ones also what is not wanted."""
    runs: list[range] = []
    for index in indices:
        if runs and index < runs[-1].stop:
            raise ValueError(f"index {index} comes after {runs[-1].stop - 1}; accepted: ascending ones")
        if runs and index - runs[-1].stop < _NEAR:
            runs[-1] = range(runs[-1].start, index + 1)
        else:
            runs.append(range(index, index + 1))
    return runs


def _union(slices: Sequence[Any]) -> Any:
    """The sum of instructions as a balanced tree: TFDS walks through it by recursion."""
    if len(slices) == 1:
        return slices[0]
    half = len(slices) // 2
    return _union(slices[:half]) + _union(slices[half:])


def _to_float(samples: np.ndarray[Any, Any]) -> FloatAudio:
    """``(frames,)`` or ``(frames, channels)`` of TFDS, which keeps 16 bits as they are, in [-1, 1]."""
    frames = samples if samples.ndim == 2 else samples[:, None]
    if frames.dtype.kind == "f":
        return frames.astype(np.float32)
    if frames.size and (frames.min() < -32768 or frames.max() > 32767):
        worst = int(frames.flat[np.abs(frames).argmax()])
        raise AudioError(Reason.UNDECODABLE, f"sample {worst} is outside of 16 bits")
    return frames.astype(np.float32) / np.float32(32768.0)
