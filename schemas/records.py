"""The records that flow between components.

``*.pbtxt`` beside this file is what ExampleValidator enforces; here is how a record is written and read. The
files that hold them are :mod:`components.common.store.shards`'. Audio is mono 16 kHz little-endian int16 PCM;
that of distillation windows may be FLAC instead, which gives back the same samples.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf

SAMPLE_RATE = 16_000

_FLAC = "flac"

Storage = Literal["pcm16", "flac"]
Audio = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class Clip:
    """One clip of the corpus.

    Attributes:
      clip_id: ``<ytid>_<start ms>_<end ms>``.
      audio: int16 samples at 16 kHz, mono.
      labels: AudioSet mids.
      source_rate: Sample rate of the file in Hz, before resampling.
    """

    clip_id: str
    audio: Audio
    labels: tuple[str, ...]
    source_rate: int

    def to_example(self) -> bytes:
        """Serialises to a ``tf.train.Example``; duration, peak and rms are derived from the audio."""
        return _example(
            clip_id=self.clip_id,
            audio=self.audio,
            labels=list(self.labels),
            source_rate=self.source_rate,
            **_levels(self.audio),
        )

    @classmethod
    def from_example(cls, serialized: bytes) -> Clip:
        """Reads what :meth:`to_example` wrote."""
        read = _Reader(serialized)
        return cls(
            clip_id=read.text("clip_id"),
            audio=read.audio(),
            labels=tuple(read.texts("labels")),
            source_rate=read.integer("source_rate"),
        )


@dataclass(frozen=True)
class NossClip:
    """One labelled clip of a NOSS task.

    Attributes:
      clip_id: ``<task>/<file>``.
      audio: int16 samples at 16 kHz, mono.
      task: Name of the task.
      split: train, validation or test.
      label: The class.
      speaker_id: The speaker, or empty where the task does not know it.
      group: The fold or other grouping key, or empty.
      source_rate: Sample rate of the file in Hz, before resampling.
      sex: The speaker's, as the source writes it, or empty.
      age: The speaker's, as the source writes it, or empty.
    """

    clip_id: str
    audio: Audio
    task: str
    split: str
    label: str
    speaker_id: str
    group: str
    source_rate: int
    sex: str = ""
    age: str = ""

    def to_example(self) -> bytes:
        """Serialises to a ``tf.train.Example``; duration, peak and rms are derived from the audio."""
        return _example(
            clip_id=self.clip_id,
            audio=self.audio,
            task=self.task,
            split=self.split,
            label=self.label,
            speaker_id=self.speaker_id,
            group=self.group,
            source_rate=self.source_rate,
            sex=self.sex,
            age=self.age,
            **_levels(self.audio),
        )

    @classmethod
    def from_example(cls, serialized: bytes) -> NossClip:
        """Reads what :meth:`to_example` wrote."""
        read = _Reader(serialized)
        return cls(
            clip_id=read.text("clip_id"),
            audio=read.audio(),
            task=read.text("task"),
            split=read.text("split"),
            label=read.text("label"),
            speaker_id=read.text("speaker_id"),
            group=read.text("group"),
            source_rate=read.integer("source_rate"),
            sex=read.text("sex"),
            age=read.text("age"),
        )


@dataclass(frozen=True)
class DistillationWindow:
    """What a student learns from: a window of sound and the teacher's embedding of it.

    Attributes:
      clip_id: The clip it was cut from.
      offset: First sample of the window in the clip.
      audio: int16 samples, as many as a patch needs.
      target: float16 embedding, ``(target_dim,)``, not standardised.
    """

    clip_id: str
    offset: int
    audio: Audio
    target: np.ndarray[Any, np.dtype[np.float16]]

    def to_example(self, storage: Storage = "pcm16") -> bytes:
        """Serialises to a ``tf.train.Example``.

        Args:
          storage: How the samples are stored. FLAC is smaller and loses nothing, but takes time to write
            and to read.
        """
        packed: dict[str, Any] = {"audio": self.audio}
        if storage == _FLAC:
            packed = {"audio": _to_flac(self.audio), "encoding": _FLAC}
        return _example(
            clip_id=self.clip_id,
            offset=self.offset,
            **packed,
            target=self.target.astype("<f2", copy=False).tobytes(),
            target_dim=len(self.target),
        )

    @classmethod
    def from_example(cls, serialized: bytes) -> DistillationWindow:
        """Reads what :meth:`to_example` wrote."""
        read = _Reader(serialized)
        return cls(
            clip_id=read.text("clip_id"),
            offset=read.integer("offset"),
            audio=read.audio(),
            target=np.frombuffer(read.raw("target"), dtype="<f2"),
        )


def _levels(audio: Audio) -> dict[str, float]:
    scaled = audio.astype(np.float32) / 32768.0
    return {
        "duration_s": len(audio) / SAMPLE_RATE,
        "peak": max(int(audio.max(initial=0)), -int(audio.min(initial=0))) / 32768,
        "rms": float(np.sqrt(np.mean(scaled**2))) if len(audio) else 0.0,
    }


def _example(**features: Any) -> bytes:
    example = tf.train.Example()
    for name, value in features.items():
        feature = example.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, np.ndarray):
            feature.bytes_list.value.append(value.astype("<i2", copy=False).tobytes())
        elif isinstance(value, list):
            feature.bytes_list.value.extend(item.encode() for item in value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.append(value)
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized


class _Reader:
    """Typed access to the features of one serialised example."""

    def __init__(self, serialized: bytes) -> None:
        self._features = tf.train.Example.FromString(serialized).features.feature

    def raw(self, name: str) -> bytes:
        value: bytes = self._features[name].bytes_list.value[0]
        return value

    def text(self, name: str) -> str:
        return self.raw(name).decode()

    def texts(self, name: str) -> list[str]:
        return [value.decode() for value in self._features[name].bytes_list.value]

    def integer(self, name: str) -> int:
        return int(self._features[name].int64_list.value[0])

    def audio(self) -> Audio:
        if "encoding" not in self._features:
            return np.frombuffer(self.raw("audio"), dtype="<i2")
        if self.text("encoding") != _FLAC:
            raise ValueError(f"audio is encoded as {self.text('encoding')!r}; known is {_FLAC!r}")
        return _from_flac(self.raw("audio"))


def _to_flac(audio: Audio) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, audio, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
    return file.getvalue()


def _from_flac(content: bytes) -> Audio:
    import soundfile

    audio: Audio = soundfile.read(io.BytesIO(content), dtype="int16")[0]
    return audio
