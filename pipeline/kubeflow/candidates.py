"""Which task trains which candidates.

A candidate is trained, converted and evaluated in one container. As many containers as are wanted at the same
time share the grid: up to so many candidates have one each, and of a larger grid each works through its
share. So the graph of tasks stays small, as it must: Kubeflow's driver is given the whole of it as one
argument of at most 128 KiB, a pod all its inputs as another, and the gate takes three artifacts a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.configuration.grid import families
from pipeline.kubeflow.containers import Command, compact, in_run
from pipeline.kubeflow.run_ends import STUDENTS
from pipeline.kubeflow.tasks import Source, Task
from schemas.students import StudentSpec

CANDIDATES_MODULE = "infra.kubeflow.candidates"
TRAINER = "StudentTrainer"
STEPS = (TRAINER, "TfliteConverter", "NossEvaluator")
# Of the trainer: which candidate it is.
_SPEC, _START = "spec", "start"


@dataclass(frozen=True)
class Share:
    """The candidates of one task.

    Attributes:
      node_id: Stands for them: ``Candidate.tiny-w0.5`` alone, ``Candidates.03`` for several.
      students: By their numbers in the grid, each after the one that it starts from.
    """

    node_id: str
    students: Mapping[int, StudentSpec]

    @property
    def name(self) -> str:
        """What notes on its failures are called by."""
        return next(iter(self.students.values())).candidate_id

    @property
    def parameters(self) -> dict[str, str]:
        """What the task is given to know who they are."""
        told = {str(number): one.model_dump(mode="json") for number, one in self.students.items()}
        return {STUDENTS: compact(told)}


def divide(students: Sequence[StudentSpec], most: int) -> list[Share]:
    """Deals candidates out; what starts from another candidate goes with it.

    Neighbours in a grid take about as long, and are dealt to different shares.

    Args:
      students: All, each after the one that it starts from.
      most: Shares at most.
    """
    number = {one.candidate_id: place for place, one in enumerate(students)}
    together = list(families(students).values())
    dealt: list[dict[int, StudentSpec]] = [{} for _ in range(min(most, len(together)))]
    for turn, family in enumerate(together):
        dealt[turn % len(dealt)] |= {number[one.candidate_id]: one for one in family}
    return [_share(place, members) for place, members in enumerate(dealt)]


def _share(place: int, members: Mapping[int, StudentSpec]) -> Share:
    first = next(iter(members.values()))
    alone = f"Candidate.{first.candidate_id}"
    return Share(alone if len(members) == 1 else f"Candidates.{place + 1:02d}", members)


@dataclass(frozen=True)
class Steps:
    """What is done with every candidate.

    Attributes:
      tasks: Training, conversion and evaluation, of any candidate.
    """

    tasks: Sequence[Task]

    @classmethod
    def of(cls, tasks: Mapping[str, Task], candidate_ids: Iterable[str]) -> Steps:
        """The steps of all candidates.

        Args:
          tasks: Of the pipeline, by node.
          candidate_ids: All candidates.

        Raises:
          ValueError: If a candidate's steps differ from the others' in more than its description.
        """
        found = [cls([tasks[f"{step}.{one}"] for step in STEPS]) for one in candidate_ids]
        told = [one.described() for one in found]
        if odd := next((one for one, other in zip(found, told, strict=True) if other != told[0]), None):
            raise ValueError(f"{odd.tasks[0].node_id} is not as the other candidates: their steps are shared")
        return found[0]

    def described(self) -> list[dict[str, Any]]:
        """What the container is told of each step."""
        for task in self.tasks:
            if task.digests:
                raise ValueError(f"{task.node_id} waits for {', '.join(task.digests)}: candidates cannot")
        return [
            {
                "node": task.component,
                "executor": task.executor,
                "inputs": {
                    **{key: kind for key, kind in task.input_types.items() if key != _START},
                    **({_START: self._model_type} if task.component == TRAINER else {}),
                },
                "outputs": dict(task.outputs),
                "own": [_SPEC] if task.component == TRAINER else [],
                "parameters": {
                    key: value
                    for key, value in task.parameters.items()
                    if key != _SPEC or task.component != TRAINER
                },
            }
            for task in self.tasks
        ]

    @property
    def _model_type(self) -> str:
        (kind,) = self.tasks[0].outputs.values()
        return kind

    @property
    def outputs(self) -> dict[str, str]:
        """Types of the artifacts of all steps: no two have the same name."""
        return {key: kind for task in self.tasks for key, kind in task.outputs.items()}

    @property
    def inputs(self) -> dict[str, Source]:
        """What the steps take from other tasks."""
        return {
            key: source
            for task in self.tasks
            for key, source in task.inputs.items()
            if key != _START and source.node_id not in {one.node_id for one in self.tasks}
        }

    @property
    def input_types(self) -> dict[str, str]:
        """Types of :attr:`inputs`."""
        types = {key: kind for task in self.tasks for key, kind in task.input_types.items()}
        return {key: types[key] for key in self.inputs}

    def command(self, run_folder: str, values: Sequence[str], attempts: int) -> Command:
        """What the containers of all shares run.

        Args:
          run_folder: Of the run, as pods see it.
          values: Names of the run-time parameters it is given.
          attempts: How often a candidate is tried.
        """
        arguments = (
            *("--steps", compact(self.described())),
            *("--task", "{{$}}"),
            *in_run(run_folder),
            *("--values", ",".join(values)),
            *("--attempts", str(attempts)),
        )
        return Command(CANDIDATES_MODULE, (*arguments, *self.tasks[0].beam_args))
