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
    known,
    option,
    placed_tasks,
    upstream,
)

pytestmark = pytest.mark.slow

STEPS = ("StudentTrainer", "TfliteConverter", "NossEvaluator")
# One of the three candidates of FOLDERS that has its container for itself.
ALONE = "candidate-tiny-w1-gap-e2048"
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
    def tasks(self) -> dict[str, Placed]:
        return placed_tasks(self.specification)

    @property
    def shares(self) -> dict[str, dict[int, dict[str, Any]]]:
        """Candidates by number, of each task that trains some; in the order of the first of each."""
        found = {
            name: {int(number): one for number, one in json.loads(given["runtimeValue"]["constant"]).items()}
            for name, placed in self.tasks.items()
            if (given := placed.given.get("students"))
        }
        return dict(sorted(found.items(), key=lambda item: min(item[1])))

    def known(self, name: str) -> dict[str, Any]:
        return known(self.specification, self.tasks[name])

    def kubernetes(self, name: str) -> dict[str, Any]:
        label = self.tasks[name].component["executorLabel"]
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
    from pipeline.kubeflow.names import task_name
    from pipeline.local.layout import RunLayout
    from tests.pipeline.wired_nodes import wired_nodes

    layout = RunLayout(Path("/scratch"))
    config = resolve(compiled.config, layout)
    digests = DataDigests(references={"other": ""})
    nodes = wired_nodes(config, layout, digests)
    owner = {
        f"{step}.{compiled.ids[number]}": name
        for name, share in compiled.shares.items()
        for number in share
        for step in STEPS
    }
    assert len(owner) == 3 * len(compiled.ids)
    name = {node_id: owner.get(node_id, task_name(node_id)) for node_id in nodes}

    assert set(compiled.tasks) == {"open-run", *name.values(), "close-run"}
    for node_id, node in nodes.items():
        if node_id in owner:
            continue
        placed = compiled.tasks[name[node_id]]
        executor = node.executor_spec.executor_class
        assert option(compiled.specification, placed, "--executor") == (
            f"{executor.__module__}.{executor.__name__}"
        )
        fed = {key: name[channel.producer_component_id] for key, channel in node.inputs.items()}
        wires = {
            key: source["taskOutputArtifact"]["producerTask"] for key, source in placed.artifacts.items()
        }
        shared = {key for key, producer in fed.items() if producer in compiled.shares}
        roles = {key.rpartition("_")[0] for key in shared}
        # What candidates made comes by share, the rest as in the DAG.
        assert {key: one for key, one in wires.items() if one not in compiled.shares} == {
            key: one for key, one in fed.items() if key not in shared
        }
        assert {key: one for key, one in wires.items() if one in compiled.shares} == {
            f"{role}_{place:03d}": share for role in roles for place, share in enumerate(compiled.shares)
        }
        assert set(option(compiled.specification, placed, "--shares").split(",") if roles else ()) == roles
        assert set(placed.component.get("outputDefinitions", {}).get("artifacts", {})) == set(node.outputs)
        told = {key for key in placed.given if not key.startswith("pipelinechannel--")}
        assert told | set(compiled.known(name[node_id])) == {
            key for key, value in node.exec_properties.items() if value is not None
        }


def test_each_candidate_is_trained_by_its_own_description(compiled: Compiled) -> None:
    from schemas.students import StudentSpec

    students = compiled.config.students.expand()
    dealt = {
        number: StudentSpec.model_validate(one)
        for share in compiled.shares.values()
        for number, one in share.items()
    }
    assert dealt == dict(enumerate(students))
    for name in compiled.shares:
        placed = compiled.tasks[name]
        steps = json.loads(option(compiled.specification, placed, "--steps"))
        assert [step["node"] for step in steps] == list(STEPS)
        decided = {"decision"} if compiled.config.search else set()
        assert set(placed.artifacts) == {"windows", "examples", "teacher_report"} | decided
        assert set(placed.component["outputDefinitions"]["artifacts"]) == {"model", "variants", "report"}


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
    given = {name: placed.run_values for name, placed in folders.tasks.items()}
    everything = {"data_root", "teacher_root", "teacher", "mlflow_uri"}
    everything |= {f"device_{name}" for name in ("host", "phone", "old")}
    assert given["open-run"] == given["frontier-gate"] == given["frontier-pusher"] == everything
    # Another store or folder must not have a student trained again.
    assert given[ALONE] == set()
    assert given["audio-ingest"] == given["noss-ingest"] == {"data_root"}
    assert given["teacher-embedder"] == {"teacher_root", "teacher"}
    assert given["latency-benchmark-phone"] == {"data_root", "device_phone"}
    assert given["noss-comparison"] == given["close-run"] == set()
    for name, placed in folders.tasks.items():
        image = container(folders.specification, placed)["image"]
        assert image == "{{$.inputs.parameters['pipelinechannel--image']}}", name
        if name not in ("open-run", "close-run"):
            told = option(folders.specification, placed, "--values").split(",")
            assert set(filter(None, told)) == placed.run_values


def test_what_the_first_task_finds_out_feeds_the_cache(folders: Compiled, demo: Compiled) -> None:
    def found(compiled: Compiled) -> dict[str, str]:
        return {
            f"{name}/{key}": source["taskOutputParameter"]["outputParameterKey"]
            for name, task in compiled.root.items()
            for key, source in task.get("inputs", {}).get("parameters", {}).items()
            if source.get("taskOutputParameter", {}).get("producerTask") == "open-run" and key != "failed_in"
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
    for placed in compiled.tasks.values():
        text = json.dumps(container(compiled.specification, placed), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        interface = {key: value for key, value in placed.component.items() if key != "executorLabel"}
        assert components.setdefault(digest, interface) == interface
    # All shares of as many candidates are trained by the same component.
    trainers = {
        (len(share), compiled.tasks[name].component["executorLabel"])
        for name, share in compiled.shares.items()
    }
    assert len(trainers) == len({len(share) for share in compiled.shares.values()})


def test_resources_environment_and_retries_are_in_the_specification(folders: Compiled) -> None:
    trainer = folders.tasks[ALONE]
    described = container(folders.specification, trainer)
    assert described["resources"] == {
        "resourceCpuRequest": "4",
        "resourceMemoryRequest": "4Gi",
        "resourceMemoryLimit": "32Gi",
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "2"},
    }
    assert described["env"] == [{"name": "A", "value": "trainer"}, {"name": "B", "value": "1"}]
    policy = dict(trainer.task["retryPolicy"])
    # Three attempts of a day each; and a start in which the candidate is written down as failed.
    assert int(policy.pop("backoffMaxDuration").removesuffix("s")) >= 3 * 86400 + 60 + 120
    assert policy == {"maxRetryCount": 3, "backoffDuration": "60s", "backoffFactor": 2.0}
    assert option(folders.specification, trainer, "--attempts") == "3"
    # The node's own, the component's, the defaults.
    host = folders.tasks["latency-benchmark-host"]
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
    trainer = folders.kubernetes(ALONE)
    assert trainer["nodeSelector"] == {"labels": {"gpu": "a100"}}
    assert [one["key"] for one in trainer["tolerations"]] == ["gpu"]
    assert trainer["activeDeadlineSeconds"] == "86400"
    host, phone = folders.kubernetes("latency-benchmark-host"), folders.kubernetes("latency-benchmark-phone")
    assert host["nodeSelector"] == {"labels": {"quiet": "yes"}}
    assert "nodeSelector" not in phone
    # Two candidates in one container have twice the time, and as many attempts each.
    assert folders.kubernetes("candidates-01")["activeDeadlineSeconds"] == str(2 * 86400)
    assert folders.tasks["candidates-01"].task["retryPolicy"]["maxRetryCount"] == 2 * 3
    for name in folders.tasks:
        config = folders.kubernetes(name)
        assert [(one["constant"], one["mountPath"]) for one in config["pvcMount"]] == [
            ("sound", "/mnt/sound"),
            ("tinytrill-models", "/models"),
        ]
        assert [one["mountPath"] for one in config["emptyDirMounts"]] == ["/fast"]
        assert [one["secretName"] for one in config["secretAsEnv"]] == ["hub"]
        assert [one["configMapName"] for one in config["configMapAsEnv"]] == ["tinytrill-mlflow"]
        assert [one["secretName"] for one in config["imagePullSecret"]] == ["registry"]
        assert "activeDeadlineSeconds" not in config or name in folders.shares


def test_what_outlives_a_pod_is_on_the_shared_volume(folders: Compiled) -> None:
    trainer = folders.tasks[ALONE]
    steps = json.loads(option(folders.specification, trainer, "--steps"))
    assert steps[0]["parameters"]["scratch_dir"] == "/fast/folders_run/scratch"
    assert option(folders.specification, trainer, "--run-folder") == "/fast/folders_run"
    assert option(folders.specification, trainer, "--run-id") == "{{$.pipeline_job_uuid}}"
    push = json.loads(folders.known("frontier-pusher")["settings"])
    assert (push["destination"], push["outbox"], push["tracking_uri"]) == (
        "/fast/folders_run/pushed",
        "/fast/folders_run/outbox",
        "{mlflow_uri}",
    )


def test_the_cache_answers_all_but_what_must_be_asked_anew(demo: Compiled, folders: Compiled) -> None:
    assert {name for name, one in demo.tasks.items() if not one.cached} == {"open-run", "close-run"}
    # The phone may be back, and NossIngest's settings say no.
    assert {name for name, one in folders.tasks.items() if not one.cached} == {
        "open-run",
        "close-run",
        "latency-benchmark-phone",
        "noss-ingest",
    }


def test_without_a_cache_nothing_is_answered_from_it(folders: Compiled) -> None:
    from pipeline.kubeflow.compile import compile_specification

    execution = folders.config.execution.model_copy(update={"cache": False})
    made = compile_specification(folders.config.model_copy(update={"execution": execution}))
    assert not [name for name, one in placed_tasks(made.specification).items() if one.cached]


def test_a_share_that_failed_is_another_one_for_the_cache(compiled: Compiled) -> None:
    for name, share in compiled.shares.items():
        first = compiled.ids[min(share)]
        source = compiled.tasks[name].given["failed_in"]
        assert source["taskOutputParameter"] == {
            "producerTask": "open-run",
            "outputParameterKey": "failures",
        }
        assert source["parameterExpressionSelector"].startswith(f'"{first}" in ')


def test_as_many_containers_as_are_wanted_share_the_candidates(demo: Compiled, folders: Compiled) -> None:
    assert [sorted(share) for share in folders.shares.values()] == [[0, 2], [1]]
    assert [len(share) for share in demo.shares.values()] == [8] * 4
    # Nobody waits for another's candidates.
    for compiled in (demo, folders):
        for name in compiled.shares:
            assert not upstream(compiled.root, name) & set(compiled.shares)


def test_the_run_ends_with_what_the_pusher_says_of_the_gate(compiled: Compiled) -> None:
    last = compiled.tasks["close-run"]
    assert last.given["closed"] == {
        "taskOutputParameter": {"producerTask": "frontier-pusher", "outputParameterKey": "closed"}
    }
    assert set(compiled.tasks) - {"close-run"} >= upstream(compiled.root, "close-run") >= {"open-run"}
    # What would be refused again is not tried again.
    for name in ("open-run", "close-run"):
        assert "retryPolicy" not in compiled.tasks[name].task
    assert not [name for name, task in compiled.root.items() if "close-run" in task.get("dependentTasks", ())]


def test_settings_of_tasks_that_are_not_there_are_refused(folders: Compiled) -> None:
    from pipeline.kubeflow.compile import compile_specification
    from pipeline.kubeflow.settings import TaskSettings

    # Of two candidates that share a container, neither has settings of its own.
    shared = f"StudentTrainer.{folders.ids[0]}"
    for name in ("TfliteConverter", "Trainer", "LatencyBenchmark.watch", shared):
        kubeflow = folders.config.kubeflow.model_copy(update={"tasks": {name: TaskSettings(cpu="2")}})
        with pytest.raises(ConfigError, match=rf"kubeflow\.tasks: no task is called {name}; accepted: "):
            compile_specification(folders.config.model_copy(update={"kubeflow": kubeflow}))


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


def test_settings_of_a_task_that_other_runs_have_are_taken(folders: Compiled) -> None:
    from pipeline.kubeflow.compile import compile_specification
    from pipeline.kubeflow.settings import TaskSettings

    kubeflow = folders.config.kubeflow.model_copy(update={"tasks": {"TeacherTrainer": TaskSettings(cpu="2")}})
    assert compile_specification(folders.config.model_copy(update={"kubeflow": kubeflow}))


def test_what_no_cluster_takes_is_refused(folders: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.kubeflow import size
    from pipeline.kubeflow.compile import compile_specification

    monkeypatch.setattr(size, "WORKFLOW_BYTES", 50_000)
    with pytest.raises(ConfigError, match=r"^the workflow would be larger than .*; divide the candidates"):
        compile_specification(folders.config)
