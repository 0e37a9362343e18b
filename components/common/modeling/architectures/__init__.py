"""The networks a student can be made of, found by their files: one architecture a file.

Importing this package costs nothing: a file imports TensorFlow when it builds, not before.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

from schemas.architecture import Architecture


def _found() -> dict[str, type[Architecture]]:
    architectures: dict[str, type[Architecture]] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        for member in members:
            if (
                inspect.isclass(member)
                and issubclass(member, Architecture)
                and not inspect.isabstract(member)
            ):
                architectures[member.model_fields["name"].default] = member
    return architectures


ARCHITECTURES = _found()


def build_network(architecture: Architecture, frames: int, mels: int, batch_norm_momentum: float) -> Any:
    """Builds a network and makes sure that its map is what its arithmetic promised.

    Raises:
      ValueError: If the parameters are impossible, the patch is too short, or the promise is not kept.
    """
    promised = architecture.map_shape(frames, mels)
    network = architecture.build(frames, mels, batch_norm_momentum)
    built = tuple((network.outputs[0] if architecture.HAS_TOKEN else network.output).shape[1:])
    if built != promised:
        raise ValueError(f"{architecture.label}: map_shape says {tuple(promised)}, the network gives {built}")
    return network
