"""Artifacts of several candidates: a folder with one a candidate, called by its number in the grid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from components.common.tfx.input_keys import input_key, role_of
from infra.kubeflow.container_task import GivenArtifact, TaskError


def place_of(share: GivenArtifact, number: int) -> GivenArtifact:
    """Where a candidate's artifact lies within a share's."""
    return GivenArtifact(str(Path(share.uri) / f"{number:03d}"), share.name, share.metadata)


def one_a_candidate(inputs: Mapping[str, GivenArtifact], roles: Collection[str]) -> dict[str, GivenArtifact]:
    """The inputs with each candidate's own artifact in place of those of whole shares.

    Args:
      inputs: Of a task.
      roles: Those of which each input holds the artifacts of a share.

    Raises:
      TaskError: If a share holds nothing, or something that has no candidate's number.
    """
    found = {}
    for name, given in inputs.items():
        if role_of(name) not in roles:
            found[name] = given
            continue
        folders = sorted(Path(given.uri).iterdir()) if Path(given.uri).is_dir() else []
        if not folders:
            raise TaskError(f"{name} holds no candidate's artifact: {given.uri}")
        for folder in folders:
            if not folder.name.isdecimal():
                raise TaskError(f"{name} holds {folder.name}; accepted: candidates' numbers, as 007")
            number = int(folder.name)
            found[input_key(role_of(name), number)] = place_of(given, number)
    return found
