from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import (
    DebugOptions,
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners import DataflowRunner

from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.dag import beam_args
from tests.infra.conftest import INFRA, tag_of
from tests.infra.manifests import containers, pod_of, written

FILES = sorted((INFRA / "beam").glob("*.yaml"))
ALL = [manifest for _, manifest in written()]


def _options(file: Path) -> PipelineOptions:
    """As a run gives them to Beam: by the configuration, after the defaults."""
    config = load_config("demo", [f"execution={file.read_text('utf-8')}"])
    return PipelineOptions(beam_args(config))


def _known() -> set[str]:
    """Every option of Beam's own."""
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return set(parser._option_string_actions)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_beam_knows_every_option(file: Path) -> None:
    given = yaml.safe_load(file.read_text("utf-8"))["beam_args"]
    unknown = {line.partition("=")[0] for line in given} - _known()
    assert not unknown, f"{file.name}: Beam does not know {sorted(unknown)}"
    options = _options(file).get_all_options(drop_default=True)
    # The runner and what follows reach Beam through the configuration, after the project's own defaults.
    assert f"--runner={options['runner']}" in given
    # A worker that is sent a function of tensorflow-data-validation's cannot load it without TFX, which loads
    # TensorFlow: by then it must be known which Keras is wanted.
    assert options["beam_plugins"] == ["schemas", "tfx"]


def test_an_option_that_beam_does_not_know_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("beam_args: [--runner=PortableRunner, --paralellism=4]\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"does not know \['--paralellism'\]"):
        test_beam_knows_every_option(file)


def test_a_key_that_is_none_of_the_configuration_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("beam_arguments: [--runner=PortableRunner]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'beam_args'"):
        _options(file)


def test_all_three_are_there_and_say_how_they_are_used() -> None:
    assert [file.stem for file in FILES] == ["dataflow", "flink", "spark"]
    for file in FILES:
        text = file.read_text("utf-8")
        assert f'--set execution="$(cat infra/beam/{file.name})"' in text
        assert "# Needs:" in text


def _ports(manifest_kind: str, name: str) -> set[int]:
    service = next(one for one in ALL if one["kind"] == manifest_kind and one["metadata"]["name"] == name)
    return {port["port"] for port in service["spec"]["ports"]}


def test_flink_is_asked_where_the_manifests_have_it(project_lock: Mapping[str, str]) -> None:
    options = _options(INFRA / "beam" / "flink.yaml")
    assert options.view_as(StandardOptions).runner == "PortableRunner"
    portable = options.view_as(PortableOptions)
    for endpoint in (portable.job_endpoint, portable.artifact_endpoint):
        host, _, port = endpoint.partition(":")
        assert int(port) in _ports("Service", host)
    images = {container["name"]: container["image"] for _, container in containers(ALL)}
    tasks = next(one for one in ALL if one["metadata"]["name"] == "tinytrill-flink-tasks")
    pod = pod_of(tasks)
    assert pod is not None
    parts = {container["name"]: container for container in pod["containers"]}
    port = int(portable.environment_config.partition("localhost:")[2])
    assert port == parts["worker"]["ports"][0]["containerPort"]
    # What is staged by one and read by the other, and what components open by path.
    mounts = {mount["mountPath"] for mount in parts["worker"]["volumeMounts"]}
    assert mounts == {"/data", "/models", "/scratch"}
    slots = 2
    assert f"numberOfTaskSlots: {slots}" in parts["taskmanager"]["env"][0]["value"]
    # Without it a job fails with the first task manager that is lost.
    manager = next(one for _, one in containers(ALL) if one["name"] == "jobmanager")
    assert "restart-strategy.type: fixed-delay" in manager["env"][0]["value"]
    assert options.view_as(FlinkRunnerOptions).parallelism == slots * tasks["spec"]["replicas"]
    # Job server and worker speak the same Beam; the cluster is of the Flink that the job server is built for.
    assert tag_of(images["job-server"]) == project_lock["apache-beam"]
    flink = images["job-server"].partition("flink")[2].partition("_")[0]
    assert flink in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    assert tag_of(images["taskmanager"]).startswith(f"{flink}.")
    assert images["taskmanager"] == images["jobmanager"]


def test_spark_is_given_the_locked_job_server(project_lock: Mapping[str, str]) -> None:
    file = INFRA / "beam" / "spark.yaml"
    assert _options(file).view_as(PortableOptions).environment_type == "EXTERNAL"
    assert f"apache/beam_spark3_job_server:{project_lock['apache-beam']}" in file.read_text("utf-8")


def test_dataflow_has_what_it_asks_for() -> None:
    options = _options(INFRA / "beam" / "dataflow.yaml")
    cloud, worker = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    validator = PipelineOptionsValidator(options, DataflowRunner())
    assert validator.is_service_runner()
    assert validator.validate_cloud_options(cloud) == []
    for place in ("temp_location", "staging_location"):
        assert validator.validate_gcs_path(cloud, place) == []
    # The default, which keeps TFX from packing itself, gives way to the image.
    assert worker.sdk_container_image.endswith("/tinytrill-worker:0.1.0")
    assert worker.use_public_ips is False
    assert options.view_as(SetupOptions).sdk_location == "container"
    assert "use_runner_v2" in options.view_as(DebugOptions).experiments
