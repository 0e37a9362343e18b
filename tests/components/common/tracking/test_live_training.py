"""A real training, seen in MLflow while it goes on, and a real server that dies in the middle."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from components.common.tracking import live as module
from components.common.tracking.live import following
from components.common.tracking.names import PIPELINE_ROLE, ROLE_TAG
from components.common.tracking.sending import send
from components.frontier_pusher.metrics import candidate_parameters, training_metrics
from schemas.run_context import RunContext
from schemas.run_records import RecordedRun, RunRecord
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport
from schemas.training_events import TrainingEvent
from tests.components.common.tracking.following import (
    context_of,
    curve,
    nested,
    say_began,
    say_ended,
    say_epoch,
    sqlite_store,
)
from tests.components.student_trainer.conftest import PLAIN, SETTINGS, execute, write_distillation_set
from tests.components.student_trainer.listening import listening
from tests.mlflow_server import MlflowServer

pytestmark = pytest.mark.slow

ONE = PLAIN.candidate_id
LONG = 120.0


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_distillation_set(tmp_path_factory.mktemp("windows"))


@pytest.fixture
def asked_by(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Each request to a server: the thread that waits for it, and whether it was answered."""
    asked = []
    send_request = requests.Session.send

    def spy(self: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            answer = send_request(self, *args, **kwargs)
        except requests.RequestException:
            asked.append((threading.current_thread().name, False))
            raise
        asked.append((threading.current_thread().name, True))
        return answer

    monkeypatch.setattr(requests.Session, "send", spy)
    return asked


def record_of(context: RunContext, student: StudentInfo) -> RunRecord:
    """What the pusher sends of a run of one student, files and versions left out."""

    def run(name: str, **more: Any) -> RecordedRun:
        return RecordedRun(
            name=name, **{"tags": {}, "parameters": {}, "metrics": [], "files": [], "datasets": [], **more}
        )

    return RunRecord(
        run_key=context.run_key,
        run_name=context.run_name,
        verdict_digest="d",
        parent_run_id=context.parent_run_id,
        tracking_uri=context.tracking_uri,
        experiment=context.experiment,
        alias="candidate",
        parent=run(context.run_name, tags={ROLE_TAG: PIPELINE_ROLE}),
        candidates={student.candidate_id: run(student.candidate_id, metrics=training_metrics(student))},
        versions=[],
        models=[],
        destination="",
        output="",
    )


def curve_of(student: StudentInfo) -> list[tuple[int, float]]:
    return [(epoch.epoch, epoch.loss) for epoch in student.epochs]


def stored_curve(context: RunContext) -> list[tuple[float, float]]:
    return [(step, value) for step, value, _ in curve(context, ONE)]


def test_a_student_shows_its_curve_before_its_training_has_ended(
    windows: str, tmp_path: Path, empty_store: Path
) -> None:
    context = context_of(sqlite_store(tmp_path, empty_store), system_metrics_seconds=0.2)
    seen: dict[int, list[tuple[float, float]]] = {}

    def look(event: TrainingEvent) -> None:
        if event.epoch:
            live.wait(LONG)
            seen[event.epoch.epoch] = stored_curve(context)

    with following(context) as live, listening(look):
        student = StudentInfo.load(execute(tmp_path, windows, PLAIN, SETTINGS))
    whole = curve_of(student)
    assert seen == {1: whole[:1], 2: whole[:2], 3: whole[:3], 4: whole}
    (run,) = nested(context, ONE)
    # As the pusher has them: MLflow never changes a parameter.
    converted = TfliteReport(
        candidate_id=ONE, spec=PLAIN, front_end=student.front_end, parameters=student.parameters, variants=[]
    )
    later = candidate_parameters(converted, student)
    assert run.data.params.items() == later.items() - {("parameters", str(student.parameters))}
    assert run.data.metrics["system/system_memory_usage_megabytes"] > 0


def test_a_server_that_dies_in_a_training_costs_it_no_step_and_no_figure(
    windows: str,
    tmp_path: Path,
    empty_store: Path,
    asked_by: list[tuple[str, bool]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    logging.getLogger("tinytrill").propagate = True
    with MlflowServer(tmp_path / "server", empty_store) as server:
        context = context_of(server.uri)
        asked_by.clear()
        before_the_kill: list[tuple[str, bool]] = []

        def kill(event: TrainingEvent) -> None:
            if event.epoch and event.epoch.epoch == 2:
                live.wait(LONG)
                before_the_kill.extend(asked_by)
                assert [step for step, _ in stored_curve(context)] == [1, 2]
                asked_by.clear()
                server.kill()

        with following(context) as live, listening(kill):
            student = StudentInfo.load(execute(tmp_path, windows, PLAIN, SETTINGS))
        # Not one call was made by the thread that trains; the other one tried, in vain.
        assert set(before_the_kill) == {("live tracking", True)}
        assert set(asked_by) == {("live tracking", False)}
        told = [record.getMessage() for record in caplog.records if record.name == "tinytrill.tracking"]
        assert len(told) == 1 and server.uri in told[0]
        assert [epoch.epoch for epoch in student.epochs] == [1, 2, 3, 4]

        server.start()
        assert stored_curve(context) == curve_of(student)[:2]
        send(record_of(context, student))
        assert stored_curve(context) == curve_of(student)
        (run,) = nested(context, ONE)
        assert run.info.status == "FINISHED"


def test_a_server_that_comes_back_gets_what_it_missed(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRY_AGAIN_S", 0.0)
    with MlflowServer(tmp_path / "server", empty_store) as server:
        context = context_of(server.uri)
        with following(context) as live:
            say_began()
            say_epoch(1)
            live.wait(LONG)
            server.kill()
            say_epoch(2)
            say_epoch(3)
            live.wait(LONG)
            server.start()
            say_epoch(4)
            live.wait(LONG)
            assert [step for step, _, _ in curve(context)] == [1, 2, 3, 4]
            say_ended()
