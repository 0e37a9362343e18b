"""A device that was timed before: its report and raw samples, served again in the order they were taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from components.latency_benchmark.backends.base import (
    Backend,
    Burst,
    DeviceLost,
    MeasurementFailed,
    ModelUnderTest,
    Sensors,
    Start,
)
from components.latency_benchmark.samples import read_samples
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import ReplayDevice
from schemas.latency_reports import LatencyMeasurement, LatencyReport, Machine, OperatorTime
from schemas.settings import UnreadableReport

_Kept = TypeVar("_Kept")


class ReplayBackend(Backend):
    """Serves recorded measurements; models are told apart by the sha256 of their files.

    Args:
      name: Of the device in the configuration.
      device: Where the record lies.
      settings: Sessions and rounds must be those of the record.

    Raises:
      ValueError: If there is no record, it is malformed or empty, or was taken in other sessions or rounds.
    """

    def __init__(self, name: str, device: ReplayDevice, settings: MeasurementSettings) -> None:
        self._name = name
        self._folder = Path(device.report)
        self._ambient = device.ambient
        self._report = _read_report(self._folder)
        _check_settings(self._report, settings, self._folder)
        try:
            records = read_samples(self._folder)
        except FileNotFoundError:
            raise ValueError(
                f"the record {self._folder} has no {LatencyReport.SAMPLES}: without raw samples there is "
                "nothing to replay"
            ) from None
        self._bursts: dict[str, dict[str, dict[tuple[int, int], Burst]]] = {}
        for record in records:
            of_file = self._bursts.setdefault(record.sha256, {})
            of_file.setdefault(record.key, {})[record.session, record.round] = record.burst
        self._last_session = max((record.session for record in records), default=0)
        measurements = [self._report.reference, *self._report.measurements]
        self._measurements = _by_file(one for one in measurements if one is not None)
        self._conditions = {one.session: one for one in self._report.conditions}
        self._session = 0
        self._rounds: Counter[str] = Counter()
        self._sensed = 0

    def machine(self) -> Machine:
        """The machine of the record, under this device's name."""
        return self._report.machine.model_copy(
            update={
                "profile": self._name,
                "replayed_from": str(self._folder),
                "ambient": self._ambient or self._report.machine.ambient,
            }
        )

    def begin_session(self) -> None:
        """Goes on to the next recorded session.

        Raises:
          DeviceLost: If the record has no more.
        """
        if self._session == self._last_session:
            raise DeviceLost(f"the record {self._folder} ends after session {self._last_session}")
        self._session += 1
        self._rounds.clear()
        self._sensed = 0

    def sensors(self) -> Sensors:
        """What was read before the session, and from the second call on what was read after it."""
        self._sensed += 1
        conditions = self._conditions.get(self._session)
        if conditions is None:
            return Sensors()
        after = self._sensed > 1
        return Sensors(
            {sensor: ends[after] for sensor, ends in conditions.temperatures_c.items()},
            conditions.throttled,
            None if conditions.load is None else conditions.load[after],
            conditions.preemptions if after else None if conditions.preemptions is None else 0,
        )

    def start(self, model: ModelUnderTest) -> Start:
        """The recorded cold start of this session; of a record that has one only, that."""
        measured = self._measured(model)
        if not measured.cold_starts:
            return Start(measured.init_ms, measured.first_ms, measured.peak_mib)
        if self._session not in measured.cold_starts:
            raise MeasurementFailed(
                f"no recorded cold start of {model.key} in session {self._session}, record {self._folder}"
            )
        return Start(**measured.cold_starts[self._session].model_dump())

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
        """What the model took in this round of this session; how often it ran is as recorded."""
        self._rounds[model.key] += 1
        place = self._session, self._rounds[model.key]
        bursts = self._find(self._bursts, model)
        if place not in bursts:
            raise MeasurementFailed(
                f"no recorded measurement of sha256 {model.sha256} in session {place[0]}, round {place[1]} "
                f"({model.key}, record {self._folder})"
            )
        return bursts[place]

    def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
        """The recorded operators."""
        return list(self._measured(model).operators)

    def close(self) -> None:
        """Nothing was started."""

    def _measured(self, model: ModelUnderTest) -> LatencyMeasurement:
        reference = self._report.reference
        assert reference is not None, "checked when the report was read"
        if model.input is None and model.sha256 != reference.sha256:
            raise ValueError(
                f"the record {self._folder} was taken beside the reference model {reference.sha256}, "
                f"this run's is {model.sha256}: ratios would not compare"
            )
        return self._find(self._measurements, model)

    def _find(self, kept: Mapping[str, Mapping[str, _Kept]], model: ModelUnderTest) -> _Kept:
        """What is kept of a file: that of the same name if the record has copies of the file."""
        of_file = kept.get(model.sha256, {})
        if not of_file:
            raise MeasurementFailed(
                f"no recorded measurement of sha256 {model.sha256} ({model.key}, record {self._folder})"
            )
        return of_file.get(model.key) or next(iter(of_file.values()))


def _by_file(measurements: Iterable[LatencyMeasurement]) -> dict[str, dict[str, LatencyMeasurement]]:
    found: dict[str, dict[str, LatencyMeasurement]] = {}
    for measured in measurements:
        found.setdefault(measured.sha256, {})[measured.key] = measured
    return found


def _read_report(folder: Path) -> LatencyReport:
    try:
        report = LatencyReport.load(folder)
    except UnreadableReport as error:
        raise ValueError(f"there is no record to replay: {error}") from error
    if report.reference is None:
        raise ValueError(f"the record {folder} holds no measurement: {report.failure}")
    return report


def _check_settings(report: LatencyReport, settings: MeasurementSettings, folder: Path) -> None:
    differing: Sequence[str] = [
        f"{name} {asked}, recorded {recorded}"
        for name, asked, recorded in (
            ("sessions", settings.sessions, report.sessions),
            ("rounds", settings.rounds, report.rounds),
        )
        if asked != recorded
    ]
    if differing:
        raise ValueError(
            f"the record {folder} was made under other conditions than requested: {'; '.join(differing)}"
        )


def open_device(name: str, device: ReplayDevice, settings: MeasurementSettings) -> ReplayBackend:
    """The back end of a device."""
    return ReplayBackend(name, device, settings)
