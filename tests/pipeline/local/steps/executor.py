"""What a step does; nothing here waits for a time to pass, only for what others do."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from pathlib import Path

from components.common.frontier.closed import GateClosed
from components.common.tfx.executors import TaskExecutor
from schemas.training_events import TrainingEvent
from tests.pipeline.local.steps.component import Step

PATIENCE_S = 300.0

log = logging.getLogger("tinytrill.step")


class Executor(TaskExecutor[Step]):
    """Does one word."""

    def run(self, task: Step) -> None:
        """Writes down that it runs, does its word, and writes what it made."""
        folder = Path(task.folder)
        with (folder / "begun").open("a") as begun:
            begun.write(f"{task.name} {os.getpid()}\n")
        running = folder / f"running-{task.name}"
        running.touch()
        try:
            word, _, argument = task.act.partition(" ")
            Path(task.made.uri, "answer").write_text(str(getattr(self, word)(folder, task.name, argument)))
        finally:
            running.unlink()

    def plain(self, folder: Path, name: str, argument: str) -> str:
        """Nothing."""
        return name

    def meet(self, folder: Path, name: str, argument: str) -> str:
        """Waits until as many steps as it is told run at once."""
        (folder / f"there-{name}").touch()
        self._until(lambda: len([*folder.glob("there-*")]) >= int(argument))
        return name

    def look(self, folder: Path, name: str, argument: str) -> str:
        """Says who else runs."""
        return " ".join(
            sorted(path.name for path in folder.glob("running-*") if path.name != f"running-{name}")
        )

    def fail(self, folder: Path, name: str, argument: str) -> str:
        """Fails as a component does, once the step that is named has begun."""
        self._until(lambda: not argument or argument in (folder / "begun").read_text())
        try:
            raise OSError(28, "No space left on device", "shard")
        except OSError as error:
            raise RuntimeError(f"{name} cannot go on") from error

    def close(self, folder: Path, name: str, argument: str) -> str:
        """Fails as the gate does."""
        from tests.pipeline.test_outcome import verdict_of

        raise GateClosed(verdict_of({"phone": ["gone"]}), [], folder)

    def die(self, folder: Path, name: str, argument: str) -> str:
        """Is killed, as by the system when memory runs out."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def hang(self, folder: Path, name: str, argument: str) -> str:
        """Goes on for ever, with a process of its own."""
        child = subprocess.Popen(["sleep", "1000"])
        (folder / f"child-{name}").write_text(str(child.pid))
        child.wait()
        raise AssertionError

    def train(self, folder: Path, name: str, argument: str) -> str:
        """Logs what a training does, and says with how many threads it would compute."""
        import tensorflow as tf
        from threadpoolctl import threadpool_info

        event = TrainingEvent(kind="began", candidate_id=name)
        log.info("\x1b[31mred training of %s begins", name, extra={TrainingEvent.ATTRIBUTE: event})
        blas = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        return f"{tf.config.threading.get_intra_op_parallelism_threads()} {max(blas)}"

    @staticmethod
    def _until(true: object) -> None:
        assert callable(true)
        end = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end, "the other step never came"
            time.sleep(0.02)
