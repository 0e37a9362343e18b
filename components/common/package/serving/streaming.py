"""Embeddings of a stream of sound, by the stream file beside this module; needs numpy and LiteRT only.

    embedder = StreamingEmbedder(".")
    for samples in microphone:                      # any number of them, at any rate
        for heard in embedder.feed(samples, 48_000):
            print(heard.start_s, heard.end_s, heard.embedding)

A :class:`StreamFile` is the file as a function of a chunk and the state, for those who cut chunks themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd, pi
from pathlib import Path
from typing import Any

import numpy as np

MODEL_FILE = "model.tflite"
DESCRIPTION_FILE = "model.json"
NEXT = "next_"
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000

# Float samples beyond this are no sound in [-1, 1] with a peak too high: they are in another unit.
LOUDEST = 2.0

# The resampler's filter, as in embedder.py, which resamples whole clips.
PASS = 0.913
ATTENUATION = 125.0
PHASES = 1024
OUTPUTS_AT_ONCE = 2048
# Outputs that one matrix product gives, at least.
BLOCK = 64

Array = np.ndarray[Any, Any]
Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class State:
    """What a stream has left behind; ``StreamFile.begin`` makes one of a stream that was silent until now.

    Attributes:
      model: sha256 of the file that it belongs to.
      tensors: Its tensors by their names in the file.
    """

    model: str
    tensors: Mapping[str, Floats]


@dataclass(frozen=True)
class Heard:
    """The embedding of one window.

    Attributes:
      start_s: Where the window begins, in seconds of the stream.
      end_s: Where it ends.
      embedding: ``(dimensions,)``.
    """

    start_s: float
    end_s: float
    embedding: Floats


class StreamFile:
    """A stream file: nothing of a stream is kept here, all of it is in the state."""

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        """Loads a file.

        Raises:
          ValueError: If it cannot be read, or is no stream file.
        """
        from ai_edge_litert.interpreter import Interpreter

        content = Path(path).read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        self._source, *states = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._fetch = outputs[0]["index"]
        given = {detail["name"]: detail["index"] for detail in outputs}
        self._states = {detail["name"]: detail for detail in states}
        if not states or any(NEXT + name not in given for name in self._states):
            raise ValueError(
                f"{path} maps {[self._source['name'], *self._states]} to {list(given)}; accepted: a stream "
                "file, which has a state"
            )
        self._next = {name: given[NEXT + name] for name in self._states}
        self.chunk_samples = int(self._source["shape"][1])

    def begin(self) -> State:
        """The state of a stream that was silent until now."""
        zeros = {name: np.zeros(one["shape"], np.float32) for name, one in self._states.items()}
        return State(self.sha256, zeros)

    def step(self, chunk: Floats, state: State) -> tuple[Floats, State]:
        """Takes a chunk.

        Args:
          chunk: ``(chunk_samples,)``, at the model's rate, in [-1, 1].
          state: Of the sound before it.

        Returns:
          The embedding ``(dimensions,)`` of the window that ends with the chunk, and the state after it.

        Raises:
          ValueError: If the chunk has another length or is not finite, or the state is another model's.
        """
        if np.shape(chunk) != (self.chunk_samples,):
            raise ValueError(f"a chunk of shape {np.shape(chunk)}; accepted: ({self.chunk_samples},)")
        if not np.isfinite(chunk).all():
            raise ValueError("a chunk holds NaN or infinity; accepted: finite samples in [-1, 1]")
        self._check(state)
        self._interpreter.set_tensor(self._source["index"], np.asarray(chunk, np.float32)[np.newaxis])
        for name, detail in self._states.items():
            self._interpreter.set_tensor(detail["index"], state.tensors[name])
        self._interpreter.invoke()
        follows = {name: self._interpreter.get_tensor(index) for name, index in self._next.items()}
        embedding: Floats = self._interpreter.get_tensor(self._fetch)[0]
        return embedding, State(self.sha256, follows)

    def embed(self, window: Floats) -> Floats:
        """The embedding ``(dimensions,)`` at the end of a window ``(n,)``, before which there was silence.

        Raises:
          ValueError: If the window holds what is not finite.
        """
        state = self.begin()
        padded = np.pad(window, (-len(window) % self.chunk_samples, 0))
        for chunk in padded.reshape(-1, self.chunk_samples):
            embedding, state = self.step(chunk, state)
        return embedding

    def _check(self, state: State) -> None:
        if state.model != self.sha256:
            raise ValueError(
                f"the state is that of the model {state.model[:12]}; accepted: one of {self.sha256[:12]}"
            )
        shapes = {name: tuple(one["shape"].tolist()) for name, one in self._states.items()}
        found = {name: np.shape(values) for name, values in state.tensors.items()}
        if found != shapes:
            raise ValueError(f"the state has the tensors {found}; accepted: {shapes}")


class StreamingEmbedder:
    """Embeds a stream, fed in any portions; one a stream, not to be shared between threads.

    Windows begin with the stream and lie a hop apart, which is the chunk of the file: those of the benchmark,
    where its hop is the chunk. A window that the stream has not filled yet gives no embedding.
    """

    def __init__(self, folder: str | Path = ".", threads: int = 1) -> None:
        """Loads ``model.tflite`` and ``model.json`` of a pushed folder.

        Raises:
          ValueError: If the file is no stream file, or is not the one that is described.
        """
        described = json.loads(Path(folder, DESCRIPTION_FILE).read_text(encoding="utf-8"))
        self._file = StreamFile(Path(folder, MODEL_FILE), threads)
        if self._file.sha256 != described["sha256"]:
            raise ValueError(
                f"{MODEL_FILE} in {folder} has sha256 {self._file.sha256}; accepted: {described['sha256']}, "
                f"which {DESCRIPTION_FILE} describes"
            )
        self.sample_rate: int = described["front_end"]["sample_rate"]
        self.window_samples: int = described["window_samples"]
        self.hop_samples = self._file.chunk_samples
        self.reset()

    def reset(self) -> None:
        """Begins a new stream, at any rate, at 0 seconds."""
        self._state = self._file.begin()
        self._resampler: Resampler | None = None
        self._rate = 0
        # Silence in front, so that windows begin where the stream begins and a hop, two, ... after it.
        ahead = -self.window_samples % self.hop_samples
        self._waiting = np.zeros(ahead, np.float32)
        self._end = -ahead

    def feed(self, samples: Array | Sequence[float], sample_rate: int | None = None) -> list[Heard]:
        """Takes what was heard next.

        Args:
          samples: Mono ``(n,)``, float in [-1, 1] (a peak beyond is cut off) or int16; n may be 0.
          sample_rate: In Hz, the same until :meth:`reset`; None: the model's.

        Returns:
          The embeddings of the windows that became full. At another rate than the model's they come a
          little later than they could, as the resampler looks ahead (6 ms at 48 kHz, 12 ms at 8 kHz).

        Raises:
          ValueError: If samples or rate are not accepted; the stream is then as it was before.
        """
        heard = read_samples(samples)
        rate = self._checked_rate(self.sample_rate if sample_rate is None else sample_rate)
        if not self._rate:
            self._rate = rate
            self._resampler = None if rate == self.sample_rate else Resampler(rate, self.sample_rate)
        if self._resampler is not None:
            heard = self._resampler.feed(heard)
        sound = np.concatenate([self._waiting, np.clip(heard, -1.0, 1.0)])
        whole = len(sound) // self.hop_samples * self.hop_samples
        self._waiting = sound[whole:]
        found = [self._step(chunk) for chunk in sound[:whole].reshape(-1, self.hop_samples)]
        return [one for one in found if one.start_s >= 0]

    def _step(self, chunk: Floats) -> Heard:
        embedding, self._state = self._file.step(chunk, self._state)
        self._end += len(chunk)
        start = self._end - self.window_samples
        return Heard(start / self.sample_rate, self._end / self.sample_rate, embedding)

    def _checked_rate(self, rate: Any) -> int:
        number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
        if not number or not LOWEST_RATE <= rate <= HIGHEST_RATE or rate != int(rate):
            raise ValueError(
                f"sample rate {rate!r}; accepted: a whole number from {LOWEST_RATE} to {HIGHEST_RATE} Hz"
            )
        if self._rate and rate != self._rate:
            raise ValueError(
                f"sample rate {rate} in a stream that began at {self._rate} Hz; accepted: {self._rate}, or "
                "reset() before the first samples at another rate"
            )
        return int(rate)


class Resampler:
    """Resamples a stream by the filter of ``embedder.resample``, and to the same values up to its end."""

    def __init__(self, rate: int, wanted: int) -> None:
        self._rate, self._wanted = rate, wanted
        self._recurring = wanted // gcd(rate, wanted) <= PHASES
        self._bank, self._reach = filter_bank(rate, wanted)
        # Silence before the stream, as far as the filter looks back.
        self._held = np.zeros(self._reach - 1, np.float32)
        self._first = 1 - self._reach
        self._given = 0

    def feed(self, samples: Floats) -> Floats:
        """The samples at the wanted rate that these and those before them decide."""
        self._held = np.concatenate([self._held, samples])
        # Output i lies between the inputs i * rate // wanted and the one after, and looks reach inputs ahead.
        decided = self._first + len(self._held) - self._reach
        ready = max(self._given, -(-decided * self._wanted // self._rate))
        resampled = np.empty(ready - self._given, np.float32)
        if self._recurring:
            self._multiply(self._given, resampled)
        else:
            for start in range(0, len(resampled), OUTPUTS_AT_ONCE):
                self._interpolate(self._given + start, resampled[start : start + OUTPUTS_AT_ONCE])
        self._given = ready
        needless = max(0, ready * self._rate // self._wanted - self._reach + 1 - self._first)
        self._held, self._first = self._held[needless:], self._first + needless
        return resampled

    def _multiply(self, begin: int, outputs: Floats) -> None:
        """Outputs from number ``begin`` on by the weights of a block, or of the part of it that they are."""
        weights, sample = block_weights(self._rate, self._wanted)
        done = 0
        while done < len(outputs):
            place = (begin + done) % len(weights)
            last = min(len(weights), place + len(outputs) - done)
            used = slice(sample[place], sample[last - 1] + 2 * self._reach)
            start = (begin + done - place) * self._rate // self._wanted - self._reach + 1 - self._first
            heard = self._held[start + used.start : start + used.stop]
            outputs[done : done + last - place] = weights[place:last, used] @ heard
            done += last - place

    def _interpolate(self, begin: int, outputs: Floats) -> None:
        phases = len(self._bank) - 1
        place = np.arange(begin, begin + len(outputs), dtype=np.int64) * self._rate
        sample, rest = np.divmod(place, self._wanted)
        phase, rest = np.divmod(rest * phases, self._wanted)
        pieces = np.lib.stride_tricks.sliding_window_view(self._held, 2 * self._reach)
        heard = pieces[sample - self._reach + 1 - self._first]
        outputs[:] = np.einsum("ij,ij->i", heard, self._bank[phase])
        if rest.any():
            further = np.einsum("ij,ij->i", heard, self._bank[phase + 1])
            outputs += rest / self._wanted * (further - outputs)


@lru_cache(maxsize=4)
def block_weights(rate: int, wanted: int) -> tuple[Floats, list[int]]:
    """Weights ``(outputs, inputs)`` of a block, after which the phases of the filter come again.

    Returns:
      The weights, whose inputs begin ``reach - 1`` before the first output; and the first input that each
      output takes.
    """
    bank, reach = filter_bank(rate, wanted)
    period = wanted // gcd(rate, wanted)
    places = np.arange(period * ceil(BLOCK / period), dtype=np.int64) * rate
    sample, rest = np.divmod(places, wanted)
    weights = np.zeros((len(places), int(sample[-1]) + 2 * reach), np.float32)
    for output, (first, phase) in enumerate(zip(sample, rest * period // wanted, strict=True)):
        weights[output, first : first + 2 * reach] = bank[phase]
    return weights, sample.tolist()


def read_samples(given: Any) -> Floats:
    """Samples ``(n,)``; those of int16 brought to [-1, 1].

    Raises:
      ValueError: If they are not mono, not finite, or in another unit.
    """
    samples = np.asarray(given)
    if samples.ndim != 1:
        raise ValueError(f"samples of shape {samples.shape}; accepted: one channel, (n,)")
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768.0)
    if samples.size and not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples are {samples.dtype}; accepted: float in [-1, 1] or int16")
    peak = np.abs(samples).max(initial=0.0)
    if not np.isfinite(peak):
        raise ValueError("samples hold NaN or infinity; accepted: finite samples in [-1, 1]")
    if peak > LOUDEST:
        raise ValueError(f"samples reach {peak:g}; accepted: float in [-1, 1] or int16")
    return samples.astype(np.float32, copy=False)


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
