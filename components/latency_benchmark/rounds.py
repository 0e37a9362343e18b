"""The session: every model once a round, in an order drawn anew each round."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from components.latency_benchmark.backends.base import Backend, MeasurementFailed, Start, Subject
from components.latency_benchmark.settings import LatencySettings

_log = logging.getLogger("tinytrill.latency_benchmark")

_PROGRESS_EVERY_S = 15.0


@dataclass
class Session:
    """What was measured, by key of the subject; a model that failed once is in ``failures`` only."""

    starts: dict[str, Start] = field(default_factory=dict)
    samples_us: dict[str, list[list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def fail(self, key: str, reason: str) -> None:
        """Drops what was measured of a model and keeps the reason."""
        self.starts.pop(key, None)
        self.samples_us.pop(key, None)
        self.failures[key] = reason
        _log.warning("%s gets no latency: %s", key, reason)


def order_of(keys: Sequence[str], round_number: int, seed: int) -> list[str]:
    """The order of one round; the same for the same seed."""
    order = list(keys)
    random.Random(f"{seed}/{round_number}").shuffle(order)
    return order


def measure(backend: Backend, subjects: Sequence[Subject], settings: LatencySettings, seed: int) -> Session:
    """Cold-starts every model, then times all of them in interleaved rounds.

    Args:
      backend: What they run on.
      subjects: The models, the reference among them; their keys are unique.
      settings: Rounds, runs, warm-up.
      seed: Of the order.

    Returns:
      Starts and samples of the models that ran to the end, reasons for the others.
    """
    session = Session()
    for subject in subjects:
        try:
            session.starts[subject.key] = backend.start(subject)
            session.samples_us[subject.key] = []
        except MeasurementFailed as error:
            session.fail(subject.key, str(error))
    kept = _kept_loaded(session, settings.max_loaded_mib)
    by_key = {subject.key: subject for subject in subjects}
    said = time.monotonic()
    for number in range(settings.rounds):
        for key in order_of(list(session.samples_us), number, seed):
            try:
                samples = backend.time(by_key[key], settings.warmup, settings.runs_per_round, key in kept)
                session.samples_us[key].append(samples)
            except MeasurementFailed as error:
                session.fail(key, str(error))
        if time.monotonic() - said > _PROGRESS_EVERY_S:
            said = time.monotonic()
            _log.info("latency: round %d of %d", number + 1, settings.rounds)
    return session


def _kept_loaded(session: Session, max_loaded_mib: int) -> set[str]:
    """The models, cheapest first, that fit into memory together."""
    kept, used = set(), 0.0
    for key, start in sorted(session.starts.items(), key=lambda item: (item[1].peak_mib, item[0])):
        used += start.peak_mib
        if used > max_loaded_mib:
            break
        kept.add(key)
    return kept
