"""The interface of a back end: it times one model at a time; the rounds are not its business."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.reports import Machine


class MeasurementFailed(Exception):
    """One model could not be measured; the others can. The message says which and why."""


@dataclass(frozen=True)
class Subject:
    """A model file to be timed.

    Attributes:
      candidate_id: The candidate it was made of.
      variant: Name of the variant.
      path: The ``.tflite`` file.
      input_path: ``.npy`` file with the value of its one input.
      sha256: Of the file.
      bytes: Size of the file.
    """

    candidate_id: str
    variant: str
    path: Path
    input_path: Path
    sha256: str
    bytes: int

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
      peak_mib: Peak resident memory above that of the idle runtime.
    """

    init_ms: float
    first_ms: float
    peak_mib: float


class Backend(abc.ABC):
    """A machine that runs TFLite files. A context manager: leaving it stops what it started."""

    @abc.abstractmethod
    def machine(self) -> Machine:
        """What the figures are taken on."""

    @abc.abstractmethod
    def start(self, subject: Subject) -> Start:
        """Measures a cold start.

        Raises:
          MeasurementFailed: If the model does not load or run.
        """

    @abc.abstractmethod
    def time(self, subject: Subject, warmup: int, runs: int, keep_loaded: bool) -> list[float]:
        """Runs a model ``warmup + runs`` times.

        Args:
          subject: The model.
          warmup: Invocations that are not timed.
          runs: Invocations that are.
          keep_loaded: Whether the model may stay in memory for the next round.

        Returns:
          Microseconds of each timed invocation.

        Raises:
          MeasurementFailed: If the model does not load or run; the back end can be used further.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Stops everything the back end started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
