"""Training, conversion and evaluation that take no time, and end as they are told to.

How a step ends stands in a file ``endings/<step>.<candidate>`` below the launcher's folder: each line is one
execution, ``fail`` or ``die``; without one it succeeds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from tfx.dsl.components.base import base_executor

from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tflite_reports import TfliteReport

ROOT = "TINYTRILL_LAUNCHER_ROOT"
_PACKAGE = "tests.infra.kubeflow.small_steps"


class Died(BaseException):
    """Stands for a container that is ended: nothing of ours catches it."""


def described(**changed: str) -> str:
    """What the compiler tells a container of the steps."""
    return json.dumps(
        [
            {
                "node": "StudentTrainer",
                "executor": f"{_PACKAGE}.Trainer",
                "inputs": {"windows": "schemas.DistillationSet", "start": "schemas.StudentModel"},
                "outputs": {"model": "schemas.StudentModel"},
                "own": ["spec"],
                "parameters": {
                    "seed": 20,
                    "front_end": FrontEndSpec().to_parameter(),
                    "settings": changed.get("train", "{}"),
                },
            },
            {
                "node": "TfliteConverter",
                "executor": f"{_PACKAGE}.Converter",
                "inputs": {"model": "schemas.StudentModel", "windows": "schemas.DistillationSet"},
                "outputs": {"variants": "schemas.TfliteVariants"},
                "own": [],
                "parameters": {"settings": changed.get("convert", "{}")},
            },
            {
                "node": "NossEvaluator",
                "executor": f"{_PACKAGE}.Evaluator",
                "inputs": {"examples": "tfx.Examples", "variants": "schemas.TfliteVariants"},
                "outputs": {"report": "schemas.NossReport"},
                "own": [],
                "parameters": {"settings": changed.get("evaluate", "{}")},
            },
        ]
    )


class _Step(base_executor.BaseExecutor):
    name: ClassVar[str]

    def _begin(self, candidate_id: str) -> None:
        root = Path(os.environ[ROOT])
        with (root / "executed").open("a") as file:
            file.write(f"{self.name} {candidate_id}\n")
        endings = root / "endings" / f"{self.name}.{candidate_id}"
        lines = endings.read_text().splitlines() if endings.is_file() else []
        if lines:
            endings.write_text("\n".join(lines[1:]))
        if lines[:1] == ["fail"]:
            raise RuntimeError("wrapped") from ValueError(f"no luck with {candidate_id}")
        if lines[:1] == ["die"]:
            raise Died(candidate_id)


class Trainer(_Step):
    """Writes a description and a weight, which it starts from another's."""

    name = "train"

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        spec = StudentSpec.from_parameter(exec_properties["spec"])
        model = Path(output_dict["model"][0].uri)
        assert not list(model.iterdir())
        (model / "half").write_text("an attempt that dies here leaves this behind")
        self._begin(spec.candidate_id)
        start = input_dict.get("start")
        before = StudentInfo.load(start[0].uri).failure if start else ""
        told = {"failure": f"nothing to start from: {before}"} if before else {}
        StudentInfo(
            candidate_id=spec.candidate_id,
            spec=spec,
            front_end=FrontEndSpec.from_parameter(exec_properties["front_end"]),
            parameters=0 if before else 7,
            target_dim=4,
            target_variance_explained=0.5,
            seed=exec_properties["seed"],
            best_epoch=0,
            epochs=[],
            steps=1,
            windows_per_second=1.0,
            **told,
        ).save(model)
        begun = (Path(start[0].uri) / "weight").read_text() if start and not before else ""
        (model / "weight").write_text(f"{begun}{spec.candidate_id};")


class Converter(_Step):
    """Writes a report, and nothing for a candidate that failed."""

    name = "convert"

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        model = Path(input_dict["model"][0].uri)
        info = StudentInfo.load(model)
        self._begin(info.candidate_id)
        variants = Path(output_dict["variants"][0].uri)
        TfliteReport(
            candidate_id=info.candidate_id,
            failure=info.failure,
            spec=info.spec,
            front_end=info.front_end,
            parameters=info.parameters,
            variants=[],
        ).save(variants)
        if not info.failure:
            (variants / "file").write_text((model / "weight").read_text() + exec_properties["settings"])


class Evaluator(_Step):
    """Says what it was given."""

    name = "evaluate"

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        variants = Path(input_dict["variants"][0].uri)
        report = TfliteReport.load(variants)
        self._begin(report.candidate_id)
        said = (variants / "file").read_text() if not report.failure else f"nothing: {report.failure}"
        (Path(output_dict["report"][0].uri) / "said").write_text(said + exec_properties["settings"])
