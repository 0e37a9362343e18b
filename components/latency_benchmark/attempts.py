"""Attempts: sessions are added to those before, a few times, until what they say together may be believed.

Nothing that was measured is replaced: figures that are measured again *until they agree* are those that
agree by chance. Simulated with three sessions an attempt and at most three attempts (test_coverage.py
repeats it in small), 95 % intervals of accepted figures contain the truth in

    session SD          2 %     3 %     5 %     8 %
    last attempt        .94    .905     .81     .61
    pooled              .95     .95     .94     .93
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from components.latency_benchmark import validity
from components.latency_benchmark.backends.base import Backend, DeviceLost, ModelUnderTest, Start
from components.latency_benchmark.figures import Timings, ratio, session_ms, session_summaries
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
    """One attempt that came to its end.

    Attributes:
      number: From 1.
      asked: Keys of the models measured for their own sake, the reference among them.
      sessions: All of them.
      conditions: What each was like, judged; one with reasons is not believed.
    """

    number: int
    asked: frozenset[str]
    sessions: list[Session]
    conditions: list[SessionConditions]

    def failure(self, key: str) -> str:
        """Why a model did not run to the end; empty if it did."""
        return next((session.failures[key] for session in self.sessions if key in session.failures), "")


@dataclass(frozen=True)
class Pooled:
    """One model in all its sessions that count, of all attempts.

    Attributes:
      timings: By session and round.
      reference: Of the reference model, in the same rounds.
      starts: Cold starts, by session.
      disagreement: Largest over least session of the ratio to the reference model, minus 1.
      reasons: Why the figures may not be believed; empty if they may.
    """

    timings: Timings
    reference: Timings
    starts: dict[int, Start]
    disagreement: float
    reasons: list[str]

    @property
    def sessions(self) -> list[int]:
        """Their numbers."""
        return sorted({session for session, _ in self.timings})


@dataclass
class Measured:
    """What all attempts together found.

    Attributes:
      reference: The reference model's key.
      settings: What is valid.
      seed: Of the bootstrap.
      sessions: All that finished, also those of an attempt that did not.
      attempts: Those that finished.
      pooled: What is known of a model, by key.
      times: How often a model was measured for its own sake, by key.
      failures: Why a model failed in its last attempt, by key.
      abandoned: Why an attempt was given up, by its number.
      lost: Why the device could not be reached any more; empty if it could.
    """

    reference: str = ""
    settings: MeasurementSettings = field(default_factory=MeasurementSettings)
    seed: int = 0
    sessions: list[Session] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    pooled: dict[str, Pooled] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    abandoned: dict[int, str] = field(default_factory=dict)
    lost: str = ""

    def is_valid(self, key: str) -> bool:
        """Whether a model has figures that may be believed."""
        return key in self.pooled and not self.pooled[key].reasons and key not in self.failures

    def take(self, attempt: Attempt) -> None:
        """Adds a finished attempt to those before."""
        self.attempts.append(attempt)
        self.sessions += attempt.sessions
        for key in attempt.asked:
            self.times[key] = self.times.get(key, 0) + 1
            if reason := attempt.failure(key):
                self.failures[key] = reason
            else:
                self.failures.pop(key, None)
            if pooled := self._pool(key):
                self.pooled[key] = pooled
        invalid = [key for key in sorted(attempt.asked) if key in self.pooled and self.pooled[key].reasons]
        if invalid:
            _log.warning(
                "after attempt %d, %d of %d models are invalid; %s: %s",
                *(attempt.number, len(invalid), len(attempt.asked), invalid[0]),
                self.pooled[invalid[0]].reasons[0],
            )

    def rounds(self, key: str, own: bool = True) -> dict[int, Timings]:
        """What a model took in the sessions that it ran to the end, by session.

        Args:
          key: Of the model.
          own: Without the sessions in which it was measured along for the sake of others.
        """
        found: dict[int, Timings] = {}
        for attempt in self.attempts:
            for session in attempt.sessions if key in attempt.asked or not own else []:
                if timings := session.timings(key):
                    found[session.conditions.session] = timings
        return found

    def faults(self) -> dict[int, list[str]]:
        """Why a session is not believed, by its number; empty where it is."""
        return {one.session: one.reasons for attempt in self.attempts for one in attempt.conditions}

    def _pool(self, key: str) -> Pooled | None:
        """All sessions of a model that are believed; all there are, with the reasons, if they are too few."""
        of_session, wanted = self.faults(), self.settings.sessions
        rounds = self.rounds(key)
        if len(rounds) < wanted:
            return None
        believed = {session: timings for session, timings in rounds.items() if not of_session[session]}
        reasons: list[str] = []
        if len(believed) < wanted:
            reasons = [f"session {session}: {reason}" for session in rounds for reason in of_session[session]]
            reasons.append(f"too few: {len(believed)} valid sessions, at least {wanted}")
        else:
            rounds = believed
        beside = self.rounds(self.reference)
        timings = {place: burst for own in rounds.values() for place, burst in own.items()}
        reference = {place: burst for session in rounds for place, burst in beside[session].items()}
        uncertain = validity.half_width(ratio(timings, reference, self.seed))
        return Pooled(
            timings=timings,
            reference=reference,
            starts={
                session.conditions.session: session.starts[key]
                for session in self.sessions
                if session.conditions.session in rounds
            },
            disagreement=validity.disagreement(session_ms(timings), session_ms(reference)),
            reasons=reasons + validity.faults(timings, uncertain, self.settings),
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
    reference: ModelUnderTest,
    models: Sequence[ModelUnderTest],
    settings: MeasurementSettings,
    seed: int,
    finished: FinishedSessions,
) -> Measured:
    """Measures all models, and what is invalid for longer, up to ``settings.attempts`` times.

    A model that does not start is not tried again: its file is at fault. One that fails after it has
    started is left out of the attempt and tried again in the next, as an invalid one is. An attempt in
    which the reference fails is given up; the next one begins anew.

    Args:
      backend: What they run on.
      reference: The model that all are compared with.
      models: The models; their keys are unique.
      settings: Sessions, rounds, and what is valid.
      seed: Of the orders.
      finished: Sessions of an earlier, interrupted measurement; those of this one are added.
    """
    measured = Measured(reference.key, settings, seed)
    left, session = list(models), 0
    for number in range(1, settings.attempts + 1):
        along = _measured_along(measured, models, left) if number > 1 else []
        timed = [reference, *left, *along]
        sessions: list[Session] = []
        try:
            for still_to_come in reversed(range(settings.sessions)):
                session += 1
                place = Place(number, session, still_to_come)
                sessions.append(_session(backend, timed, settings, seed, place, sessions, finished))
        except ReferenceFailed as error:
            measured.give_up(number, sessions, str(error))
            measured.failures[reference.key] = str(error)
            continue
        except DeviceLost as error:
            measured.give_up(number, sessions, str(error))
            measured.lost = str(error)
            break
        asked = frozenset([reference.key, *(model.key for model in left)])
        attempt = judge(number, asked, sessions, reference.key, settings)
        measured.take(attempt)
        left = [model for model in left if _may_become_valid(model.key, measured, attempt)]
        if not left:
            break
    return measured


def judge(
    number: int,
    asked: frozenset[str],
    sessions: list[Session],
    reference: str,
    settings: MeasurementSettings,
) -> Attempt:
    """What the sessions of one attempt are worth; see validity.py.

    Args:
      number: Of the attempt.
      asked: Keys of the models measured for their own sake, the reference among them.
      sessions: All of them.
      reference: The reference model's key.
      settings: What is valid.
    """
    whole = [key for key in sessions[0].asked if not any(key in session.failures for session in sessions)]
    timings = {
        key: {place: burst for session in sessions for place, burst in session.timings(key).items()}
        for key in whole
    }
    typical_ms = {key: session_ms(own) for key, own in timings.items()}
    drift = validity.common_drift(typical_ms, reference)
    throttled = {session.conditions.session: session.conditions.throttled for session in sessions}
    summaries = session_summaries(timings[reference])
    interrupted = validity.busy_sessions(summaries, settings)
    of_sessions = validity.session_faults(typical_ms[reference], throttled, settings, interrupted)
    return Attempt(
        number=number,
        asked=asked,
        sessions=sessions,
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


def partner(model: ModelUnderTest) -> str:
    """Key of the core file of a wave file and the other way round; empty for other files."""
    other = {"wave": "core", "core": "wave"}
    if model.input not in other:
        return ""
    return f"{model.candidate_id}/{other[model.input]}{model.variant.removeprefix(model.input)}"


def _session(
    backend: Backend,
    models: Sequence[ModelUnderTest],
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
    session = run_session(backend, running, settings, seed, place)
    finished.save(session)
    return session


def _measured_along(
    measured: Measured, models: Sequence[ModelUnderTest], left: Sequence[ModelUnderTest]
) -> list[ModelUnderTest]:
    """Valid models that are measured along with those that are ``left``.

    The core file of a wave file and the other way round, so that the front end's cost comes from the same
    rounds; and, if there are few, others by which the common drift can be told.
    """
    valid = [model for model in models if measured.is_valid(model.key)]
    partners = {partner(model) for model in left}
    along = [model for model in valid if model.key in partners]
    if len(left) < _ENOUGH_FOR_DRIFT:
        along += [model for model in valid if model not in along][: max(0, _ANCHORS - len(along))]
    return along


def _may_become_valid(key: str, measured: Measured, attempt: Attempt) -> bool:
    """Whether a model lacks figures that may be believed, and has started."""
    return not measured.is_valid(key) and any(key in session.starts for session in attempt.sessions)
