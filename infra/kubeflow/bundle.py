"""Bundles what some candidates made into one artifact, and takes such a bundle apart.

python -m infra.kubeflow.bundle --task EXECUTOR_INPUT --candidates N
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from components.common.tfx.input_keys import input_key, number_of, role_of
from infra.kubeflow.container_task import ContainerTask, GivenArtifact, TaskError
from infra.kubeflow.outcome import reporting
from pipeline.kubeflow.groups import BUNDLE, FIRST
from schemas.settings import Report, ReportFile


class BundledArtifact(Report):
    """One artifact of a bundle."""

    key: str = Field(description="The output it was, as 'variants'.")
    number: int = Field(description="Of its candidate among all of the run.")
    folder: str = Field(description="Within the bundle.")
    name: str = Field("", description="What the metadata store calls it.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Its properties.")


class BundleIndex(ReportFile):
    """What is in a bundle."""

    FILE: ClassVar[str] = "bundle.json"

    artifacts: list[BundledArtifact]


def make_bundle(task: ContainerTask, candidates: int) -> None:
    """Copies all inputs into the output artifact, and writes what is where.

    Args:
      task: Inputs are called ``<key>_<place>``; its parameter ``first`` is the number of place 0.
      candidates: How many there must be of each key.

    Raises:
      TaskError: If one is missing.
    """
    folder = Path(task.outputs[BUNDLE].uri)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    first = int(task.parameters[FIRST])
    entries = []
    for key in sorted({role_of(name) for name in task.inputs}):
        for place in range(candidates):
            name = input_key(key, place)
            given = task.inputs.get(name)
            if given is None or not Path(given.uri).is_dir():
                raise TaskError(f"{name} is missing{f': {given.uri}' if given else ''}")
            number = first + place
            entry = BundledArtifact(
                key=key,
                number=number,
                folder=f"{number:03d}/{key}",
                name=given.name,
                metadata=dict(given.metadata),
            )
            shutil.copytree(given.uri, folder / entry.folder)
            entries.append(entry)
    BundleIndex(artifacts=entries).save(folder)
    task.tell({})


def unbundle(inputs: Mapping[str, GivenArtifact], keys: Mapping[str, str]) -> dict[str, GivenArtifact]:
    """The inputs with what their bundles hold in place of the bundles.

    Args:
      inputs: Of a task.
      keys: Output key by the role it has for the task.
    """
    found = {}
    for name, given in inputs.items():
        if role_of(name) != BUNDLE or number_of(name) is None:
            found[name] = given
            continue
        for one in BundleIndex.load(given.uri).artifacts:
            for role, key in keys.items():
                if key == one.key:
                    found[input_key(role, one.number)] = GivenArtifact(
                        str(Path(given.uri) / one.folder), one.name, one.metadata
                    )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the task; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.kubeflow.bundle")
    parser.add_argument("--task", required=True, help="ExecutorInput as JSON")
    parser.add_argument("--candidates", required=True, type=int, help="how many are bundled")
    options = parser.parse_args(arguments)
    with reporting("CandidateBundle") as outcome:
        task = ContainerTask.parse(options.task, {BUNDLE}, frozenset({FIRST}))
        task.prepare()
        make_bundle(task, options.candidates)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
