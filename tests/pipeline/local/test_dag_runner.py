"""Nodes side by side: when they begin, what they may use, and how they end."""

from __future__ import annotations

import functools
import io
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import psutil
import pytest
from rich.console import Console
from tfx import types
from tfx import v1 as tfx

from components.common.frontier.closed import GateClosed
from pipeline.configuration.config import ExecutionSettings
from pipeline.local import dag_runner
from pipeline.local.dag_runner import DagRunner, Plan, plan_of
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from pipeline.local.node_memory import NodeMemory
from pipeline.local.node_process import NodeDied, NodeProcess, Share
from pipeline.terminal.full_disk import full_disk
from pipeline.terminal.log_text import PlainRecord
from pipeline.terminal.progress import ProgressHandler, listening
from pipeline.terminal.reason import reason
from schemas.training_events import TrainingEvent
from tests.fork_server import start_python
from tests.pipeline.local.steps.component import Step
from tests.pipeline.local.steps.executor import PATIENCE_S

_GIB = 2**30


class Steps:
    """A pipeline of steps, and what became of it."""

    def __init__(self, root: Path) -> None:
        self.layout, self.folder = RunLayout(root / "run"), root / "shared"
        self.folder.mkdir()
        self.memory = NodeMemory(root / "memory.json", lambda: 64 * _GIB)
        self.said = io.StringIO()
        self.nodes: dict[str, Step] = {}

    def add(self, node_id: str, act: str, *before: str) -> None:
        """One node more."""
        channels: Sequence[types.BaseChannel] = [self.nodes[name].outputs["made"] for name in before]
        step = Step(before=channels, act=act, name=node_id, folder=str(self.folder))
        self.nodes[node_id] = step.with_id(node_id)

    def run(self, parallel: int = 2, threads: int = 0) -> ProgressHandler:
        """Runs them."""
        self.layout.root.mkdir(exist_ok=True)
        pipeline = tfx.dsl.Pipeline(
            pipeline_name="steps",
            pipeline_root=str(self.layout.artifacts),
            components=[*self.nodes.values()],
            enable_cache=True,
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(self.layout.metadata)
            ),
        )
        plan = Plan(parallel, dict.fromkeys(self.nodes, threads), alone=("Alone",))
        progress = ProgressHandler(Console(file=self.said, width=200), [*self.nodes], [])
        with listening(progress, verbose=False):
            DagRunner(plan, self.memory).run(pipeline)
        return progress

    def states(self) -> dict[str, str]:
        return {name: node.state for name, node in newest_run(self.layout, "none").items()}

    def answer(self, node_id: str) -> str:
        uri = newest_run(self.layout, "none")[node_id].outputs["made"]
        return Path(uri, "answer").read_text()

    def begun(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "begun").read_text().splitlines()]


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def test_what_does_not_wait_for_each_other_runs_at_once_and_what_measures_alone(steps: Steps) -> None:
    steps.add("First", "plain")
    steps.add("Left", "meet 2", "First")
    steps.add("Right", "meet 2", "First")
    steps.add("Alone.host", "look", "First")
    steps.add("Alone.phone", "look", "First")
    steps.add("Last", "plain", "Left", "Right", "Alone.host", "Alone.phone")
    progress = steps.run(parallel=3)
    assert set(steps.states().values()) == {"COMPLETE"}
    assert [steps.answer(name) for name in ("Alone.host", "Alone.phone")] == ["", ""]
    begun = steps.begun()
    assert begun[0] == "First" and set(begun[1:3]) == {"Left", "Right"} and begun[-1] == "Last"
    assert sorted(progress.executed) == sorted(begun) and set(progress.seconds) == set(begun)
    assert steps.memory.expected("Left") < 2 * _GIB, "it was measured"
    again = steps.run(parallel=3)
    assert again.executed == [] and sorted(again.cached) == sorted(begun)
    assert set(steps.states().values()) == {"CACHED"} and steps.begun() == begun


class Taking(NodeProcess):
    """A node that runs and takes nothing yet."""

    resident_bytes = 0


@pytest.mark.parametrize(
    ("parallel", "gib", "running", "begins"),
    [
        (2, 64.0, [], "One"),
        (2, 64.0, ["Zero"], "One"),
        (1, 64.0, ["Zero"], ""),
        (2, 4.4, ["Zero"], ""),  # two unknown ones may take 2 GiB each, and half a one is spared
        (2, 4.6, ["Zero"], "One"),
        (2, 0.1, [], "One"),  # alone it may try
        (2, 64.0, ["Alone.host"], ""),
    ],
)
def test_no_more_nodes_than_were_asked_for_or_than_fit_into_memory(
    tmp_path: Path, parallel: int, gib: float, running: list[str], begins: str
) -> None:
    memory = NodeMemory(tmp_path / "memory.json", lambda: int(gib * _GIB))
    runner = DagRunner(Plan(parallel, alone=("Alone",)), memory)
    waiting: dict[str, set[str]] = {"Alone.phone": set(), "Later": {"One"}, "One": set()}
    assert runner._next(waiting, {name: Taking(name, Share(1)) for name in running}) == begins


@pytest.mark.parametrize(
    ("parallel", "threads", "candidates", "processors", "expected"),
    [
        ("auto", "auto", 8, 2, (2, 1)),
        ("auto", "auto", 3, 16, (3, 5)),
        ("auto", "auto", 1, 4, (1, 4)),
        ("auto", "auto", 144, 64, (64, 1)),
        ("auto", 4, 8, 16, (4, 4)),
        (1, "auto", 8, 2, (1, 1)),
        (5, 2, 8, 2, (5, 2)),
    ],
)
def test_threads_depend_on_the_grid_and_the_machine_only(
    monkeypatch: pytest.MonkeyPatch,
    parallel: int | Literal["auto"],
    threads: int | Literal["auto"],
    candidates: int,
    processors: int,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr(dag_runner, "usable_processors", lambda: processors)
    names = [f"c{number}" for number in range(candidates)]
    nodes = ["TeacherTrainer", "NossEvaluator.teacher", *(f"StudentTrainer.{name}" for name in names)]
    plan = plan_of(ExecutionSettings(parallel=parallel, threads=threads), names, nodes)
    assert (plan.parallel, plan.threads["StudentTrainer.c0"]) == expected
    assert plan.threads["TeacherTrainer"] == plan.threads["NossEvaluator.teacher"] == processors


def test_a_failed_node_ends_the_others_and_the_same_pipeline_goes_on(steps: Steps) -> None:
    steps.add("Before", "plain")
    steps.add("Bad", "fail Long", "Before")
    steps.add("Long", "hang", "Before")
    steps.add("After", "plain", "Bad")
    with pytest.raises(RuntimeError, match="Bad cannot go on") as failed:
        steps.run()
    assert reason(failed.value) == "[Errno 28] No space left on device: 'shard'"
    assert full_disk(failed.value, None), "what it was raised from came along"
    # As if it had been killed: nobody says that it failed.
    assert steps.states() == {"Before": "COMPLETE", "Bad": "FAILED", "Long": "RUNNING"}
    until(functools.partial(_is_gone, int((steps.folder / "child-Long").read_text())))
    assert "Long is interrupted: Bad failed" in steps.said.getvalue()

    steps.nodes.clear()
    steps.add("Before", "plain")
    steps.add("Bad", "plain", "Before")
    steps.add("Long", "plain", "Before")
    steps.add("After", "plain", "Bad")
    assert steps.run().cached == ["Before"]
    assert steps.states() == {"Before": "CACHED", **dict.fromkeys(("Bad", "Long", "After"), "COMPLETE")}


def test_a_closed_gate_comes_back_as_it_was_raised(steps: Steps) -> None:
    steps.add("Gate", "close")
    with pytest.raises(GateClosed, match="phone: gone") as closed:
        steps.run()
    assert closed.value.folder == steps.folder


def test_a_node_that_the_system_kills_is_named(steps: Steps) -> None:
    steps.add("Big", "die")
    with pytest.raises(NodeDied, match=r"SIGKILL.*execution\.parallel"):
        steps.run()
    assert steps.states() == {"Big": "FAILED"}


def test_an_interrupt_ends_all_nodes_and_what_they_started(steps: Steps) -> None:
    steps.add("Left", "hang")
    steps.add("Right", "hang")
    children = [steps.folder / f"child-{name}" for name in steps.nodes]

    def interrupt() -> None:
        until(lambda: all(child.is_file() and child.read_text() for child in children))
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        steps.run()
    interrupter.join()
    pids = [int(line.split()[1]) for line in (steps.folder / "begun").read_text().splitlines()]
    for pid in (*pids, *(int(child.read_text()) for child in children)):
        until(functools.partial(_is_gone, pid))
    assert steps.states() == {"Left": "RUNNING", "Right": "RUNNING"}


_HANGING = """
import sys
from pathlib import Path
from tests.pipeline.local.test_dag_runner import Steps

steps = Steps(Path(sys.argv[1]))
steps.add("Left", "hang")
steps.add("Right", "hang")
steps.run()
"""


def test_nodes_do_not_outlive_a_run_that_is_killed(tmp_path: Path) -> None:
    run = start_python(["-c", _HANGING, tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = [tmp_path / "shared" / f"child-{name}" for name in ("Left", "Right")]
    until(lambda: all(child.is_file() and child.read_text() for child in children))
    os.kill(run.pid, signal.SIGKILL)
    try:
        for line in (tmp_path / "shared" / "begun").read_text().splitlines():
            until(functools.partial(_is_gone, int(line.split()[1])))
    finally:
        for child in children:  # what a node starts outlives it, as always
            os.kill(int(child.read_text()), signal.SIGKILL)


def test_events_of_trainings_arrive_with_the_node_s_name_and_its_threads(steps: Steps) -> None:
    events: list[TrainingEvent] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if event := getattr(record, TrainingEvent.ATTRIBUTE, None):
                events.append(event)

    listener = Listener()
    logging.getLogger("tinytrill").addHandler(listener)
    logging.setLogRecordFactory(PlainRecord)
    try:
        steps.add("Trainer.a", "train")
        steps.add("Trainer.b", "train")
        steps.run(threads=3)
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
        logging.getLogger("tinytrill").removeHandler(listener)
    said = steps.said.getvalue()
    assert "Trainer.a: \\x1b[31mred training" in said and "\x1b" not in said, (
        "what a terminal obeys is escaped"
    )
    assert sorted(event.candidate_id for event in events) == ["Trainer.a", "Trainer.b"]
    assert steps.answer("Trainer.a") == steps.answer("Trainer.b") == "3 3"
