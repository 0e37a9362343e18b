"""A session: a fresh start, then every model once a round, in an order drawn anew each round."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from components.latency_benchmark.backends.base import (
    Backend,
    DeviceLost,
    MeasurementFailed,
    ModelUnderTest,
    Sensors,
    Start,
)
from components.latency_benchmark.figures import Timings
from components.latency_benchmark.samples import SampleRecord
from components.latency_benchmark.settings import MeasurementSettings
from schemas.latency_reports import SessionConditions

_log = logging.getLogger("tinytrill.latency_benchmark")

_PROGRESS_EVERY_S = 15.0


class ReferenceFailed(Exception):
    """The reference model could not be measured, so that there is nothing to compare with."""


@dataclass(frozen=True)
class Session:
    """What one session found.

    Attributes:
      asked: Keys of the models that were to be timed, the reference first.
      conditions: What it was like, as far as it tells by itself.
      starts: Cold starts, by key.
      failures: Reasons of those that failed, by key; they were left out from there on.
      records: What was timed, in the order of the timing.
    """

    asked: list[str]
    conditions: SessionConditions
    starts: dict[str, Start]
    failures: dict[str, str] = field(default_factory=dict)
    records: list[SampleRecord] = field(default_factory=list)

    def timings(self, key: str) -> Timings:
        """What a model took, by session and round; empty if it was not timed to the end."""
        if key in self.failures:
            return {}
        return {(record.session, record.round): record.burst for record in self.records if record.key == key}


@dataclass(frozen=True)
class Place:
    """Where in the measurement a session stands.

    Attributes:
      attempt: From 1.
      session: From 1, over all attempts.
      left: Sessions of the attempt that are still to come.
    """

    attempt: int
    session: int
    left: int


def run_session(
    backend: Backend,
    models: Sequence[ModelUnderTest],
    settings: MeasurementSettings,
    seed: int,
    place: Place,
) -> Session:
    """Times all models in interleaved rounds.

    Args:
      backend: What they run on.
      models: The models, the reference first; their keys are unique.
      settings: Rounds, runs, seconds, warm-up.
      seed: Of the order.
      place: Where the session stands.

    Raises:
      ReferenceFailed: If the reference model fails.
      DeviceLost: If the device cannot be reached.
    """
    began, started = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    backend.begin_session()
    before = backend.sensors()
    failures: dict[str, str] = {}
    starts = _cold_starts(backend, models, failures)
    records = list(_rounds(backend, models, settings, seed, place, starts, failures))
    after = backend.sensors()
    return Session(
        asked=[model.key for model in models],
        conditions=SessionConditions(
            attempt=place.attempt,
            session=place.session,
            started=started,
            seconds=time.monotonic() - began,
            models=len({record.key for record in records}),
            temperatures_c={
                name: (before.temperatures_c[name], after.temperatures_c[name])
                for name in sorted(before.temperatures_c.keys() & after.temperatures_c.keys())
            },
            throttled=_throttled(before, after),
            load=None if before.load is None or after.load is None else (before.load, after.load),
            preemptions=None if after.preemptions is None else after.preemptions - (before.preemptions or 0),
        ),
        starts=starts,
        failures=failures,
        records=records,
    )


def order_of(keys: Sequence[str], session: int, round_number: int, seed: int) -> list[str]:
    """The order of one round; the same for the same seed."""
    order = list(keys)
    random.Random(f"{seed}/{session}/{round_number}").shuffle(order)
    return order


def _cold_starts(
    backend: Backend, models: Sequence[ModelUnderTest], failures: dict[str, str]
) -> dict[str, Start]:
    starts = {}
    for number, model in enumerate(models):
        try:
            starts[model.key] = backend.start(model)
        except DeviceLost:
            raise
        except MeasurementFailed as error:
            _note_failure(number == 0, model.key, error, failures)
    return starts


def _rounds(
    backend: Backend,
    models: Sequence[ModelUnderTest],
    settings: MeasurementSettings,
    seed: int,
    place: Place,
    starts: Mapping[str, Start],
    failures: dict[str, str],
) -> Iterator[SampleRecord]:
    by_key = {model.key: model for model in models}
    reference = models[0].key
    runs, seconds = -(-settings.min_runs // settings.rounds), settings.min_seconds / settings.rounds
    progress = _SessionProgress(place, settings.rounds, len(models) - len(failures))
    for number in range(1, settings.rounds + 1):
        running = [key for key in by_key if key not in failures]
        kept = _kept_loaded([by_key[key] for key in running], starts, settings.max_loaded_mib)
        for key in order_of(running, place.session, number, seed):
            try:
                burst = backend.time(
                    by_key[key],
                    warmup_runs=settings.warmup_runs,
                    warmup_seconds=settings.warmup_seconds if number == 1 else 0.0,
                    runs=runs,
                    seconds=seconds,
                    keep_loaded=key in kept,
                )
                yield SampleRecord(key, by_key[key].sha256, place.attempt, place.session, number, burst)
            except DeviceLost:
                raise
            except MeasurementFailed as error:
                _note_failure(key == reference, key, error, failures)
            progress.step(number)


def _note_failure(is_reference: bool, key: str, error: MeasurementFailed, failures: dict[str, str]) -> None:
    if is_reference:
        raise ReferenceFailed(f"the reference model cannot be measured: {error}") from error
    failures[key] = str(error)
    _log.warning("%s is left out of this attempt: %s", key, error)


def _kept_loaded(
    running: Sequence[ModelUnderTest], starts: Mapping[str, Start], max_loaded_mib: int
) -> set[str]:
    """The models, cheapest first, that fit into memory together; a file counts where memory is not told.

    Only models that still run count: one that was left out neither stays loaded nor takes up memory.
    """
    mib = {}
    for model in running:
        peak_mib = starts[model.key].peak_mib
        mib[model.key] = model.bytes / 2**20 if peak_mib is None else peak_mib
    kept, used = set(), 0.0
    for key in sorted(mib, key=lambda key: (mib[key], key)):
        used += mib[key]
        if used > max_loaded_mib:
            break
        kept.add(key)
    return kept


def _throttled(before: Sensors, after: Sensors) -> bool | None:
    told = [sensors.throttled for sensors in (before, after) if sensors.throttled is not None]
    return any(told) if told else None


class _SessionProgress:
    """A line in the log now and then."""

    def __init__(self, place: Place, rounds: int, models: int) -> None:
        self._place, self._rounds = place, rounds
        self._done, self._session, self._all = 0, rounds * models, rounds * models * (place.left + 1)
        self._began = self._said = time.monotonic()

    def step(self, round_number: int) -> None:
        """One model's part of a round is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said < _PROGRESS_EVERY_S:
            return
        self._said = now
        _log.info(
            "latency: attempt %d, session %d, round %d of %d, %.0f %% of the session; about %.0f s to go",
            self._place.attempt,
            self._place.session,
            round_number,
            self._rounds,
            100 * self._done / self._session,
            (now - self._began) / self._done * (self._all - self._done),
        )
