"""What a configuration is compiled to: read by Kubeflow's own protocol buffers, held against the DAG."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError, load_config
from tests.pipeline.kubeflow.specifications import (
    Placed,
    check,
    container,
    containers,
    every_task,
    most_at_once,
    option,
    upstream,
)

pytestmark = pytest.mark.slow

STEPS = ("StudentTrainer", "TfliteConverter", "NossEvaluator")
# A cluster of somebody's: sound and teachers in folders, three devices, and a node for each demand.
FOLDERS = """
name: folders_run
description: Three students of a SavedModel.
corpus: {root: audioset, segments: {train: train.csv, eval: eval.csv}, labels: [/m/09x0r]}
noss: {root: noss}
distillation: {teacher: {kind: savedmodel, path: trill}}
evaluation: {references: [{kind: tflite, name: other, stages: [{file: other.tflite}]}]}
students: {sizes: [tiny], widths: [0.5, 1.0, 1.5]}
training: {epochs: 2}
latency:
  devices:
    host: {backend: host}
    phone: {backend: adb, serial: R5, benchmark_model: tools/benchmark_model}
    old: {backend: replay, report: records/old}
push: {tracking_uri: "http://mlflow.kubeflow:5000"}
kubeflow:
  image: registry.example/tinytrill:7
  image_pull_secrets: [registry]
  data: {claim: sound, path: /mnt/sound}
  scratch: {claim: "", path: /fast}
  secrets: [{name: hub, keys: {token: HF_TOKEN}}]
  parallel_candidates: 2
  defaults: {cpu: "1", memory: 4Gi, retries: 2, retry_seconds: 60, retry_factor: 2, environment: {A: all}}
  tasks:
    StudentTrainer:
      cpu: "4"
      memory_limit: 32Gi
      accelerator: {type: nvidia.com/gpu, count: 2}
      node_selector: {gpu: a100}
      tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
      timeout_seconds: 86400
      environment: {A: trainer, B: "1"}
    LatencyBenchmark: {retries: 0}
    LatencyBenchmark.host: {cpu_limit: "1", node_selector: {quiet: "yes"}}
    NossIngest: {cache: false}
"""


class Compiled:
    """A compiled file.

    Attributes:
      config: What it was compiled from.
      path: The file.
      specification: Its first document.
      platform: Its second.
    """

    def __init__(self, config: RunConfig, path: Path) -> None:
        from pipeline.kubeflow.compile import compile_pipeline

        compile_pipeline(config, path)
        self.config, self.path = config, path
        self.specification, self.platform = yaml.load_all(path.read_text(), yaml.CSafeLoader)
        self.ids = [one.candidate_id for one in config.students.expand()]

    @property
    def root(self) -> dict[str, Any]:
        return dict(self.specification["root"]["dag"]["tasks"])

    @property
    def containers(self) -> dict[tuple[str, ...], Placed]:
        return containers(self.specification)

    def kubernetes(self, *path: str) -> dict[str, Any]:
        label = self.containers[path].component["executorLabel"]
        executors = self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        return dict(executors[label])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine with places of its own."""
    folder = tmp_path_factory.mktemp("compiling-machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        patch.setenv("TINYTRILL_DATA_ROOT", str(folder / "sound-here"))
        patch.setenv("TINYTRILL_TEACHER_ROOT", str(folder / "teachers-here"))
        patch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.of-this-machine:5000")
        yield folder


@pytest.fixture(scope="module")
def demo(machine: Path) -> Compiled:
    return Compiled(load_config("demo"), machine / "demo.yaml")


@pytest.fixture(scope="module")
def folders(machine: Path) -> Compiled:
    (machine / "folders_run.yaml").write_text(FOLDERS)
    return Compiled(load_config(machine / "folders_run.yaml"), machine / "out" / "folders.yml")


@pytest.fixture(params=["demo", "folders"])
def compiled(request: pytest.FixtureRequest) -> Compiled:
    found: Compiled = request.getfixturevalue(request.param)
    return found


def test_kubeflow_reads_it_and_every_wire_has_two_ends(compiled: Compiled) -> None:
    from kfp import components

    check(compiled.specification, compiled.platform)
    assert compiled.specification["schemaVersion"] == "2.1.0"
    loaded = components.load_component_from_text(compiled.path.read_text())
    assert loaded.pipeline_spec.pipeline_info.name == compiled.config.name.replace("_", "-")
    assert set(loaded.component_spec.inputs or {}) == set(
        compiled.specification["root"]["inputDefinitions"]["parameters"]
    )


def test_every_node_of_the_dag_is_there_and_is_fed_as_there(compiled: Compiled) -> None:
    from pipeline.configuration.sources import DataDigests, resolve
    from pipeline.dag import create_pipeline
    from pipeline.kubeflow.names import task_name
    from pipeline.local.layout import RunLayout

    layout = RunLayout(Path("/scratch"))
    config = resolve(compiled.config, layout)
    digests = DataDigests(references={"other": ""})
    nodes = {node.id: node for node in create_pipeline(config, layout, digests).components}
    owner = {f"{step}.{one}": task_name(f"Candidate.{one}") for one in compiled.ids for step in STEPS}
    name = {node_id: owner.get(node_id, task_name(node_id)) for node_id in nodes}

    assert set(compiled.root) == {"open-run", *name.values()}
    for node_id, node in nodes.items():
        path: tuple[str, ...] = (name[node_id],)
        if node_id in owner:
            path += (task_name(node_id.partition(".")[0]),)
        placed = compiled.containers[path]
        executor = node.executor_spec.executor_class
        assert option(compiled.specification, placed, "--executor") == (
            f"{executor.__module__}.{executor.__name__}"
        )
        assert set(placed.artifacts) == set(node.inputs)
        assert set(placed.component.get("outputDefinitions", {}).get("artifacts", {})) == set(node.outputs)
        told = {key for key in placed.given if not key.startswith("pipelinechannel--")}
        assert told == {key for key, value in node.exec_properties.items() if value is not None}
        producers = {one["taskOutputArtifact"]["producerTask"] for one in _outer(compiled, path).values()}
        steps = [one for one in nodes if name[one] == name[node_id]]
        before = {name[up.id] for one in steps for up in nodes[one].upstream_nodes} - {name[node_id]}
        assert producers == before
    assert len(compiled.containers) == 1 + len(nodes)
    for one in compiled.ids:
        within = [path[1:] for path in compiled.containers if path[0] == task_name(f"Candidate.{one}")]
        assert sorted(within) == [("noss-evaluator",), ("student-trainer",), ("tflite-converter",)]


def _outer(compiled: Compiled, path: tuple[str, ...]) -> dict[str, Any]:
    """Artifacts of the root's task that a container is, or is in."""
    return dict(compiled.root[path[0]].get("inputs", {}).get("artifacts", {}))


def test_each_candidate_is_trained_by_its_own_description(compiled: Compiled) -> None:
    for candidate in compiled.config.students.expand():
        name = f"candidate-{candidate.candidate_id}".replace(".", "-").replace("_", "-")
        given = compiled.root[name]["inputs"]["parameters"]
        assert given["StudentTrainer_spec"] == {"runtimeValue": {"constant": candidate.to_parameter()}}


def test_nothing_of_the_machine_that_compiled_it_is_inside(compiled: Compiled, machine: Path) -> None:
    text = compiled.path.read_text()
    here = Path(__file__).resolve().parents[3]
    for place in (
        str(machine),
        str(here),
        "sound-here",
        "teachers-here",
        "of-this-machine",
        os.uname().nodename,
    ):
        assert place not in text
    # Nor does a relative place lean on the working folder: each starts at a mark.
    if compiled.config.name == "folders_run":
        for place in ("audioset", "noss", "trill", "other.tflite", "tools/benchmark_model", "records/old"):
            root = "teacher_root" if place in ("trill", "other.tflite") else "data_root"
            assert f"/{{{root}}}/{place}" in text


def test_what_is_given_at_the_start_has_defaults(demo: Compiled, folders: Compiled) -> None:
    def defaults(compiled: Compiled) -> dict[str, str]:
        parameters = compiled.specification["root"]["inputDefinitions"]["parameters"]
        assert all(one["parameterType"] == "STRING" and one["isOptional"] for one in parameters.values())
        assert all(one["description"] for one in parameters.values())
        return {name: one["defaultValue"] for name, one in parameters.items()}

    assert defaults(demo) == {
        "image": "tinytrill:0.1.0",
        "data_root": "/data",
        "teacher_root": "/models",
        "teacher": "",
        "mlflow_uri": "",
        "device_host": "",
    }
    assert defaults(folders) == {
        "image": "registry.example/tinytrill:7",
        "data_root": "/mnt/sound",
        "teacher_root": "/models",
        "teacher": "",
        "mlflow_uri": "http://mlflow.kubeflow:5000",
        "device_host": "",
        "device_phone": "",
        "device_old": "",
    }


def test_a_task_is_given_what_it_needs_and_no_more(folders: Compiled) -> None:
    given = {path[-1]: placed.run_values for path, placed in folders.containers.items()}
    everything = {"data_root", "teacher_root", "teacher", "mlflow_uri"}
    everything |= {f"device_{name}" for name in ("host", "phone", "old")}
    assert given["open-run"] == given["frontier-gate"] == given["frontier-pusher"] == everything
    # Another store or folder must not have a student trained again.
    assert given["student-trainer"] == given["tflite-converter"] == set()
    assert given["audio-ingest"] == given["noss-ingest"] == {"data_root"}
    assert given["teacher-embedder"] == {"teacher_root", "teacher"}
    assert given["latency-benchmark-phone"] == {"data_root", "device_phone"}
    assert given["noss-comparison"] == set()
    for path, placed in folders.containers.items():
        image = container(folders.specification, placed)["image"]
        assert image == "{{$.inputs.parameters['pipelinechannel--image']}}", path
        if path[-1] != "open-run":
            told = option(folders.specification, placed, "--values").split(",")
            assert set(filter(None, told)) == placed.run_values


def test_what_the_first_task_finds_out_feeds_the_cache(folders: Compiled, demo: Compiled) -> None:
    def found(compiled: Compiled) -> dict[str, str]:
        return {
            f"{name}/{key}": source["taskOutputParameter"]["outputParameterKey"]
            for name, task in compiled.root.items()
            for key, source in task.get("inputs", {}).get("parameters", {}).items()
            if source.get("taskOutputParameter", {}).get("producerTask") == "open-run"
        }

    assert found(folders) == {
        "audio-ingest/data_digest": "digest_corpus",
        "noss-ingest/data_digest": "digest_noss",
        "teacher-embedder/data_digest": "digest_teacher",
        "noss-evaluator-teacher/data_digest": "digest_teacher",
        "noss-evaluator-other/data_digest": "digest_reference_other",
        "latency-benchmark-host/data_digest": "digest_device_host",
        "latency-benchmark-phone/data_digest": "digest_device_phone",
        "latency-benchmark-old/data_digest": "digest_device_old",
        "frontier-gate/registry_digest": "digest_registry",
    }
    # Synthesised sound lies nowhere.
    assert set(found(demo).values()) == {"digest_teacher", "digest_device_host", "digest_registry"}


def test_argo_keeps_equal_containers_once_so_their_components_are_equal(compiled: Compiled) -> None:
    components: dict[str, Any] = {}
    for placed in compiled.containers.values():
        text = json.dumps(container(compiled.specification, placed), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        interface = {key: value for key, value in placed.component.items() if key != "executorLabel"}
        assert components.setdefault(digest, interface) == interface
    trainers = {
        placed.component["executorLabel"]
        for path, placed in compiled.containers.items()
        if path[-1] == "student-trainer"
    }
    assert len(trainers) == 1


def test_resources_environment_and_retries_are_in_the_specification(folders: Compiled) -> None:
    trainer = folders.containers[("candidate-tiny-w1-gap-e2048", "student-trainer")]
    described = container(folders.specification, trainer)
    assert described["resources"] == {
        "resourceCpuRequest": "4",
        "resourceMemoryRequest": "4Gi",
        "resourceMemoryLimit": "32Gi",
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "2"},
    }
    assert described["env"] == [{"name": "A", "value": "trainer"}, {"name": "B", "value": "1"}]
    policy = dict(trainer.task["retryPolicy"])
    # Three attempts of a day each.
    assert int(policy.pop("backoffMaxDuration").removesuffix("s")) >= 3 * 86400 + 60 + 120
    assert policy == {"maxRetryCount": 2, "backoffDuration": "60s", "backoffFactor": 2.0}
    # The node's own, the component's, the defaults.
    host = folders.containers[("latency-benchmark-host",)]
    assert container(folders.specification, host)["resources"] == {
        "resourceCpuRequest": "1",
        "resourceCpuLimit": "1",
        "resourceMemoryRequest": "4Gi",
    }
    assert container(folders.specification, host)["env"] == [{"name": "A", "value": "all"}]
    assert "retryPolicy" not in host.task
    assert container(folders.specification, host)["args"][-2:] == [
        "--runner=FnApiRunner",
        "--sdk_container_image=local",
    ]


def test_nodes_time_volumes_and_secrets_are_in_the_platform_part(folders: Compiled) -> None:
    trainer = folders.kubernetes("candidate-tiny-w1-gap-e2048", "student-trainer")
    assert trainer["nodeSelector"] == {"labels": {"gpu": "a100"}}
    assert [one["key"] for one in trainer["tolerations"]] == ["gpu"]
    assert trainer["activeDeadlineSeconds"] == "86400"
    host, phone = folders.kubernetes("latency-benchmark-host"), folders.kubernetes("latency-benchmark-phone")
    assert host["nodeSelector"] == {"labels": {"quiet": "yes"}}
    assert "nodeSelector" not in phone
    for path in folders.containers:
        config = folders.kubernetes(*path)
        assert [(one["constant"], one["mountPath"]) for one in config["pvcMount"]] == [
            ("sound", "/mnt/sound"),
            ("tinytrill-models", "/models"),
        ]
        assert [one["mountPath"] for one in config["emptyDirMounts"]] == ["/fast"]
        assert [one["secretName"] for one in config["secretAsEnv"]] == ["hub"]
        assert [one["configMapName"] for one in config["configMapAsEnv"]] == ["tinytrill-mlflow"]
        assert [one["secretName"] for one in config["imagePullSecret"]] == ["registry"]
        assert "activeDeadlineSeconds" not in config or path[-1] == "student-trainer"


def test_what_outlives_a_pod_is_on_the_shared_volume(folders: Compiled) -> None:
    trainer = folders.containers[("candidate-tiny-w1-gap-e2048", "student-trainer")]
    assert trainer.given["scratch_dir"]["runtimeValue"]["constant"] == "/fast/folders_run/scratch"
    assert option(folders.specification, trainer, "--run-folder") == "/fast/folders_run"
    assert option(folders.specification, trainer, "--run-id") == "{{$.pipeline_job_uuid}}"
    push = json.loads(folders.containers[("frontier-pusher",)].given["settings"]["runtimeValue"]["constant"])
    assert (push["destination"], push["outbox"], push["tracking_uri"]) == (
        "/fast/folders_run/pushed",
        "/fast/folders_run/outbox",
        "{mlflow_uri}",
    )


def test_the_cache_answers_all_but_what_must_be_asked_anew(demo: Compiled, folders: Compiled) -> None:
    assert {path for path, one in demo.containers.items() if not one.cached} == {("open-run",)}
    # The phone may be back, and NossIngest's settings say no.
    assert {path for path, one in folders.containers.items() if not one.cached} == {
        ("open-run",),
        ("latency-benchmark-phone",),
        ("noss-ingest",),
    }


def test_without_a_cache_nothing_is_answered_from_it(folders: Compiled) -> None:
    from pipeline.kubeflow.compile import compile_specification

    execution = folders.config.execution.model_copy(update={"cache": False})
    made = compile_specification(folders.config.model_copy(update={"execution": execution}))
    assert not [one.path for one in every_task(made.specification) if one.cached]


def test_candidates_run_in_lanes(demo: Compiled, folders: Compiled) -> None:
    def lanes(compiled: Compiled) -> int:
        return most_at_once(compiled.root, {name for name in compiled.root if name.startswith("candidate-")})

    # Two lanes for three; sixteen for eight.
    assert lanes(folders) == 2
    assert (
        folders.root["candidate-tiny-w1-5-gap-e2048"]["dependentTasks"][0] == "candidate-tiny-w0-5-gap-e2048"
    )
    assert lanes(demo) == 8


def test_nothing_trains_or_embeds_before_the_records_are_known_to_be_good(compiled: Compiled) -> None:
    validators = {"record-validator-corpus", "record-validator-noss"}
    late = [
        name
        for name in compiled.root
        if name.startswith(("teacher-", "noss-evaluator-", "candidate-", "latency-", "frontier-"))
    ]
    assert len(late) > 6
    for name in late:
        assert validators <= upstream(compiled.root, name), name
    for name in compiled.root:
        assert name == "open-run" or "open-run" in upstream(compiled.root, name), name


def test_another_ending_is_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    from pipeline.kubeflow.compile import compile_pipeline

    with pytest.raises(ConfigError, match=r"pipeline\.json: Kubeflow reads .* \.yaml or \.yml"):
        compile_pipeline(load_config("demo"), tmp_path / "pipeline.json")
    assert not list(tmp_path.iterdir())


def test_what_no_cluster_takes_is_refused(folders: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.kubeflow import size
    from pipeline.kubeflow.compile import compile_specification

    monkeypatch.setattr(size, "WORKFLOW_BYTES", 50_000)
    with pytest.raises(ConfigError, match=r"too large for one workflow: .*; divide its candidates among"):
        compile_specification(folders.config)
