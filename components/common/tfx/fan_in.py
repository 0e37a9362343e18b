"""Components that take something from every candidate.

Kubeflow's compiler knows neither ``union`` nor ``ForEach``, so such a component gets one input a
candidate: its specification is made for the number of candidates, its executor is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.common.tfx.input_keys import input_key, number_of, role_of


def make_spec(
    name: str,
    *,
    parameters: Mapping[str, type],
    inputs: Mapping[str, type[types.Artifact]],
    per_candidate: Mapping[str, type[types.Artifact]],
    candidates: int,
    outputs: Mapping[str, type[types.Artifact]],
) -> type[types.ComponentSpec]:
    """Makes the specification of a component for ``candidates`` candidates.

    Args:
      name: Class name of the specification.
      parameters: Execution parameters and their types (int or str).
      inputs: Inputs that come once.
      per_candidate: Roles that come once a candidate.
      candidates: How many candidates, at least 1.
      outputs: Outputs.

    Raises:
      ValueError: If there is no candidate.
    """
    if candidates < 1:
        raise ValueError(f"{name} needs at least one candidate, got {candidates}")
    channels = {key: ChannelParameter(type=kind) for key, kind in inputs.items()}
    for role, kind in per_candidate.items():
        for index in range(candidates):
            channels[input_key(role, index)] = ChannelParameter(type=kind)
    return type(
        name,
        (types.ComponentSpec,),
        {
            "PARAMETERS": {key: ExecutionParameter(type=kind) for key, kind in parameters.items()},
            "INPUTS": channels,
            "OUTPUTS": {key: ChannelParameter(type=kind) for key, kind in outputs.items()},
        },
    )


def channels(role: str, given: Sequence[types.BaseChannel]) -> dict[str, types.BaseChannel]:
    """The channels of one role under their input names."""
    return {input_key(role, index): channel for index, channel in enumerate(given)}


def gather(input_dict: Mapping[str, list[Any]], role: str) -> list[Any]:
    """The artifacts of one role, in the order of the candidates."""
    numbered = {
        number: key for key in input_dict if (number := number_of(key)) is not None and role_of(key) == role
    }
    return [input_dict[numbered[number]][0] for number in sorted(numbered)]
