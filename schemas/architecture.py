"""What every student architecture offers: typed parameters, arithmetic about its map, a network.

An architecture is one file in ``components/common/modeling/architectures``; ``docs/architectures.md`` shows
how to add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from schemas.settings import Settings


class MapShape(NamedTuple):
    """The last map of a network: positions in time, in frequency, and channels."""

    time: int
    frequency: int
    channels: int


class Architecture(Settings, ABC):
    """Parameters of a network from a log-mel patch to a map, and the network itself.

    A subclass has a field ``name`` of one ``Literal``, by which it is chosen in a configuration.

    Attributes:
      QUANTISES: Whether every layer has a quantised form (``qat: network``).
      HAS_TOKEN: Whether the network also gives a summary of the whole patch (``pooling: token``).
    """

    QUANTISES: ClassVar[bool] = True
    HAS_TOKEN: ClassVar[bool] = False

    name: str

    @property
    @abstractmethod
    def label(self) -> str:
        """Readable, short, and another one for other parameters: the head of the candidate's id."""

    @property
    def taps(self) -> dict[str, int]:
        """Layers on the way whose inputs may be pooled beside the last map, and the channels of those."""
        return {}

    @abstractmethod
    def map_shape(self, frames: int, mels: int) -> MapShape:
        """Shape of the last map for patches of ``frames`` by ``mels``, without building anything.

        Raises:
          ValueError: If the parameters are impossible, or the patch is shorter than the network needs.
        """

    @abstractmethod
    def build(self, frames: int, mels: int, batch_norm_momentum: float) -> Any:
        """Builds the network with fresh weights.

        Returns:
          A ``keras.Model`` from log-mel ``(batch, frames, mels)`` to the map ``(batch, time, frequency,
          channels)``; where ``HAS_TOKEN``, to the map and the summary ``(batch, channels)``.
        """


def require_patch(name: str, frames: int, mels: int, least_frames: int, least_mels: int) -> None:
    """Refuses a patch on which a network would see less than one position.

    Raises:
      ValueError: Naming the patch and the least one.
    """
    if frames < least_frames or mels < least_mels:
        raise ValueError(
            f"a patch of {frames} frames x {mels} mels is too short for {name}: "
            f"it needs {least_frames} frames x {least_mels} mels at least"
        )
