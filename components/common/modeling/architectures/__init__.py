"""The networks a student can be made of, found by their files: one architecture a file.

Importing this package costs nothing: a file imports TensorFlow when it builds, not before.
"""

from __future__ import annotations

import inspect
from typing import Any

from components.common.registry.modules import KindModules
from schemas.architecture import Architecture


def _is_architecture(member: Any) -> bool:
    return inspect.isclass(member) and issubclass(member, Architecture) and not inspect.isabstract(member)


ARCHITECTURES: dict[str, type[Architecture]] = {
    member.model_fields["name"].default: member
    for module in KindModules(__name__, __path__).values()
    for member in vars(module).values()
    if _is_architecture(member)
}


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
