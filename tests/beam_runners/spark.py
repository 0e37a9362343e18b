"""A Spark cluster with Beam's job server, as infra/beam/spark.yaml wants it, in pods of this machine."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.beam_runners.java import java
from tests.beam_runners.options import published
from tests.beam_runners.pods import Network, Pod, wait_for
from tests.beam_runners.programs import archives, boot_program
from tests.beam_runners.workers import start_workers

_DEPLOY = "org.apache.spark.deploy"
_LISTENS = 8099
_CORES = 2


@dataclass
class Spark:
    """A standalone cluster with Beam's job server.

    Attributes:
      network: Of its pods.
      folder: What its programs write.
      workers: Pods with a worker of Spark's and a worker pool of ours each.
    """

    network: Network
    folder: Path
    workers: list[Pod] = field(default_factory=list)

    def start(self, workers: int, processors: Sequence[int] = ()) -> None:
        """Starts master, job server and workers, and waits until they are ready.

        Args:
          workers: How many.
          processors: The one that each of their pods has; none: all have all.
        """
        every = sorted(archives("spark").glob("*.jar"))
        home, boot = self.folder / "spark", boot_program()
        home.mkdir()
        # What Spark gives its executors; Beam's runner comes with each job.
        jars = [one for one in every if not one.name.startswith("org.apache.beam.")]
        (home / "jars").mkdir()
        for one in jars:
            (home / "jars" / one.name).symlink_to(one)
        environment = {"SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.12"}
        self._master = self.network.pod("tinytrill-spark")
        self._server = self.network.pod("tinytrill-spark-jobs")
        self._master.start(
            "master", java(jars, f"{_DEPLOY}.master.Master", "--host", self._master.name), environment
        )
        self._server.start(
            "job-server",
            java(
                every,
                "org.apache.beam.runners.spark.SparkJobServerDriver",
                f"--spark-master-url=spark://{self._master.name}:7077",
                "--job-host=0.0.0.0",
                f"--artifacts-dir={self.folder / 'staged'}",
                # Spark cuts work by the cores that it knows of when a job begins; infra/beam/spark.yaml tells
                # of these options.
                machine=[
                    "-Xmx1g",
                    f"-Dspark.cores.max={workers * _CORES}",
                    "-Dspark.scheduler.minRegisteredResourcesRatio=1",
                    # On a busy machine an executor that is only slow is not lost, which would fail the job.
                    "-Dspark.network.timeout=600s",
                ],
            ),
            {"SPARK_LOCAL_HOSTNAME": self._server.name},
            folder=self.folder,
        )
        for number, processor in enumerate(processors or [None] * workers):
            pod = self.network.pod(f"spark-{number}", processor)
            self.workers.append(pod)
            start_workers(pod, boot, self.folder / pod.name)
            pod.start(
                "spark",
                java(
                    jars,
                    f"{_DEPLOY}.worker.Worker",
                    "--host",
                    pod.address,
                    "--cores",
                    str(_CORES),
                    "--memory",
                    "1g",
                    "--work-dir",
                    str(self.folder / pod.name / "work"),
                    f"spark://{self._master.name}:7077",
                ),
                environment,
            )
        wait_for("Spark's workers", lambda: self._alive() == workers)
        wait_for("job server", lambda: self._server.listens(_LISTENS))

    def options(self) -> list[str]:
        """Beam's options."""
        return published("spark", self._server)

    def _alive(self) -> int:
        try:
            with urllib.request.urlopen(f"http://{self._master.address}:8080/json/", timeout=10) as answer:
                return int(json.load(answer)["aliveworkers"])
        except OSError:
            return 0
