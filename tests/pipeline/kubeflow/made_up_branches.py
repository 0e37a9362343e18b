"""Tasks of made-up candidates, as TFX would describe them: no TFX is needed."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.kubeflow.candidates import Candidate, Step
from pipeline.kubeflow.containers import make_part, task_command
from pipeline.kubeflow.run_values import CHANNEL, IMAGE
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings
from pipeline.kubeflow.tasks import Source, Task

KUBEFLOW = KubeflowSettings()
WINDOWS = Source("TeacherEmbedder", "windows")


def trainer(name: str, start: str = "", **parameters: str | int) -> Task:
    """A trainer that starts from nothing, or from another candidate."""
    inputs = {"windows": WINDOWS}
    types = {"windows": "schemas.DistillationSet"}
    if start:
        inputs["start"], types["start"] = Source(f"StudentTrainer.{start}", "model"), "schemas.StudentModel"
    return Task(
        node_id=f"StudentTrainer.{name}",
        executor="components.student_trainer.executor.Executor",
        inputs=inputs,
        input_types=types,
        outputs={"model": "schemas.StudentModel"},
        parameters={"spec": f"spec of {name}", "seed": 20, **parameters},
    )


def converter(name: str, of: str = "") -> Task:
    """Takes the trainer's model, or another candidate's, and the windows too."""
    return Task(
        node_id=f"TfliteConverter.{name}",
        executor="components.tflite_converter.executor.Executor",
        inputs={"model": Source(f"StudentTrainer.{of or name}", "model"), "windows": WINDOWS},
        input_types={"model": "schemas.StudentModel", "windows": "schemas.DistillationSet"},
        outputs={"variants": "schemas.TfliteVariants"},
        parameters={"settings": "{}"},
    )


def step(task: Task, settings: TaskSettings | None = None) -> Step:
    """The task with its component."""
    types: Mapping[str, str] = {
        name: "NUMBER_INTEGER" if isinstance(value, int) else "STRING"
        for name, value in task.parameters.items()
    }
    part = make_part(
        KUBEFLOW,
        settings or TaskSettings(),
        task_command(task, "/scratch/run", (), {}),
        task.input_types,
        task.outputs,
        {**types, f"{CHANNEL}{IMAGE}": "STRING"},
    )
    return Step(task, part, cache=True)


def candidate(name: str, start: str = "", **parameters: str | int) -> Candidate:
    """A trainer and a converter."""
    return Candidate(name, (step(trainer(name, start, **parameters)), step(converter(name))))
