"""The interface of a back end: it measures one model at a time; sessions and rounds are not its business."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from schemas.footprints import Footprint
from schemas.latency_reports import Machine, OperatorTime
from schemas.tensors import VariantInput


class MeasurementFailed(Exception):
    """One model could not be measured; the others can. The message says which and why."""


class DeviceLost(MeasurementFailed):
    """The device does not answer any more, so no model can be measured. The message says what was tried."""


@dataclass(frozen=True)
class ModelUnderTest:
    """A model file to be timed.

    Attributes:
      candidate_id: The candidate it was made of.
      variant: Name of the variant.
      input: What it takes; None for the reference model.
      path: The ``.tflite`` file.
      input_path: ``.npy`` file with the value of its first input; the state beside it, if any, is zero.
      sha256: Of the file.
      bytes: Size of the file.
      sound_seconds: Sound that one invocation covers.
      golden: ``.npz`` with golden vectors of the file; None for the reference model.
    """

    candidate_id: str
    variant: str
    input: VariantInput | None
    path: Path
    input_path: Path
    sha256: str
    bytes: int
    sound_seconds: float
    golden: Path | None = None

    @property
    def key(self) -> str:
        """Unique in a session."""
        return f"{self.candidate_id}/{self.variant}"


@dataclass(frozen=True)
class Start:
    """What a model costs before it runs warm, in a process of its own.

    Attributes:
      init_ms: Load, allocate and prepare.
      first_ms: First invocation.
      peak_mib: Peak resident memory above that of the idle runtime; None where it is not told.
    """

    init_ms: float
    first_ms: float
    peak_mib: float | None


@dataclass(frozen=True)
class Burst:
    """What one model took in one round, in microseconds.

    Attributes:
      count: Timed invocations.
      mean_us: Their mean.
      median_us: Their median; None where the tool tells none.
      min_us: The least.
      max_us: The greatest.
      p95_us: The 95th percentile; None where it is not told.
      samples_us: Each invocation, in order; empty where the tool tells summaries only.
    """

    count: int
    mean_us: float
    median_us: float | None
    min_us: float
    max_us: float
    p95_us: float | None = None
    samples_us: tuple[float, ...] = ()

    @classmethod
    def of_samples(cls, samples_us: Sequence[float]) -> Self:
        """Of the time of each invocation.

        Raises:
          ValueError: If there is none.
        """
        if not len(samples_us):
            raise ValueError("a burst needs at least one timed invocation")
        values = np.asarray(samples_us, dtype=np.float64)
        return cls(
            count=len(values),
            mean_us=float(values.mean()),
            median_us=float(np.median(values)),
            min_us=float(values.min()),
            max_us=float(values.max()),
            p95_us=float(np.percentile(values, 95)),
            samples_us=tuple(float(value) for value in values),
        )

    @property
    def typical_us(self) -> float:
        """The median, or the mean where no median is told."""
        return self.mean_us if self.median_us is None else self.median_us

    @property
    def seconds(self) -> float:
        """Timed seconds."""
        return self.count * self.mean_us / 1e6


@dataclass(frozen=True)
class Sensors:
    """What a device tells of its state.

    Attributes:
      temperatures_c: By sensor; empty where none can be read.
      throttled: Whether it holds back its clock; None where that cannot be read.
      load: Processes that run or wait to run, averaged over the last minute; None where it is not told.
      preemptions: Times that the processor was taken from a timed model so far; None where not told.
    """

    temperatures_c: dict[str, float] = field(default_factory=dict)
    throttled: bool | None = None
    load: float | None = None
    preemptions: int | None = None


class Opened(abc.ABC):
    """A device that runs TFLite files, as a context manager: leaving it removes what it left behind."""

    @abc.abstractmethod
    def machine(self) -> Machine:
        """What the figures are taken on.

        Raises:
          DeviceLost: If it cannot be reached.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Stops everything the back end started and removes its files; never an error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FootprintBackend(Opened):
    """A device that tells what a file needs of it, and no time."""

    @abc.abstractmethod
    def footprint(self, model: ModelUnderTest) -> Footprint:
        """Runs a file on its golden vectors and tells what it needed.

        Raises:
          MeasurementFailed: If the device does not run the file, or answers otherwise than it should; the
            message names the operator at fault where there is one.
        """


class Backend(Opened):
    """A device that times TFLite files.

    The order of calls is ``machine``, then for each session ``begin_session``, ``sensors``, ``start`` of
    each model, ``time`` in rounds, ``sensors``; at the end ``profile``.
    """

    @abc.abstractmethod
    def begin_session(self) -> None:
        """Makes sure that nothing of the last session is left: fresh processes, a device that is cool.

        Raises:
          DeviceLost: If it cannot be reached.
        """

    @abc.abstractmethod
    def sensors(self) -> Sensors:
        """The device's state now; what cannot be read is left out, never an error."""

    @abc.abstractmethod
    def start(self, model: ModelUnderTest) -> Start:
        """Measures a cold start.

        Raises:
          MeasurementFailed: If the model does not load or run.
          DeviceLost: If the device cannot be reached.
        """

    @abc.abstractmethod
    def time(
        self,
        model: ModelUnderTest,
        *,
        warmup_runs: int,
        warmup_seconds: float,
        runs: int,
        seconds: float,
        keep_loaded: bool,
    ) -> Burst:
        """Runs a model until both ``runs`` and ``seconds`` are reached.

        Args:
          model: The model.
          warmup_runs: Invocations that are not timed, at least.
          warmup_seconds: Seconds of them, at least.
          runs: Timed invocations, at least.
          seconds: Timed seconds, at least.
          keep_loaded: Whether the model may stay in memory for the next round.

        Raises:
          MeasurementFailed: If the model does not load or run; the back end can be used further.
          DeviceLost: If the device cannot be reached.
        """

    @abc.abstractmethod
    def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
        """Where a model's time goes, dearest operator first; empty where the runtime does not tell.

        Raises:
          MeasurementFailed: If the model does not load or run.
          DeviceLost: If the device cannot be reached.
        """
