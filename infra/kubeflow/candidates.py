"""Trains, converts and evaluates a share of the candidates, one after the other, in one container.

python -m infra.kubeflow.candidates --steps STEPS --task EXECUTOR_INPUT …

Each step of each candidate is done for itself: a pod that is started again, in this run or in a later one
that needs the same, goes on behind the last that is finished. A candidate that fails in all its attempts is
written down as failed, as one is whose training diverges, and the run continues without it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.kubeflow.attempts import Attempts, note_failures
from infra.kubeflow.container_task import ContainerTask, GivenArtifact, TaskError
from infra.kubeflow.execution import Execution
from infra.kubeflow.failed_candidate import write_down
from infra.kubeflow.finished_steps import FinishedSteps, Step
from infra.kubeflow.outcome import REFUSED_ERRORS, reporting
from infra.kubeflow.run_context import inside, shared_folder
from infra.kubeflow.shares import place_of
from pipeline.kubeflow.run_ends import STUDENTS
from pipeline.kubeflow.run_values import apply
from pipeline.terminal.reason import reason
from schemas.students import StudentSpec

log = logging.getLogger("tinytrill.kubeflow")

_SPEC, _START, _MODEL = "spec", "start", "model"
_DIED = (
    "the container was ended {count} times while it did this, most likely for want of memory: see "
    "kubeflow.tasks.StudentTrainer.memory_limit"
)


class Share:
    """The candidates of one container.

    Attributes:
      name: What notes on its failures are called by: its first candidate.
    """

    def __init__(
        self,
        task: ContainerTask,
        described: Sequence[Mapping[str, Any]],
        finished: FinishedSteps,
        attempts: Attempts,
        beam_args: Sequence[str] = (),
    ) -> None:
        """Reads who they are.

        Args:
          task: Its inputs are what all candidates need, its outputs get a folder for each.
          described: Training, conversion and evaluation, as the compiler describes them.
          finished: Steps that were done before.
          attempts: At candidates.
          beam_args: Options of Beam.

        Raises:
          TaskError: If the candidates cannot be read.
        """
        try:
            given = json.loads(str(task.parameters[STUDENTS]))
            students = {int(number): StudentSpec.model_validate(one) for number, one in given.items()}
            # JSON's keys are in the order of words, in which 10 comes before 2, which it may start from.
            self._students = dict(sorted(students.items()))
            self._numbers = {one.candidate_id: number for number, one in self._students.items()}
            self.name = next(iter(self._numbers))
        except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
            raise TaskError(f"parameter {STUDENTS} holds no candidates by their numbers: {error}") from None
        self._task, self._described, self._beam_args = task, described, beam_args
        self._finished, self._attempts = finished, attempts

    def run(self) -> bool:
        """Does all steps of all candidates; returns whether any was written down as failed.

        Raises:
          Exception: Of a candidate that is to be tried again.
        """
        # All, also behind one that failed.
        return any([self._candidate(number, student) for number, student in self._students.items()])

    def _candidate(self, number: int, student: StudentSpec) -> bool:
        steps = [self._step(one, number, student) for one in self._described]
        done = 0
        while done < len(steps) and self._finished.take(steps[done]):
            log.info("%s: %s was done before", student.candidate_id, steps[done].node)
            done += 1
        if done == len(steps):
            return False
        before = self._attempts.begin(student.candidate_id)
        failure = before.failure
        if not failure and before.count >= self._attempts.most:
            failure = f"{steps[done].node}: {_DIED.format(count=before.count)}"
        if not failure:
            try:
                for step in steps[done:]:
                    log.info("%s: %s", student.candidate_id, step.node)
                    step.run()
                    self._finished.keep(step)
                    done += 1
                self._attempts.succeed(student.candidate_id)
                return False
            except REFUSED_ERRORS:
                raise
            except Exception as error:
                if not self._attempts.is_last(before):
                    raise
                log.exception("%s: %s failed for the last time", student.candidate_id, steps[done].node)
                failure = f"{steps[done].node}: {reason(error)}"
        log.warning("%s is written down as failed: %s", student.candidate_id, failure)
        self._attempts.give_up(student.candidate_id, failure)
        write_down(steps, done, student, failure)
        return True

    def _step(self, described: Mapping[str, Any], number: int, student: StudentSpec) -> Step:
        inputs: dict[str, GivenArtifact] = {}
        for key in described["inputs"]:
            if key in self._task.outputs:
                inputs[key] = place_of(self._task.outputs[key], number)
            elif key in self._task.inputs:
                inputs[key] = self._task.inputs[key]
            elif key == _START and student.warm_start:
                # It is of this share, and comes before.
                inputs[key] = place_of(self._task.outputs[_MODEL], self._numbers[student.warm_start])
        properties = apply(described["parameters"], self._task.values)
        if _SPEC in described["own"]:
            properties[_SPEC] = student.to_parameter()
        execution = Execution(
            described["executor"],
            described["inputs"],
            described["outputs"],
            Path(self._task.output_file).parent,
            self._beam_args,
        )
        outputs = {key: place_of(self._task.outputs[key], number) for key in described["outputs"]}
        return Step(described["node"], execution, inputs, outputs, properties)


def execute(options: argparse.Namespace, beam_args: Sequence[str]) -> None:
    """Executes the task.

    Args:
      options: Of the command line.
      beam_args: Options of Beam.

    Raises:
      TaskError: If the task does not fit.
      RunValueError: If a run-time parameter cannot be used.
      Exception: Of a candidate that is to be tried again.
    """
    described = json.loads(options.steps)
    made = {key for one in described for key in one["outputs"]}
    task = ContainerTask.parse(options.task, made)
    task.prepare()
    run_folder = Path(options.run_folder)
    shared = shared_folder(run_folder, options.run_id)
    finished = FinishedSteps(run_folder / "steps" if shared else None)
    attempts = Attempts(shared / "attempts" if shared else None, options.attempts)
    with inside(run_folder, options.run_id):
        share = Share(task, described, finished, attempts, beam_args)
        failed = share.run()
    finished.tidy()
    note_failures(run_folder, share.name, options.run_id, failed)
    task.tell({})


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.kubeflow.candidates", allow_abbrev=False)
    for name, what in (
        ("steps", "training, conversion and evaluation, as JSON"),
        ("task", "ExecutorInput as JSON"),
        ("run-id", "Kubeflow's id of the run"),
        ("run-folder", "folder of the run that pods share"),
        ("values", "run-time parameters that the task is given"),
    ):
        parser.add_argument(f"--{name}", required=True, help=what)
    parser.add_argument("--attempts", type=int, default=1, help="how often a candidate is tried")
    options, beam_args = parser.parse_known_args(arguments)
    with reporting("Candidates") as outcome:
        execute(options, beam_args)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
