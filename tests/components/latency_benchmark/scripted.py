"""A back end that takes as long as it is told, for tests of what comes above the back ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.latency_benchmark.backends.base import Backend, Burst, ModelUnderTest, Sensors, Start
from components.latency_benchmark.settings import MeasurementSettings
from schemas.latency_reports import Machine, OperatorTime
from schemas.tensors import VariantInput

SETTINGS = MeasurementSettings(
    sessions=3, rounds=4, min_runs=8, min_seconds=0, warmup_runs=2, warmup_seconds=0.5, attempts=2
)
"""Two runs a round; a millisecond each unless told otherwise."""

Milliseconds = Callable[[str, int, int], float]
"""What a model takes, by key, session and round (both from 1); it may raise."""


@dataclass(frozen=True)
class Call:
    """One burst that was asked for."""

    key: str
    session: int
    round: int
    warmup_runs: int
    warmup_seconds: float
    runs: int
    seconds: float
    keep_loaded: bool


class Scripted(Backend):
    """Notes every call."""

    def __init__(
        self,
        milliseconds: Milliseconds = lambda key, session, round_number: 1.0,
        *,
        start: Callable[[str], Start] = lambda key: Start(2.0, 3.0, 10.0),
        sensors: Sequence[Sensors] = (),
        first_session: int = 1,
    ) -> None:
        """Makes the device.

        Args:
          milliseconds: What a model takes; may raise.
          start: Its cold start; may raise.
          sensors: Answers, one after the other; the last one stays.
          first_session: Number of the session that begins first.
        """
        self.calls: list[Call] = []
        self.starts: list[str] = []
        self.profiled: list[str] = []
        self.session = first_session - 1
        self._milliseconds, self._start = milliseconds, start
        self._sensors = list(sensors) or [Sensors()]

    def machine(self) -> Machine:
        return Machine(
            profile="made-up", backend="host", name="x", os="", runtime="", threads=1, is_device=False
        )

    def begin_session(self) -> None:
        self.session += 1

    def sensors(self) -> Sensors:
        return self._sensors.pop(0) if len(self._sensors) > 1 else self._sensors[0]

    def start(self, model: ModelUnderTest) -> Start:
        self.starts.append(model.key)
        return self._start(model.key)

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
        number = 1 + sum((call.key, call.session) == (model.key, self.session) for call in self.calls)
        call = Call(model.key, self.session, number, warmup_runs, warmup_seconds, runs, seconds, keep_loaded)
        self.calls.append(call)
        took_ms = self._milliseconds(model.key, self.session, number)
        return Burst.of_samples([took_ms * 1e3] * max(runs, int(np.ceil(seconds * 1e3 / took_ms))))

    def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
        self.profiled.append(model.key)
        return [OperatorTime(name="convolution", operator="CONV_2D", mean_us=1.0, share=1.0)]

    def close(self) -> None:
        pass


def model(
    candidate: str, variant: str = "core-float32", hears: VariantInput | None = "core"
) -> ModelUnderTest:
    """A model that only has a name, as ``<candidate>/<variant>``."""
    return ModelUnderTest(
        candidate, variant, hears, Path(candidate), Path(candidate), f"sha256 of {candidate}", 2**20, 0.96
    )


REFERENCE = model("reference", "made-up", None)
