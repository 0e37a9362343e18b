"""Tasks of made-up candidates: no TFX is needed."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.kubeflow.tasks import Source, Task
from schemas.students import StudentSpec

WINDOWS = Source("TeacherEmbedder", "windows")
_PLAIN = StudentSpec.model_validate(
    {"architecture": {"name": "mobilenet_v3", "size": "tiny", "width": 0.5}, "embedding_width": 8}
)


def students(count: int) -> list[StudentSpec]:
    """So many students that differ in width."""
    return [_PLAIN.model_copy(update={"embedding_width": 8 + number}) for number in range(count)]


def started(student: StudentSpec, rank: int = 4) -> StudentSpec:
    """A student that starts from another."""
    return student.model_copy(update={"svd_rank": rank, "warm_start": student.candidate_id})


def trainer(student: StudentSpec, **parameters: str | int) -> Task:
    """A trainer that starts from nothing, or from another candidate."""
    inputs = {"windows": WINDOWS}
    types = {"windows": "schemas.DistillationSet"}
    if student.warm_start:
        inputs["start"] = Source(f"StudentTrainer.{student.warm_start}", "model")
        types["start"] = "schemas.StudentModel"
    return Task(
        node_id=f"StudentTrainer.{student.candidate_id}",
        executor="components.student_trainer.executor.Executor",
        inputs=inputs,
        input_types=types,
        outputs={"model": "schemas.StudentModel"},
        parameters={"spec": student.to_parameter(), "seed": 20, **parameters},
    )


def converter(student: StudentSpec) -> Task:
    """Takes the trainer's model, and the windows too."""
    name = student.candidate_id
    return Task(
        node_id=f"TfliteConverter.{name}",
        executor="components.tflite_converter.executor.Executor",
        inputs={"model": Source(f"StudentTrainer.{name}", "model"), "windows": WINDOWS},
        input_types={"model": "schemas.StudentModel", "windows": "schemas.DistillationSet"},
        outputs={"variants": "schemas.TfliteVariants"},
        parameters={"settings": "{}"},
    )


def evaluator(student: StudentSpec) -> Task:
    """Takes the variants, and the sounds of the tasks."""
    name = student.candidate_id
    return Task(
        node_id=f"NossEvaluator.{name}",
        executor="components.noss_evaluator.executor.Executor",
        inputs={
            "variants": Source(f"TfliteConverter.{name}", "variants"),
            "examples": Source("NossIngest", "examples"),
        },
        input_types={"variants": "schemas.TfliteVariants", "examples": "tfx.Examples"},
        outputs={"report": "schemas.NossReport"},
        parameters={"settings": "{}"},
    )


def tasks_of(given: Sequence[StudentSpec]) -> dict[str, Task]:
    """All steps of some candidates, by node."""
    made = [task for one in given for task in (trainer(one), converter(one), evaluator(one))]
    return {task.node_id: task for task in made}
