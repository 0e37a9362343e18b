"""The Flink of infra/kubernetes/flink, in pods of this machine."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.beam_runners.java import java
from tests.beam_runners.options import published
from tests.beam_runners.pods import Network, Pod, wait_for
from tests.beam_runners.programs import archives, boot_program
from tests.beam_runners.workers import start_workers
from tests.infra.manifests import containers, written

_ENTRY = "org.apache.flink.runtime"
# What Flink's own distribution holds; Beam's runner comes with each job.
_DISTRIBUTION = (
    "org.apache.flink.", "org.apache.commons.", "commons-", "com.esotericsoftware.", "com.twitter.",
    "org.objenesis.", "org.xerial.", "org.lz4.", "org.javassist.", "org.snakeyaml.", "org.slf4j.",
    "com.google.code.findbugs.", "tools.profiler.",
)  # fmt: skip


def _container(name: str) -> dict[str, Any]:
    """A container of the manifests."""
    return next(one for _, one in containers([manifest for _, manifest in written()]) if one["name"] == name)


def _properties(name: str) -> dict[str, Any]:
    """Flink's configuration of a container."""
    text = next(one["value"] for one in _container(name)["env"] if one["name"] == "FLINK_PROPERTIES")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


@dataclass
class Flink:
    """A session cluster with Beam's job server.

    Attributes:
      network: Of its pods.
      folder: What its programs write.
      tasks: Pods with a task manager and a worker pool each.
    """

    network: Network
    folder: Path
    tasks: list[Pod] = field(default_factory=list)
    _sizes: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)

    def start(self, task_managers: int, processors: Sequence[int] = ()) -> None:
        """Starts job manager, job server and task managers, and waits until they are ready.

        Args:
          task_managers: How many.
          processors: The one that each of their pods has; none: all have all.
        """
        self._archives = sorted(archives("flink").glob("*.jar"))
        self._boot = boot_program()
        self._distribution = [one for one in self._archives if one.name.startswith(_DISTRIBUTION)]
        self._manager = self.network.pod("tinytrill-flink")
        self._server = self.network.pod("tinytrill-flink-jobs")
        self._start(
            self._manager, "jobmanager", f"{_ENTRY}.entrypoint.StandaloneSessionClusterEntrypoint", "GET_JM"
        )
        arguments = [one for one in _container("job-server")["args"] if "--artifacts-dir" not in one]
        self._server.start(
            "job-server",
            java(
                self._archives,
                "org.apache.beam.runners.flink.FlinkJobServerDriver",
                *arguments,
                f"--artifacts-dir={self.folder / 'staged'}",
                machine=["-Xmx512m"],
            ),
        )
        for number, processor in enumerate(processors or [None] * task_managers):
            self.tasks.append(self.network.pod(f"tasks-{number}", processor))
        self.replace()
        wait_for("job server", lambda: "JobService started" in self._server.say("job-server"))

    def replace(self) -> None:
        """Starts what was killed, as its Deployment would."""
        for pod in self.tasks:
            if not pod.programs():
                start_workers(pod, self._boot, self.folder / pod.name)
                self._start(pod, "taskmanager", f"{_ENTRY}.taskexecutor.TaskManagerRunner", "GET_TM")
        wait_for("task managers", lambda: self._ask("/overview").get("taskmanagers") == len(self.tasks))

    def options(self) -> list[str]:
        """Beam's options."""
        return published("flink", self._server)

    @property
    def slots(self) -> int:
        """Slots of all task managers."""
        return len(self.tasks) * int(_properties("taskmanager")["taskmanager.numberOfTaskSlots"])

    def jobs(self) -> list[dict[str, Any]]:
        """Name, state and number of failures of all jobs, the first one first."""
        found: list[dict[str, Any]] = self._ask("/jobs/overview")["jobs"]
        for job in found:
            told = self._ask(f"/jobs/{job['jid']}/exceptions")
            job["failures"] = len(told["exceptionHistory"]["entries"])
        return sorted(found, key=lambda job: job["start-time"])

    def _ask(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://{self._manager.address}:8081{path}", timeout=10) as answer:
                return json.load(answer)
        except OSError:
            return {}

    def _start(self, pod: Pod, container: str, main: str, memory: str) -> None:
        folder = self.folder / pod.name / "conf"
        folder.mkdir(parents=True, exist_ok=True)
        own = {"io.tmp.dirs": str(folder.parent), "taskmanager.host": pod.address}
        (folder / "config.yaml").write_text(yaml.safe_dump(_properties(container) | own), encoding="utf-8")
        place = ["--configDir", str(folder)]
        machine, dynamic = self._memory(place, memory)
        pod.start(container, java(self._distribution, main, *place, *dynamic, machine=machine))

    def _memory(self, place: Sequence[str], asked: str) -> tuple[list[str], list[str]]:
        """Options of Java and of Flink that follow from the size of the process, as its scripts find them."""
        if asked not in self._sizes:
            main = f"{_ENTRY}.util.bash.BashJavaUtils"
            command = java(self._distribution, main, f"{asked}_RESOURCE_PARAMS", *place)
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            mark = "BASH_JAVA_UTILS_EXEC_RESULT:"
            machine, dynamic = (
                line.removeprefix(mark) for line in said.splitlines() if line.startswith(mark)
            )
            self._sizes[asked] = machine.split(), dynamic.split()
        return self._sizes[asked]
