"""Loss curves while a student trains: what the trainer says on its log, sent to MLflow beside the training.

The training only puts its events into a queue; one thread does everything that may wait: it opens the nested
run, sends the curve, samples the machine. What a store does not take is told once and tried again. What never
arrives is sent with the run's record, at the same times, so that nothing stands there twice.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from components.common.tracking.curves import epoch_points
from components.common.tracking.faults import StoreRefused, StoreUnreachable, TrackingFault, telling
from components.common.tracking.stores import Store, quieten_mlflow
from components.common.tracking.system_metrics import SystemMetrics
from components.common.tracking.tracker import Tracker, given_run_id
from schemas.run_context import RunContext
from schemas.run_records import MetricPoint
from schemas.training_events import TrainingEvent

TRY_AGAIN_S = 15.0
QUIET_S = 60.0
# The longest that a training, and a run, wait at their end for what is still queued.
WAIT_S = 10.0
# Samples of the machine that are kept while the store is away: some hours of them.
_SAMPLES = 20_000

log = logging.getLogger("tinytrill.tracking")


@contextmanager
def following(context: RunContext) -> Iterator[LiveTracking]:
    """Sends the curves of all students that are trained in the block."""
    logger, live = logging.getLogger("tinytrill"), LiveTracking(context)
    level = logger.level
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    logger.addHandler(live)
    try:
        yield live
    finally:
        logger.removeHandler(live)
        logger.setLevel(level)
        live.close()


@dataclass
class _Curve:
    """One student's nested run, as far as it is open, and what it was not sent yet."""

    candidate_id: str
    parameters: dict[str, str] = field(default_factory=dict)
    training: bool = True
    run_id: str = ""
    begun_s: float = 0.0
    left_alone: bool = False
    points: list[MetricPoint] = field(default_factory=list)
    samples: deque[tuple[float, dict[str, float]]] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    @property
    def waits(self) -> bool:
        """Whether there is anything to send."""
        return not self.left_alone and bool(not self.run_id or self.points or self.samples)


class LiveTracking(logging.Handler):
    """Takes training events out of a log and sends them to the run of a :class:`RunContext`.

    No fault of MLflow reaches the code that logs.
    """

    def __init__(self, context: RunContext) -> None:
        """Prepares; nothing is asked of the store before the first event."""
        super().__init__(level=logging.INFO)
        self._context = context
        self._queue: queue.SimpleQueue[TrainingEvent | threading.Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        # All below belongs to the thread.
        self._curves: dict[str, _Curve] = {}
        self._tracker: Tracker | None = None
        self._parent_run_id = context.parent_run_id
        self._system: SystemMetrics | None = None
        self._next_sample = 0.0
        self._try_again = 0.0
        self._is_away = False
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Only training events: the thread's own warnings come by here too."""
        event = getattr(record, TrainingEvent.ATTRIBUTE, None)
        return isinstance(event, TrainingEvent) and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Queues an event; at the end of a training, waits a little until all of it is sent."""
        event: TrainingEvent = getattr(record, TrainingEvent.ATTRIBUTE)
        try:
            if self._thread is None:
                self._start()
            self._queue.put(event)
            if event.kind == "ended":
                self.wait(WAIT_S)
        except Exception:
            self.handleError(record)

    def wait(self, seconds: float) -> None:
        """Waits until what was queued up to now is sent, or was tried to be; at most so many seconds."""
        if self._thread is not None:
            done = threading.Event()
            self._queue.put(done)
            done.wait(seconds)

    def close(self) -> None:
        """Tries a last time to send what is left, for a bounded time."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(WAIT_S)
        super().close()

    def _start(self) -> None:
        quieten_mlflow()
        # Here rather than in the thread: two threads that import at once may see half a module.
        import mlflow.system_metrics.system_metrics_monitor  # noqa: F401

        thread = threading.Thread(target=self._work, name="live tracking", daemon=True)
        thread.start()
        self._thread = thread

    def _work(self) -> None:
        ending = False
        while not ending:
            marks: list[threading.Event] = []
            for item in self._take():
                if item is None:
                    ending, self._try_again = True, 0.0
                elif isinstance(item, threading.Event):
                    marks.append(item)
                else:
                    self._note(item)
            self._do_what_is_due()
            for mark in marks:
                mark.set()

    def _take(self) -> Iterator[TrainingEvent | threading.Event | None]:
        """All that is queued; if nothing is, waits for it or until there is something to do."""
        try:
            yield self._queue.get(timeout=self._pause())
            while True:
                yield self._queue.get_nowait()
        except queue.Empty:
            return

    def _pause(self) -> float | None:
        """Seconds until something is due; None: only an event can change that.

        Nothing is due while nobody trains: latencies that are measured then must not be disturbed.
        """
        training = [curve for curve in self._curves.values() if curve.training]
        due = []
        if training and self._context.system_metrics_seconds:
            due.append(self._next_sample)
        if training and any(curve.waits for curve in self._curves.values()):
            due.append(self._try_again)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _note(self, event: TrainingEvent) -> None:
        curve = self._curves.setdefault(event.candidate_id, _Curve(event.candidate_id))
        if event.kind == "began":
            curve.training, curve.parameters = True, event.parameters
            self._system, self._next_sample = None, 0.0
        elif event.kind == "ended":
            curve.training = False
        elif event.epoch:
            curve.points += epoch_points(event.epoch, event.second)

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        # Nothing that goes wrong here may end the thread, or reach the training.
        try:
            if self._context.system_metrics_seconds and now >= self._next_sample:
                self._next_sample = now + self._context.system_metrics_seconds
                self._sample()
            if now >= self._try_again:
                self._send()
        except Exception as error:
            # A new tracker asks first whether anybody is there: a silent server costs seconds then.
            self._tracker = None
            self._try_again = time.monotonic() + TRY_AGAIN_S
            if not self._is_away:
                self._warn(
                    f"{error}; the training continues, and its curve is sent when the store responds again"
                )
            self._is_away = True

    def _sample(self) -> None:
        training = [curve for curve in self._curves.values() if curve.training and not curve.left_alone]
        if training and self._system is None:
            self._system = SystemMetrics(self._context.tracking_uri)
        elif self._system is not None:
            sample = (time.time(), self._system.sample())
            for curve in training:
                curve.samples.append(sample)

    def _send(self) -> None:
        waiting = [curve for curve in self._curves.values() if curve.waits]
        if not waiting:
            return
        tracker = self._tracker = self._tracker or self._connect()
        for curve in waiting:
            try:
                with telling(tracker.uri):
                    self._send_curve(tracker, curve)
            except (StoreUnreachable, StoreRefused):
                raise
            except TrackingFault as fault:
                # As of a run that somebody deleted: it must not hold up the others.
                curve.left_alone = True
                self._warn(f"{fault}; the curve of {curve.candidate_id} is sent with the run's record")
        if self._is_away:
            log.info("MLflow responds again: the curves are sent")
            self._is_away = False

    def _send_curve(self, tracker: Tracker, curve: _Curve) -> None:
        if not curve.run_id:
            self._open(tracker, curve)
        if curve.left_alone:
            return
        samples = [
            MetricPoint(name=name, value=value, step=max(0, round(second)), second=second)
            for at, sample in curve.samples
            for second in [at - curve.begun_s]
            for name, value in sample.items()
        ]
        if curve.points or samples:
            tracker.log_metrics(curve.run_id, curve.points + samples)
        curve.points.clear()
        curve.samples.clear()

    def _connect(self) -> Tracker:
        context = self._context
        return Tracker(Store.of(context))

    def _open(self, tracker: Tracker, curve: _Curve) -> None:
        """Opens the nested run, if it is not finished already."""
        context = self._context
        if not self._parent_run_id:
            self._parent_run_id = tracker.begin(
                context.run_key, context.run_name, context.provenance, given_run_id()
            )
        run_id = tracker.candidate(self._parent_run_id, context.run_key, context.run_name, curve.candidate_id)
        run = tracker.client.get_run(run_id)
        if run.info.status == "FINISHED":
            curve.left_alone = True
            return
        if run.info.status != "RUNNING":
            tracker.client.update_run(run_id, status="RUNNING")
        tracker.log_parameters(run_id, curve.parameters)
        curve.run_id, curve.begun_s = run_id, run.info.start_time / 1000

    def _warn(self, message: str) -> None:
        """One warning, and then silence for a minute."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET_S
            log.warning("%s", message)
