"""Attempts: all sessions of a measurement, judged; what is invalid is measured again, a few times."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from components.latency_benchmark import validity
from components.latency_benchmark.backends.base import Backend, Burst, DeviceLost, Start, Subject
from components.latency_benchmark.figures import Timings, session_ms, session_summaries
from components.latency_benchmark.finished import FinishedSessions
from components.latency_benchmark.sessions import Place, ReferenceFailed, Session, run_session
from components.latency_benchmark.settings import MeasurementSettings
from schemas.latency_reports import SessionConditions

# So many models tell the drift common to all from the change of one; and so many are measured along.
_ENOUGH_FOR_DRIFT = 3
_ANCHORS = 4

_log = logging.getLogger("tinytrill.latency_benchmark")


@dataclass(frozen=True)
class Attempt:
    """All sessions of one attempt, judged.

    Attributes:
      number: From 1.
      starts: Cold starts, by key.
      timings: Of the models that ran to the end, by key.
      failures: Reasons of the others, by key.
      disagreement: Of the sessions, by key.
      reasons: Why the figures may not be believed, by key; empty if they may.
      conditions: Of its sessions.
    """

    number: int
    starts: dict[str, Start]
    timings: dict[str, Timings]
    failures: dict[str, str]
    disagreement: dict[str, float]
    reasons: dict[str, list[str]]
    conditions: list[SessionConditions]


@dataclass
class Measured:
    """What all attempts together found.

    Attributes:
      sessions: All that finished, also those of an attempt that did not.
      attempts: Those that finished.
      decided: The attempt whose figures a model has, by key.
      times: How often a model was measured for its own sake, by key.
      failures: Why a model has no figures, or none from a later attempt, by key.
      abandoned: Why an attempt was given up, by its number.
      lost: Why the device could not be reached any more; empty if it could.
    """

    sessions: list[Session] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    decided: dict[str, Attempt] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    abandoned: dict[int, str] = field(default_factory=dict)
    lost: str = ""

    def is_valid(self, key: str) -> bool:
        """Whether a model has figures that may be believed."""
        return key in self.decided and not self.decided[key].reasons[key]

    def take(
        self, attempt: Attempt, sessions: Sequence[Session], reference: str, asked: Sequence[str]
    ) -> None:
        """Adds a finished attempt, which decides about the models ``asked`` for, not those measured along."""
        self.attempts.append(attempt)
        self.sessions += sessions
        self.failures.pop(reference, None)
        self.times[reference] = self.times.get(reference, 0) + 1
        if not (self.is_valid(reference) and attempt.reasons[reference]):
            self.decided[reference] = attempt
        for key in asked:
            self.times[key] = self.times.get(key, 0) + 1
            if key in attempt.timings:
                self.decided[key] = attempt
                self.failures.pop(key, None)
            else:
                self.failures[key] = attempt.failures[key]
        invalid = [key for key in asked if attempt.reasons.get(key)]
        if invalid:
            _log.warning(
                "attempt %d: %d of %d models are invalid; %s: %s",
                *(attempt.number, len(invalid), len(asked), invalid[0], attempt.reasons[invalid[0]][0]),
            )

    def give_up(self, number: int, sessions: Sequence[Session], reason: str) -> None:
        """Notes an attempt that did not come to its end; its finished sessions decide nothing."""
        self.sessions += sessions
        self.abandoned[number] = reason
        _log.warning("attempt %d is given up: %s", number, reason)

    def conditions(self) -> list[SessionConditions]:
        """Of all sessions; those of an attempt that was given up say so."""
        judged = {one.session: one for attempt in self.attempts for one in attempt.conditions}
        found = []
        for session in self.sessions:
            told = session.conditions
            reasons = [self.abandoned[told.attempt]] if told.attempt in self.abandoned else []
            found.append(judged.get(told.session) or told.model_copy(update={"reasons": reasons}))
        return found


def measure(
    backend: Backend,
    reference: Subject,
    subjects: Sequence[Subject],
    settings: MeasurementSettings,
    seed: int,
    finished: FinishedSessions,
) -> Measured:
    """Measures all models, and again what is invalid, up to ``settings.attempts`` times.

    A model that does not start is not tried again: its file is at fault. One that fails after it has
    started is left out of the attempt and tried again in the next, as an invalid one is. An attempt in
    which the reference fails is given up; the next one begins anew.

    Args:
      backend: What they run on.
      reference: The model that all are compared with.
      subjects: The models; their keys are unique.
      settings: Sessions, rounds, and what is valid.
      seed: Of the orders.
      finished: Sessions of an earlier, interrupted measurement; those of this one are added.
    """
    measured = Measured()
    left, session = list(subjects), 0
    for number in range(1, settings.attempts + 1):
        along = _measured_along(measured, subjects, left) if number > 1 else []
        models = [reference, *left, *along]
        sessions: list[Session] = []
        try:
            for still_to_come in reversed(range(settings.sessions)):
                session += 1
                place = Place(number, session, still_to_come)
                sessions.append(_session(backend, models, settings, seed, place, sessions, finished))
        except ReferenceFailed as error:
            measured.give_up(number, sessions, str(error))
            measured.failures[reference.key] = str(error)
            continue
        except DeviceLost as error:
            measured.give_up(number, sessions, str(error))
            measured.lost = str(error)
            break
        attempt = judge(number, sessions, reference.key, settings)
        measured.take(attempt, sessions, reference.key, [subject.key for subject in left])
        left = [subject for subject in left if _may_become_valid(subject.key, attempt)]
        if not left:
            break
    return measured


def judge(number: int, sessions: Sequence[Session], reference: str, settings: MeasurementSettings) -> Attempt:
    """What the sessions of one attempt are worth; see validity.py.

    Args:
      number: Of the attempt.
      sessions: All of them.
      reference: The reference model's key.
      settings: What is valid.
    """
    failures = {key: reason for session in sessions for key, reason in session.failures.items()}
    timings: dict[str, dict[tuple[int, int], Burst]] = {}
    for record in (record for session in sessions for record in session.records):
        if record.key not in failures:
            timings.setdefault(record.key, {})[record.session, record.round] = record.burst
    typical_ms = {key: session_ms(own) for key, own in timings.items()}
    drift = validity.common_drift(typical_ms, reference)
    throttled = {session.conditions.session: session.conditions.throttled for session in sessions}
    summaries = session_summaries(timings[reference])
    interrupted = validity.busy_sessions(summaries, settings)
    of_sessions = validity.session_faults(typical_ms[reference], throttled, settings, interrupted)
    disagreement = {key: validity.disagreement(own, drift) for key, own in typical_ms.items()}
    for_all = [f"session {session}: {reason}" for session, found in of_sessions.items() for reason in found]
    return Attempt(
        number=number,
        starts=dict(sessions[0].starts),
        timings={**timings},
        failures=failures,
        disagreement=disagreement,
        reasons={
            key: for_all + validity.faults(own, disagreement[key], settings) for key, own in timings.items()
        },
        conditions=[
            session.conditions.model_copy(
                update={
                    "reference_ms": typical_ms[reference][session.conditions.session],
                    "reference_mean_ms": summaries[session.conditions.session].mean_ms,
                    "reference_p95_ms": summaries[session.conditions.session].p95_ms,
                    "drift": drift[session.conditions.session],
                    "reasons": of_sessions[session.conditions.session],
                }
            )
            for session in sessions
        ],
    )


def partner(subject: Subject) -> str:
    """Key of the core file of a wave file and the other way round; empty for the reference model."""
    other = {"wave": "core", "core": "wave"}
    if subject.input is None:
        return ""
    return f"{subject.candidate_id}/{other[subject.input]}{subject.variant.removeprefix(subject.input)}"


def _session(
    backend: Backend,
    models: Sequence[Subject],
    settings: MeasurementSettings,
    seed: int,
    place: Place,
    before: Sequence[Session],
    finished: FinishedSessions,
) -> Session:
    """One session of an attempt, without the models that failed in those ``before`` it."""
    failed = {key for session in before for key in session.failures}
    running = [model for model in models if model.key not in failed]
    known = finished.load(place, [model.key for model in running])
    if known is not None:
        return known
    starts = before[0].starts if before else None
    session = run_session(backend, running, settings, seed, place, starts)
    finished.save(session)
    return session


def _measured_along(
    measured: Measured, subjects: Sequence[Subject], left: Sequence[Subject]
) -> list[Subject]:
    """Valid models that are measured along with those that are ``left``.

    The core file of a wave file and the other way round, so that the front end's cost comes from the same
    rounds; and, if there are few, others by which the common drift can be told.
    """
    valid = [subject for subject in subjects if measured.is_valid(subject.key)]
    partners = {partner(subject) for subject in left}
    along = [subject for subject in valid if subject.key in partners]
    if len(left) < _ENOUGH_FOR_DRIFT:
        along += [subject for subject in valid if subject not in along][: max(0, _ANCHORS - len(along))]
    return along


def _may_become_valid(key: str, attempt: Attempt) -> bool:
    return bool(attempt.reasons[key]) if key in attempt.timings else key in attempt.starts
