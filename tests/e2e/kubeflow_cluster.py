"""Executes a compiled pipeline as a cluster would, on this machine.

The order of the tasks, their inputs and outputs are Kubeflow's own business: ``kfp.local`` of the SDK. What a
cluster has and this machine has not is played: the launcher, which copies artifacts between an S3-compatible
object store and a folder of the container, and the container, which is a process of the same command with a
clean environment, an empty working folder, and no sight of any other task's files. Where TINYTRILL_IMAGE
names an image and a Docker engine holds it, containers are containers of it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import docker
from moto.server import ThreadedMotoServer

from infra.kubeflow.places import MOUNT_ROOT
from tests.e2e.runs import REPOSITORY
from tests.fork_server import run_python

BUCKET = "mlpipeline"
_OWN = {
    "infra.kubeflow.open_run": "OpenRun",
    "infra.kubeflow.candidates": "Candidates",
    "infra.kubeflow.close_run": "CloseRun",
}
# The SDK's own use of the engine is put aside below, and this is not.
_engine = docker.from_env
_IMAGE = "TINYTRILL_IMAGE"
_LOGS = "executor-logs"
_PIPELINE_ROOT = f"s3://{BUCKET}/v2/artifacts"


@dataclass(frozen=True)
class Container:
    """What one container did."""

    node: str
    code: int
    log: str


@dataclass
class Cluster:
    """An object store and a launcher.

    Attributes:
      folder: Everything is below it.
      environment: What ConfigMaps and Secrets would bring into the pods.
      containers: What ran, in order.
    """

    folder: Path
    environment: Mapping[str, str]
    containers: list[Container] = field(default_factory=list)
    _store: Any = None

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        """Starts the object store, and puts the launcher in Docker's place."""
        from kfp.local import docker_task_handler, executor_input_utils

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        self._store = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )
        self._store.create_bucket(Bucket=BUCKET)
        placed = executor_input_utils.construct_local_task_root

        def salted(pipeline_root: str, pipeline_resource_name: str, task_resource_name: str) -> str:
            # As the driver does: tasks of one component write to places of their own.
            place: str = placed(pipeline_root, pipeline_resource_name, task_resource_name)
            return f"{place}/{len(self.containers):03d}"

        try:
            with (
                mock.patch.object(docker_task_handler.docker, "from_env", mock.MagicMock()),
                mock.patch.object(docker_task_handler, "run_docker_container", self._launch),
                mock.patch.object(executor_input_utils, "construct_local_task_root", salted),
            ):
                yield self
        finally:
            server.stop()

    def run(self, specification: Path, arguments: Mapping[str, Any]) -> None:
        """Executes a pipeline to the end of its first failing task.

        Args:
          specification: The compiled YAML.
          arguments: Its run-time parameters.
        """
        from kfp import components, local

        local.init(runner=local.DockerRunner(), pipeline_root=str(self.root), raise_on_error=False)
        # The platform document is Kubernetes' business; the SDK's loader takes the first.
        pipeline = components.load_component_from_text(specification.read_text(encoding="utf-8"))
        pipeline(**arguments)

    @property
    def root(self) -> Path:
        """Where the SDK thinks that artifacts are."""
        return self.folder / "local"

    def keys(self) -> list[str]:
        """All that lies in the object store."""
        pages = self._store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def artifact(self, task: str, key: str, into: Path) -> Path:
        """Downloads an output of the last execution of a task."""
        found = sorted({k.split(f"/{key}/")[0] for k in self.keys() if f"/{task}/" in k and f"/{key}/" in k})
        self._download(f"s3://{BUCKET}/{found[-1]}/{key}", into)
        return into

    def _launch(self, client: Any, image: str, command: Sequence[str], volumes: Any, **_: Any) -> int:
        """Plays the launcher of Kubeflow Pipelines around one container."""
        pod = self.folder / "pods" / f"{len(self.containers):03d}"
        place = command.index("--task") + 1
        local = json.loads(command[place])
        text = command[place].replace(str(self.root), _PIPELINE_ROOT)
        remote = json.loads(text)
        remote["outputs"]["outputFile"] = str(pod / "tmp" / "output_metadata.json")
        for name, parameter in remote["outputs"].get("parameters", {}).items():
            parameter["outputFile"] = str(pod / "tmp" / "outputs" / name)
        # The driver adds it where PUBLISH_LOGS is on, as by default; the launcher writes to it.
        log_uri = f"{_PIPELINE_ROOT}/{pod.name}/{_LOGS}"
        log_type = {"schemaTitle": "system.Artifact"}
        made = remote["outputs"].setdefault("artifacts", {})
        made[_LOGS] = {"artifacts": [{"uri": log_uri, "type": log_type}]}
        # The backend does not say what artifacts are; see backend/src/v2/driver/resolve.go.
        for artifact in _artifacts(remote.get("inputs", {})):
            artifact.pop("type", None)
            self._download(artifact["uri"], pod / _mounted(artifact["uri"]))
        for artifact in _artifacts(remote["outputs"]):
            (pod / _mounted(artifact["uri"])).parent.mkdir(parents=True, exist_ok=True)
        (pod / _mounted(log_uri)).touch()
        (pod / "work").mkdir(parents=True)
        (pod / "tmp").mkdir(parents=True, exist_ok=True)
        told = [*command[:place], json.dumps(remote), *command[place + 1 :]]
        code, log = self._start(told, pod)
        node = command[command.index("--node") + 1] if "--node" in command else _OWN[command[2]]
        self.containers.append(Container(node, code, log))
        (pod / _mounted(log_uri)).write_text(log, encoding="utf-8")
        if code == 0:
            self._publish(pod, remote, local)
        shutil.rmtree(pod)
        return code

    def _start(self, command: Sequence[str], pod: Path) -> tuple[int, str]:
        """Runs a command to its end, in a container where there is an image; exit code and log."""
        environment = {**self.environment, "HOME": str(pod), "TMPDIR": str(pod / "tmp"), MOUNT_ROOT: str(pod)}
        if image := held_image():
            container = _engine().containers.run(
                image,
                list(command),
                detach=True,
                environment=environment,
                volumes={str(self.folder): {"bind": str(self.folder), "mode": "rw"}},
                working_dir=str(pod / "work"),
                user=f"{os.getuid()}:{os.getgid()}",
            )
            try:
                code = int(container.wait()["StatusCode"])
                return code, container.logs().decode(errors="replace")
            finally:
                container.remove(force=True)
        kept = {name: os.environ[name] for name in os.environ if name.startswith("OPENBLAS_")}
        programs = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
        assert command[0] == "python", command
        done = run_python(*command[1:], cwd=pod / "work", env=kept | programs | environment)
        return done.returncode, done.stdout + done.stderr

    def _publish(self, pod: Path, remote: Mapping[str, Any], local: Mapping[str, Any]) -> None:
        """Uploads what the container made, and tells the SDK."""
        made = (pod / "tmp" / "output_metadata.json").read_text(encoding="utf-8")
        for artifact in _artifacts(remote["outputs"]):
            source = pod / _mounted(artifact["uri"])
            files = [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
            for file in files:
                key = file.relative_to(pod / "s3" / BUCKET).as_posix()
                self._store.upload_file(str(file), BUCKET, key)
        target = Path(local["outputs"]["outputFile"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made.replace(_PIPELINE_ROOT, str(self.root)), encoding="utf-8")
        for name, parameter in local["outputs"].get("parameters", {}).items():
            shutil.copy(pod / "tmp" / "outputs" / name, parameter["outputFile"])

    def _download(self, uri: str, into: Path) -> None:
        prefix = uri.removeprefix(f"s3://{BUCKET}/")
        for key in self.keys():
            if key == prefix or key.startswith(f"{prefix}/"):
                target = into / key.removeprefix(prefix).lstrip("/") if key != prefix else into
                target.parent.mkdir(parents=True, exist_ok=True)
                self._store.download_file(BUCKET, key, str(target))


def held_image() -> str:
    """The image that TINYTRILL_IMAGE names, if a Docker engine holds it; empty: containers are processes."""
    image = os.environ.get(_IMAGE, "")
    if not image:
        return ""
    try:
        _engine().images.get(image)
    except docker.errors.DockerException:
        return ""
    return image


def _artifacts(side: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for listed in side.get("artifacts", {}).values() for one in listed.get("artifacts", [])]


def _mounted(uri: str) -> str:
    return uri.replace("s3://", "s3/")
