"""A TFLite student as an MLflow pyfunc: waveforms in, one embedding a clip out.

MLflow stores this file beside the model and runs it where the model is served, so it needs numpy, LiteRT
and MLflow, and nothing of the project. A clip is cut into windows, every window is embedded by the file,
and the mean over the windows is the clip's embedding, as in the benchmark that judged the file.

Accepted input, always mono at the model's sample rate (16 kHz), float in [-1, 1] or int16:

* one clip: a 1-D array or a list of numbers;
* a batch: a 2-D array ``(clips, samples)``;
* clips of different lengths: a list of 1-D arrays or of lists;
* a table with a column ``waveform`` and, if wanted, ``sample_rate``; or a mapping with these keys.

Returned: float32 ``(clips, dimensions)``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

MODEL_FILE = "model.tflite"
DESCRIPTION_FILE = "model.json"
WAVEFORM_COLUMN = "waveform"
RATE_COLUMN = "sample_rate"

Floats = np.ndarray[Any, np.dtype[np.float32]]


class Embedder:
    """Embeds clips with one TFLite file."""

    def load_context(self, context: Any) -> None:
        """Loads the file and what it says of its input."""
        self.load(context.artifacts[MODEL_FILE], context.artifacts[DESCRIPTION_FILE])

    def load(self, tflite: str, description: str) -> None:
        """Loads a ``.tflite`` and its ``model.json``."""
        from ai_edge_litert.interpreter import Interpreter

        described = json.loads(Path(description).read_text(encoding="utf-8"))
        self._front_end = described["front_end"]
        self._input = described["input"]
        self._window = (self._front_end["frames"] - 1) * self._front_end["hop_samples"]
        self._window += self._front_end["frame_samples"]
        self._hop = described["hop_samples"]
        self._interpreter = Interpreter(model_path=tflite, num_threads=1)
        self._interpreter.allocate_tensors()
        self._feed = self._interpreter.get_input_details()[0]
        self._fetch = self._interpreter.get_output_details()[0]

    # Without type hints: MLflow would infer one type of input from them, and no single one fits.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Embeds clips ``-> (clips, dimensions)``; see the module for what is accepted."""
        clips = self._clips(model_input)
        if not clips:
            raise ValueError("no clip was given; accepted: at least one waveform")
        return np.stack([self._embed(clip) for clip in clips])

    def _embed(self, clip: Floats) -> Floats:
        windows = cut_windows(clip, self._window, self._hop)
        features = windows if self._input == "wave" else log_mel(windows, self._front_end)
        embeddings = [self._invoke(feature[np.newaxis]) for feature in features]
        mean: Floats = np.stack(embeddings).mean(axis=0, dtype=np.float64)
        return mean.astype(np.float32)

    def _invoke(self, feature: Floats) -> Floats:
        self._interpreter.set_tensor(self._feed["index"], feature)
        self._interpreter.invoke()
        embedding: Floats = self._interpreter.get_tensor(self._fetch["index"])[0]
        return embedding

    def _clips(self, given: Any) -> list[Floats]:
        if hasattr(given, "to_dict") and hasattr(given, "columns"):
            given = {column: given[column].tolist() for column in given.columns}
        if isinstance(given, Mapping):
            if WAVEFORM_COLUMN not in given:
                raise ValueError(
                    f"keys {sorted(map(str, given))}; accepted: {WAVEFORM_COLUMN!r}, {RATE_COLUMN!r}"
                )
            rates = np.atleast_1d(np.asarray(given.get(RATE_COLUMN, [])))
            wrong = sorted({int(rate) for rate in rates if rate != self._front_end["sample_rate"]})
            if wrong:
                raise ValueError(
                    f"sample rate {wrong[0]} Hz; accepted: {self._front_end['sample_rate']} Hz, so "
                    "resample first"
                )
            given = given[WAVEFORM_COLUMN]
        if isinstance(given, np.ndarray) and given.dtype != object:
            if given.ndim not in (1, 2):
                raise ValueError(f"array of shape {given.shape}; accepted: (samples,) or (clips, samples)")
            return [self._clip(clip, index) for index, clip in enumerate(np.atleast_2d(given))]
        items = list(given) if isinstance(given, Iterable) else [given]
        if items and all(np.ndim(item) == 0 for item in items):
            items = [items]
        return [self._clip(item, index) for index, item in enumerate(items)]

    def _clip(self, given: Any, index: int) -> Floats:
        clip = np.asarray(given if isinstance(given, np.ndarray) else np.asarray(given, dtype=np.float32))
        if clip.ndim != 1 or not clip.size:
            raise ValueError(
                f"clip {index} has shape {clip.shape}; accepted: one channel, at least one sample"
            )
        if clip.dtype == np.int16:
            return clip.astype(np.float32) / np.float32(32768.0)
        if not np.issubdtype(clip.dtype, np.floating):
            raise ValueError(f"clip {index} is {clip.dtype}; accepted: float in [-1, 1] or int16")
        if not np.isfinite(clip).all():
            raise ValueError(f"clip {index} holds NaN or infinity; accepted: finite samples in [-1, 1]")
        return clip.astype(np.float32)


def cut_windows(clip: Floats, window: int, hop: int) -> Floats:
    """Windows ``(n, window)``; a short clip is padded with zeros, a tail of over half a hop has its own."""
    if len(clip) <= window:
        return np.pad(clip, (0, window - len(clip)))[np.newaxis]
    offsets = list(range(0, len(clip) - window + 1, hop))
    if len(clip) - window - offsets[-1] > hop // 2:
        offsets.append(len(clip) - window)
    return np.stack([clip[offset : offset + window] for offset in offsets])


def log_mel(windows: Floats, front_end: Mapping[str, Any]) -> Floats:
    """The front end, for files that leave it out: ``(n, samples)`` to ``(n, frames, mels)``."""
    length, hop, size = front_end["frame_samples"], front_end["hop_samples"], front_end["fft_size"]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    frames = np.lib.stride_tricks.sliding_window_view(windows, length, axis=1)[:, ::hop]
    spectrum = np.abs(np.fft.rfft(frames * hann, n=size, axis=-1))
    mel = spectrum @ mel_matrix(front_end)
    logarithm: Floats = np.log(mel + front_end["log_offset"]).astype(np.float32)
    return logarithm


def mel_matrix(front_end: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights ``(fft_size / 2 + 1, mels)`` on HTK's mel scale; plain triangles, no weight at 0 Hz."""

    def to_mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    bins = front_end["fft_size"] // 2 + 1
    edges = np.linspace(to_mel(front_end["lower_hz"]), to_mel(front_end["upper_hz"]), front_end["mels"] + 2)
    at = to_mel(np.linspace(0.0, front_end["sample_rate"] / 2, bins)[1:])[:, np.newaxis]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), ((1, 0), (0, 0)))


class EmbedderModel(Embedder, PythonModel):
    """The embedder as MLflow sees it; ``predict`` is inherited, so MLflow does not ask it for type hints."""


set_model(EmbedderModel())
