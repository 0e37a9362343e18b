"""Tasks, components and executors of a specification."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from components.common.tfx.input_keys import number_of, role_of
from pipeline.kubeflow.containers import Command, Part, make_part, roles, task_command
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings
from pipeline.kubeflow.specification import (
    Specification,
    Wiring,
    constant,
    from_task,
    parameter_from_run,
    parameter_from_task,
    task_specification,
)
from tests.pipeline.kubeflow.made_up_branches import students, trainer


def part(argument: str = "a", **settings: Any) -> Part:
    return make_part(
        KubeflowSettings(),
        TaskSettings.model_validate(settings),
        Command("module", (argument,)),
        inputs={"examples": "tfx.Examples"},
        outputs={"model": "schemas.StudentModel"},
        parameters={"seed": "NUMBER_INTEGER"},
        output_parameters=["digest"],
    )


def test_equal_components_are_kept_once() -> None:
    specification = Specification()
    assert specification.add_part("a", part()) == "comp-a"
    assert specification.add_part("b", part()) == "comp-a"
    assert specification.add_part("a", part("other")) == "comp-a-2"
    # The same container on other nodes: Kubernetes' part belongs to the component.
    assert specification.add_part("a", part(node_selector={"gpu": "yes"})) == "comp-a-3"
    assert {label: one.node_selector for label, one in specification.settings.items()} == {
        "exec-a": None,
        "exec-a-2": None,
        "exec-a-3": {"gpu": "yes"},
    }


def test_one_container_with_two_interfaces_is_refused() -> None:
    specification = Specification()
    specification.add_part("a", part())
    with pytest.raises(ValueError, match="b and a have the same container, but not the same interface"):
        specification.add_part("b", replace(part(), component={"inputDefinitions": {}}))


def test_a_component_says_what_comes_in_and_out() -> None:
    component = json_format.ParseDict(dict(part().component), pipeline_spec_pb2.ComponentSpec())
    assert component.input_definitions.artifacts["examples"].artifact_type.schema_title == "tfx.Examples"
    assert component.input_definitions.parameters["seed"].parameter_type == (
        pipeline_spec_pb2.ParameterType.NUMBER_INTEGER
    )
    assert (
        component.output_definitions.artifacts["model"].artifact_type.schema_title == "schemas.StudentModel"
    )
    assert component.output_definitions.parameters["digest"].parameter_type == (
        pipeline_spec_pb2.ParameterType.STRING
    )


def test_what_is_unset_is_not_written() -> None:
    bare = make_part(KubeflowSettings(), TaskSettings(), Command("module"), {}, {}, {})
    assert set(bare.executor["container"]) == {"image", "command", "args"}
    assert bare.executor["container"]["command"] == ["python", "-m", "module"]
    assert set(bare.component) == {"inputDefinitions"}


def test_a_task_waits_for_those_it_takes_something_from_and_those_it_is_told_to() -> None:
    wiring = Wiring(
        {"b": from_task("ingest", "examples"), "a": from_task("ingest", "report")},
        {
            "later": parameter_from_task("open-run", "digest"),
            "given": parameter_from_run("data_root"),
            "known": constant(3),
        },
        frozenset({"validator", "ingest"}),
    )
    task = task_specification("name", "comp-a", wiring, TaskSettings(retries=3), cache=True)
    assert task["dependentTasks"] == ["ingest", "open-run", "validator"]
    assert list(task["inputs"]["artifacts"]) == ["a", "b"]
    assert task["retryPolicy"]["maxRetryCount"] == 3
    json_format.ParseDict(task, pipeline_spec_pb2.PipelineTaskSpec())

    bare = task_specification("name", "comp-a", Wiring(), TaskSettings(retries=0))
    assert bare == {"taskInfo": {"name": "name"}, "componentRef": {"name": "comp-a"}, "cachingOptions": {}}


@pytest.mark.parametrize(
    ("settings", "least_s"),
    [
        # Two retries of a day each, and the waits between them: 60 s and 120 s.
        (TaskSettings(retries=2, retry_seconds=60, retry_factor=2, timeout_seconds=86400), 3 * 86400 + 180),
        (TaskSettings(retries=1, timeout_seconds=600), 2 * 600),
        # 10 s, 30 s, 90 s, 270 s.
        (TaskSettings(retries=4, retry_seconds=10, retry_factor=3, timeout_seconds=1), 5 + 400),
        # Without a limit a training may take weeks.
        (TaskSettings(retries=2), 3 * 28 * 86400),
        (TaskSettings(retries=20, retry_seconds=60, retry_factor=2), 60 * (2**20 - 1)),
    ],
)
def test_the_time_for_retries_is_enough_for_all_of_them(settings: TaskSettings, least_s: int) -> None:
    policy = task_specification("name", "comp-a", Wiring(), settings)["retryPolicy"]
    longest = int(policy["backoffMaxDuration"].removesuffix("s"))
    # A pod that waits for a node for a week is within it, too; Kubernetes takes no longer limit than this.
    assert least_s + 7 * 86400 <= longest <= 2**31 - 1
    # Argo reads it as a whole number and fails the task otherwise.
    assert policy["backoffFactor"] == int(policy["backoffFactor"]) >= 1


def test_longer_than_kubernetes_takes_is_cut() -> None:
    settings = TaskSettings(retries=20, retry_seconds=86400, retry_factor=10)
    policy = task_specification("name", "comp-a", Wiring(), settings)["retryPolicy"]
    assert policy["backoffMaxDuration"] == f"{2**31 - 1}s"


def test_inputs_of_all_candidates_are_one_role() -> None:
    assert role_of("variants_143") == "variants"
    assert (number_of("variants_143"), number_of("variants"), number_of("span_3")) == (143, None, None)
    assert role_of("teacher_report") == "teacher_report"
    assert roles({"noss_000": "A", "noss_143": "A", "teacher": "B"}) == {"noss": "A", "teacher": "B"}


def test_a_command_tells_what_is_known_now() -> None:
    task = trainer(students(1)[0], note="a")
    command = task_command(task, "/scratch/run", ["data_root", "teacher"], {"student": "model"})
    given = dict(zip(command.arguments[::2], command.arguments[1::2], strict=True))
    assert command.module == "infra.kubeflow.entrypoint"
    assert given["--node"] == "StudentTrainer"
    assert given["--task"] == "{{$}}"
    assert given["--values"] == "data_root,teacher"
    assert given["--shares"] == "student"
    assert json.loads(given["--types"]) == {"windows": "schemas.DistillationSet"}
    assert json.loads(given["--outputs"]) == {"model": "schemas.StudentModel"}
    # Integers stay integers: Kubeflow's own parameters would make them fractions.
    assert json.loads(given["--parameters"]) == {**task.parameters, "seed": 20}


def test_an_entry_of_what_a_task_found_out_may_be_missing() -> None:
    found = parameter_from_task("open-run", "failures", "small-w0.5")
    assert found == {
        "taskOutputParameter": {"producerTask": "open-run", "outputParameterKey": "failures"},
        "parameterExpressionSelector": (
            '"small-w0.5" in parseJson(string_value) ? parseJson(string_value)["small-w0.5"] : ""'
        ),
    }
    json_format.ParseDict(found, pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec())
