"""What launchers tell a container, as it was recorded of each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from infra.kubeflow.container_task import ContainerTask, TaskError
from infra.kubeflow.places import PlaceError

RECORDED = Path(__file__).parent / "launcher_inputs"


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.json").read_text(encoding="utf-8")


def local(text: str, folder: Path) -> str:
    """The same task with the files it is to write below a folder."""
    return re.sub("/(?:tmp)/kfp", lambda found: f"{folder}{found[0]}", text)


@pytest.mark.parametrize("name", ["kfp_s3", "kfp_minio", "vertex"])
def test_the_recordings_have_the_form_of_kubeflows_protocol_buffer(name: str) -> None:
    json_format.Parse(recorded(name), pipeline_spec_pb2.ExecutorInput())


def test_artifacts_without_a_type_and_numbers_as_fractions_as_kubeflow_sends_them(launcher: Path) -> None:
    task = ContainerTask.parse(recorded("kfp_s3"), {"windows"}, frozenset({"seed"}))
    # An optional one that is not there has no key.
    assert set(task.inputs) == {"examples"}
    examples = task.inputs["examples"]
    assert examples.uri == f"{launcher}/s3/mlpipeline/v2/artifacts/demo/7d1ad1ec/audio-ingest/5c1f/examples"
    assert examples.name == "41"
    assert examples.metadata["split_names"] == '["train", "eval"]'
    assert task.outputs["windows"].uri.startswith(f"{launcher}/s3/mlpipeline/")
    assert task.parameters == {
        "code_digest": "1890000854fc79f8",
        "seed": 20,
        "settings": '{"batch_size": 64, "teacher": {"kind": "trained"}}',
    }
    assert isinstance(task.parameters["seed"], int)
    assert task.values == {"image": "tinytrill:0.1.0", "teacher": "", "teacher_root": "/models"}
    assert task.output_file == "/tmp/kfp_outputs/output_metadata.json"


def test_parameters_that_a_task_finds_out_have_files(launcher: Path) -> None:
    task = ContainerTask.parse(recorded("kfp_minio"), {"bundle"})
    assert task.inputs == {}
    assert (
        task.outputs["bundle"].uri
        == f"{launcher}/minio/mlpipeline/v2/artifacts/demo/7d1ad1ec/bundle/11aa/bundle"
    )
    assert task.output_parameters == {
        name: f"/tmp/kfp/outputs/{name}" for name in ("digest_registry", "digest_teacher")
    }


def test_typed_artifacts_and_values_as_vertex_ai_sends_them(launcher: Path) -> None:
    task = ContainerTask.parse(recorded("vertex"), integers=frozenset({"seed"}))
    assert task.parameters == {"seed": 20, "share": 0.25, "settings": '{"batch_size": 64}'}
    # Whole numbers come as strings there, and say that they are numbers.
    assert ContainerTask.parse(recorded("vertex")).parameters["seed"] == 20
    assert task.values == {"data_root": "gs://sound"}
    assert task.inputs["examples"].uri.startswith(f"{launcher}/gcs/runs/pipeline_root/")
    assert task.output_file == (
        f"{launcher}/gcs/runs/pipeline_root/1/demo-20240101/TeacherEmbedder_-43/executor_output.json"
    )


@pytest.mark.parametrize("name", ["kfp_s3", "kfp_minio", "vertex"])
def test_the_folders_of_what_is_written_are_made_and_the_artifacts_are_not(name: str, launcher: Path) -> None:
    task = ContainerTask.parse(local(recorded(name), launcher), {"windows", "bundle"})
    task.prepare()
    task.prepare()
    for place in (
        task.output_file,
        *task.output_parameters.values(),
        *(a.uri for a in task.outputs.values()),
    ):
        assert Path(place).parent.is_dir()
        assert not Path(place).exists()


def test_what_is_told_back_has_remote_addresses_metadata_and_parameters(launcher: Path) -> None:
    task = ContainerTask.parse(local(recorded("kfp_minio"), launcher), {"bundle"})
    task.prepare()
    task.tell({"bundle": {"count": 12}}, {"digest_teacher": "abc\n", "unknown to the pipeline": "d"})
    told = json.loads(Path(task.output_file).read_text(encoding="utf-8"))
    assert told["artifacts"] == {
        "bundle": {
            "artifacts": [
                {
                    "uri": "minio://mlpipeline/v2/artifacts/demo/7d1ad1ec/bundle/11aa/bundle",
                    "metadata": {"count": 12},
                }
            ]
        }
    }
    assert Path(task.output_parameters["digest_teacher"]).read_text(encoding="utf-8") == "abc\n"
    assert not Path(task.output_parameters["digest_registry"]).exists()
    # The launcher reads it by this protocol buffer, and knows no others than were announced.
    json_format.ParseDict(told, pipeline_spec_pb2.ExecutorOutput())
    assert told["parameterValues"] == {"digest_teacher": "abc\n"}


@pytest.mark.parametrize("name", ["kfp_s3", "kfp_minio"])
def test_the_log_that_kubeflow_adds_to_the_outputs_is_left_to_the_launcher(name: str, launcher: Path) -> None:
    text = local(recorded(name), launcher)
    declared = {"kfp_s3": "windows", "kfp_minio": "bundle"}[name]
    task = ContainerTask.parse(text, {declared})
    assert set(task.outputs) == {declared}
    task.prepare()
    task.tell({})
    assert set(json.loads(Path(task.output_file).read_text())["artifacts"]) == {declared}
    # A component that makes no artifact, as the run's first task, has the log among its outputs too.
    assert ContainerTask.parse(text).outputs == {}
    # Wherever the log lies: the component has no business there.
    assert set(ContainerTask.parse(_log_elsewhere(text), {declared}).outputs) == {declared}


def _log_elsewhere(text: str) -> str:
    told = json.loads(text)
    told["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]["uri"] = "hdfs://somewhere/else"
    return json.dumps(told)


def test_names_of_the_metadata_store_are_told_back(launcher: Path) -> None:
    task = ContainerTask.parse(recorded("vertex"), {"windows"})
    task.prepare()
    task.tell({})
    (windows,) = json.loads(Path(task.output_file).read_text())["artifacts"]["windows"]["artifacts"]
    assert windows == {
        "name": "projects/1/locations/eu/metadataStores/default/artifacts/78",
        "uri": "gs://runs/pipeline_root/1/demo-20240101/TeacherEmbedder_-43/windows",
        "metadata": {},
    }


def _changed(change: Callable[[Any], object]) -> str:
    told = json.loads(recorded("kfp_s3"))
    change(told)
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{$}}", "the task is not JSON"),
        ('{"inputs": {}', "the task is not JSON"),
        ("[]", "not an ExecutorInput: it has no 'outputs'"),
        ('{"inputs": {}}', "not an ExecutorInput: it has no 'outputs'"),
        (
            _changed(lambda told: told["inputs"]["artifacts"].update(examples=[])),
            "the task is not an ExecutorInput: AttributeError",
        ),
        (
            _changed(lambda told: told["outputs"].update(parameters={"digest": {}})),
            "the task is not an ExecutorInput: KeyError: 'outputFile'",
        ),
        (
            _changed(lambda told: told["inputs"]["artifacts"]["examples"]["artifacts"].append({"uri": "/a"})),
            "examples has 2 artifacts; accepted: one",
        ),
        (
            _changed(lambda told: told["inputs"]["parameterValues"].update(seed=0.5)),
            "parameter seed is 0.5; accepted: a whole number",
        ),
        (
            _changed(lambda told: told["inputs"]["parameterValues"].update(seed="many")),
            "parameter seed is 'many'; accepted: a whole number",
        ),
        (
            _changed(lambda told: told.update(inputs={"parameters": {"seed": {"boolValue": True}}})),
            "parameter seed has no value that is a string or a number",
        ),
    ],
)
def test_what_is_no_task_is_refused(text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ContainerTask.parse(text, integers=frozenset({"seed"}))


def test_an_artifact_that_no_launcher_brings_is_refused() -> None:
    with pytest.raises(PlaceError, match=r"hdfs://mlpipeline/.*: accepted: minio://"):
        ContainerTask.parse(recorded("kfp_s3").replace("s3://", "hdfs://"))
