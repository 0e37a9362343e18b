"""A TFLite student as an MLflow pyfunc: waveforms in, one embedding a clip out.

MLflow stores this file beside the model and runs it where the model is served, so it needs numpy, LiteRT
and MLflow (of mlflow-skinny: pandas too, and SQLAlchemy and alembic where the registry is a database), and
nothing of the project. A clip is cut into windows, every window is embedded by the file, and the mean over
the windows is the clip's embedding, as in the benchmark that judged the file. A file that takes a stream is
given each window chunk by chunk; ``streaming.py`` beside the model embeds streams.

Accepted input, always mono, float in [-1, 1] (a peak beyond is cut off) or int16 (arrays of that type, or
lists of whole numbers of which one is beyond [-1, 1]):

* one clip: a 1-D array or a list of numbers;
* a batch: a 2-D array ``(clips, samples)``;
* clips of different lengths: a list of 1-D arrays or of lists;
* a table with a column ``waveform`` and, if wanted, ``sample_rate``: a data frame, a mapping with these
  keys, or a list of such mappings, one a clip.

Without ``sample_rate`` a clip is at the model's rate (16 kHz). A rate is a whole number from 8000 to 48000
Hz: one for all clips, or one for each; a clip at another rate than the model's is resampled.

Returned: float32 ``(clips, dimensions)``. With ``params={"per_window": True}`` a list with a dictionary a
clip: ``start_s`` and ``end_s`` of its windows in seconds, ``embeddings`` ``(windows, dimensions)``.

What is not accepted raises a ValueError that names the clip. ``mlflow models serve`` takes
``{"inputs": ...}`` and answers such an error with status 400 and the message at the end of ``stack_trace``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import ceil, gcd, pi
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

MODEL_FILE = "model.tflite"
DESCRIPTION_FILE = "model.json"
WAVEFORM_COLUMN = "waveform"
RATE_COLUMN = "sample_rate"
PER_WINDOW = "per_window"
NEXT = "next_"
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000

# Float samples beyond this are no sound in [-1, 1] with a peak too high: they are in another unit.
LOUDEST = 2.0
# Clips as short as this are frames of so many channels.
CHANNELS = 8
# Windows whose log-mels are computed together: their spectra take 400 KB each.
WINDOWS_AT_ONCE = 16

# The resampler's filter: flat up to PASS of the lower of the two Nyquist frequencies, ATTENUATION dB down
# from that frequency on; soxr's HQ recipe falls off in the same way.
PASS = 0.913
ATTENUATION = 125.0
# Between so many phases of the filter a straight line is near enough (118 dB).
PHASES = 1024
OUTPUTS_AT_ONCE = 2048

Array = np.ndarray[Any, Any]
Floats = np.ndarray[Any, np.dtype[np.float32]]


class Embedder:
    """Embeds clips with one TFLite file; may be shared between threads."""

    def load_context(self, context: Any) -> None:
        """Loads the file and what it says of its input."""
        self.load(context.artifacts[MODEL_FILE], context.artifacts[DESCRIPTION_FILE])

    def load(self, tflite: str, description: str) -> None:
        """Loads a ``.tflite`` and its ``model.json``."""
        from ai_edge_litert.interpreter import Interpreter

        described = json.loads(Path(description).read_text(encoding="utf-8"))
        self._front_end = FrontEnd(described["front_end"])
        self._hears_waveforms = described["input"] != "core"
        self._hop = described["hop_samples"]
        self._interpreter = Interpreter(model_path=tflite, num_threads=1)
        self._interpreter.allocate_tensors()
        self._given, *self._states = self._interpreter.get_input_details()
        self._answered, *_ = outputs = self._interpreter.get_output_details()
        self._next = {output["name"]: output["index"] for output in outputs}
        self._lock = Lock()

    # Without type hints: MLflow would infer one type of input from them, and no single one fits.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Embeds clips; see the module for what is accepted and returned.

        Raises:
          ValueError: If a clip or its rate is not accepted.
        """
        rate = self._front_end.sample_rate
        clips = read_clips(model_input, rate)
        if (params or {}).get(PER_WINDOW):
            return [self._frame_level(to_rate(clip, given, rate)) for clip, given in clips]
        means = [self._windows(to_rate(clip, given, rate)).mean(0, np.float64) for clip, given in clips]
        return np.stack(means).astype(np.float32)

    def _frame_level(self, clip: Floats) -> dict[str, Array]:
        window, rate = self._front_end.window_samples, self._front_end.sample_rate
        starts = np.array(window_offsets(len(clip), window, self._hop))
        return {
            "start_s": starts / rate,
            "end_s": np.minimum(starts + window, len(clip)) / rate,
            "embeddings": self._windows(clip),
        }

    def _windows(self, clip: Floats) -> Floats:
        """One embedding a window, ``(windows, dimensions)``."""
        windows = cut_windows(clip, self._front_end.window_samples, self._hop)
        return np.stack([self._invoke(heard[np.newaxis]) for heard in self._heard(windows)])

    def _heard(self, windows: Floats) -> Iterator[Floats]:
        if self._hears_waveforms:
            yield from windows
            return
        for start in range(0, len(windows), WINDOWS_AT_ONCE):
            yield from self._front_end.log_mel(windows[start : start + WINDOWS_AT_ONCE])

    def _invoke(self, heard: Floats) -> Floats:
        # A server asks from several threads, and an interpreter has room for one input.
        with self._lock:
            state = [np.zeros(one["shape"], one["dtype"]) for one in self._states]
            for piece in self._pieces(heard):
                self._interpreter.set_tensor(self._given["index"], to_codes(piece, self._given))
                for one, value in zip(self._states, state, strict=True):
                    self._interpreter.set_tensor(one["index"], value)
                self._interpreter.invoke()
                state = [self._interpreter.get_tensor(self._next[NEXT + one["name"]]) for one in self._states]
            answer: Array = self._interpreter.get_tensor(self._answered["index"])[0]
        return to_numbers(answer, self._answered)

    def _pieces(self, heard: Floats) -> Floats:
        """What a stream file takes of a window, one after the other, silence in front; else all at once."""
        if not self._states:
            return heard[np.newaxis]
        shape = self._given["shape"]
        padded = np.pad(heard, ((0, 0), (-heard.shape[1] % shape[1], 0)))
        return padded.reshape(-1, *shape)


class EmbedderModel(Embedder, PythonModel):
    """The embedder as MLflow sees it; ``predict`` is inherited, so MLflow does not ask it for type hints."""


def to_codes(values: Floats, tensor: Mapping[str, Any]) -> Array:
    """Numbers as a file that takes int8 codes is given them; any other file is given the numbers."""
    if tensor["dtype"] != np.int8:
        return values
    scale, zero_point = tensor["quantization"]
    return np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)


def to_numbers(answer: Array, tensor: Mapping[str, Any]) -> Floats:
    """What the codes of an int8 answer stand for; any other answer as it is."""
    if tensor["dtype"] != np.int8:
        return answer
    scale, zero_point = tensor["quantization"]
    return np.float32(scale) * (answer.astype(np.float32) - np.float32(zero_point))


def read_clips(given: Any, rate: int) -> list[tuple[Floats, int]]:
    """Clips in [-1, 1] and the rate of each.

    Args:
      given: Any of the forms that the module accepts.
      rate: Of clips that come without one, in Hz.

    Raises:
      ValueError: Naming the clip, what is wrong with it and what is accepted.
    """
    rates: Any = rate
    if hasattr(given, "columns"):
        given = {column: given[column].tolist() for column in given.columns}
    if isinstance(given, Mapping):
        _check_keys(given)
        given, rates = given[WAVEFORM_COLUMN], given.get(RATE_COLUMN, rate)
    clips = _split(given)
    if isinstance(clips[0], Mapping):
        for clip in clips:
            _check_keys(clip if isinstance(clip, Mapping) else {})
        rates = [clip.get(RATE_COLUMN, rate) for clip in clips]
        clips = [clip[WAVEFORM_COLUMN] for clip in clips]
    read = [_read_clip(clip, index) for index, clip in enumerate(clips)]
    if len(read) > 1 and max(map(len, read)) <= CHANNELS:
        raise ValueError(
            f"{len(read)} clips of at most {max(map(len, read))} samples look like the channels of one; "
            "accepted: (clips, samples), each clip mono"
        )
    return list(zip(read, _read_rates(rates, len(read)), strict=True))


def _check_keys(given: Mapping[Any, Any]) -> None:
    keys = [str(key) for key in given]
    if WAVEFORM_COLUMN not in given or not {WAVEFORM_COLUMN, RATE_COLUMN}.issuperset(keys):
        shown = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
        raise ValueError(
            f"columns or keys {shown or 'none'}; accepted: {WAVEFORM_COLUMN} and, if wanted, {RATE_COLUMN}"
        )


def _split(given: Any) -> list[Any]:
    """The clips, at least one, as they were given."""
    if hasattr(given, "to_numpy"):
        given = given.to_numpy()
    if isinstance(given, np.ndarray) and given.dtype != object:
        if given.ndim not in (1, 2):
            raise ValueError(f"array of shape {given.shape}; accepted: (samples,) or (clips, samples)")
        clips = list(np.atleast_2d(given))
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes):
        clips = list(given)
        if clips and isinstance(clips[0], int | float | np.number):
            clips = [clips]
    else:
        raise ValueError(
            f"{type(given).__name__} is not a waveform; accepted: arrays, lists or a table of them"
        )
    if not clips:
        raise ValueError("no clip was given; accepted: at least one waveform")
    return clips


def _read_clip(given: Any, index: int) -> Floats:
    try:
        clip = np.asarray(given)
        if isinstance(given, list | tuple):
            clip = _of_list(clip)
    except (TypeError, ValueError) as error:
        raise ValueError(f"clip {index} is not a list of numbers ({error}); accepted: one channel") from error
    if clip.ndim != 1 or not clip.size:
        raise ValueError(f"clip {index} has shape {clip.shape}; accepted: one channel, at least one sample")
    if clip.dtype == np.int16:
        return clip.astype(np.float32) / np.float32(32768.0)
    if not np.issubdtype(clip.dtype, np.floating):
        raise ValueError(f"clip {index} is {clip.dtype}; accepted: float in [-1, 1] or int16")
    peak = np.abs(clip).max()
    if not np.isfinite(peak):
        raise ValueError(f"clip {index} holds NaN or infinity; accepted: finite samples in [-1, 1]")
    if peak > LOUDEST:
        raise ValueError(
            f"clip {index} reaches {peak:g}; accepted: float in [-1, 1], or whole numbers of int16 "
            "(-32768 to 32767), in an array of that type or in a list"
        )
    return clip.astype(np.float32, copy=False)


def _of_list(clip: Array) -> Array:
    """A list has no type of its own: whole numbers are int16 if one of them is beyond [-1, 1], else float."""
    limits = np.iinfo(np.int16)
    whole = clip.size and np.issubdtype(clip.dtype, np.integer) and np.abs(clip).max() > 1
    if whole and clip.min() >= limits.min and clip.max() <= limits.max:
        return clip.astype(np.int16)
    return clip.astype(np.float32)


def _read_rates(given: Any, clips: int) -> list[int]:
    """The rate of each clip in Hz."""
    rates = [given] * clips if np.ndim(given) == 0 else list(given)
    if len(rates) != clips:
        raise ValueError(f"{len(rates)} sample rates for {clips} clips; accepted: one for all, or one a clip")
    for index, rate in enumerate(rates):
        number = isinstance(rate, int | float | np.number)
        if not number or not LOWEST_RATE <= rate <= HIGHEST_RATE or rate != int(rate):
            raise ValueError(
                f"clip {index} has sample rate {rate!r}; accepted: a whole number from {LOWEST_RATE} to "
                f"{HIGHEST_RATE} Hz"
            )
    return [int(rate) for rate in rates]


def to_rate(clip: Floats, rate: int, wanted: int) -> Floats:
    """A clip at the wanted rate; what lies beyond [-1, 1] is cut off, as when the student learnt."""
    cut: Floats = np.clip(clip if rate == wanted else resample(clip, rate, wanted), -1.0, 1.0)
    return cut


def resample(clip: Floats, rate: int, wanted: int) -> Floats:
    """A clip ``(samples,)`` at another rate, by a windowed sinc (https://ccrma.stanford.edu/~jos/resample).

    The first samples of both fall together; ``samples * wanted / rate``, rounded, come out, as of soxr.
    Beyond its ends a clip is silent. What is above either Nyquist frequency is suppressed.
    """
    bank, reach = filter_bank(rate, wanted)
    phases = len(bank) - 1
    padded = np.pad(clip, (reach - 1, reach))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach)
    resampled = np.empty(max(1, (2 * len(clip) * wanted + rate) // (2 * rate)), np.float32)
    for start in range(0, len(resampled), OUTPUTS_AT_ONCE):
        outputs = resampled[start : start + OUTPUTS_AT_ONCE]
        # In whole numbers, so that nothing drifts: sample, then phase, then place between two phases.
        place = np.arange(start, start + len(outputs), dtype=np.int64) * rate
        sample, rest = np.divmod(place, wanted)
        phase, rest = np.divmod(rest * phases, wanted)
        heard = pieces[sample]
        outputs[:] = np.einsum("ij,ij->i", heard, bank[phase])
        if rest.any():
            outputs += rest / wanted * (np.einsum("ij,ij->i", heard, bank[phase + 1]) - outputs)
    return resampled


@lru_cache(maxsize=16)
def filter_bank(rate: int, wanted: int) -> tuple[Floats, int]:
    """Phases of a Kaiser-windowed sinc.

    The formulas for the window's shape and length are Kaiser's (https://doi.org/10.1109/ISCAS.1974.1109059).

    Returns:
      Weights ``(phases + 1, 2 * reach)`` of the samples around a place that lies 0, 1 / phases, ..., 1
      samples after the one at index ``reach - 1``; and the reach. Each phase adds up to 1.
    """
    phases = min(wanted // gcd(rate, wanted), PHASES)
    nyquist = min(1.0, wanted / rate)
    reach = ceil((ATTENUATION - 8) / (2.285 * pi * nyquist * (1 - PASS)) / 2)
    beta = 0.1102 * (ATTENUATION - 8.7)
    places = np.arange(1 - reach, 1 + reach) - np.arange(phases + 1)[:, np.newaxis] / phases
    window = np.i0(beta * np.sqrt(np.maximum(0.0, 1 - (places / reach) ** 2)))
    weights = np.sinc(nyquist * (1 + PASS) / 2 * places) * window
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), reach


def window_offsets(samples: int, window: int, hop: int) -> list[int]:
    """First samples of the windows of a clip; a tail of over half a hop has one of its own."""
    if samples <= window:
        return [0]
    offsets = list(range(0, samples - window + 1, hop))
    if samples - window - offsets[-1] > hop // 2:
        offsets.append(samples - window)
    return offsets


def cut_windows(clip: Floats, window: int, hop: int) -> Floats:
    """Windows ``(n, window)``; a short clip is padded with zeros."""
    clip = np.pad(clip, (0, max(0, window - len(clip))))
    return np.stack([clip[offset : offset + window] for offset in window_offsets(len(clip), window, hop)])


class FrontEnd:
    """What a student is given of a window; the log-mels are for files that leave the front end out."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec
        self.sample_rate: int = spec["sample_rate"]
        self.window_samples: int = (spec["frames"] - 1) * spec["hop_samples"] + spec["frame_samples"]
        self.mel = mel_matrix(spec)

    def log_mel(self, windows: Floats) -> Floats:
        """``(n, samples)`` to ``(n, frames, mels)``."""
        length, hop = self._spec["frame_samples"], self._spec["hop_samples"]
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
        frames = np.lib.stride_tricks.sliding_window_view(windows, length, axis=1)[:, ::hop]
        spectrum = np.abs(np.fft.rfft(frames * hann, n=self._spec["fft_size"], axis=-1))
        logarithm: Floats = np.log(spectrum @ self.mel + self._spec["log_offset"]).astype(np.float32)
        return logarithm


def mel_matrix(spec: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights ``(fft_size / 2 + 1, mels)`` on HTK's mel scale; plain triangles, no weight at 0 Hz."""

    def to_mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    bins = spec["fft_size"] // 2 + 1
    edges = np.linspace(to_mel(spec["lower_hz"]), to_mel(spec["upper_hz"]), spec["mels"] + 2)
    at = to_mel(np.linspace(0.0, spec["sample_rate"] / 2, bins)[1:])[:, np.newaxis]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), ((1, 0), (0, 0)))


set_model(EmbedderModel())
