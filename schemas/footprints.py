"""What a TFLite file needs of a microcontroller, as TensorFlow Lite Micro itself counts it.

Nothing here is timed: how long a board takes is measured on the board. What the file computes stands in for
it, and what it holds in memory decides whether it runs there at all.
"""

from __future__ import annotations

from pydantic import Field

from schemas.settings import Report
from schemas.tensors import VariantInput

KIB = 1024


class Footprint(Report):
    """One TFLite file under TensorFlow Lite Micro's interpreter, which has run it."""

    candidate_id: str
    variant: str
    input: VariantInput
    sha256: str
    bytes: int = Field(description="Size of the file, which lies in flash as it is.")
    arena_bytes: int = Field(
        description="Tensor arena it was given room in, by the recording allocator: shared and persistent. "
        "Counted on a 64-bit host; pointers of a 32-bit board take half, and kernels of a vendor may ask for "
        "scratch buffers of their own."
    )
    shared_bytes: int = Field(
        description="The arena's head: activations and scratch buffers, one after the other in one place."
    )
    persistent_bytes: int = Field(description="The arena's tail: what is kept from invocation to invocation.")
    allocations: dict[str, int] = Field(
        description="Bytes of the tail by kind, as the recording allocator names them."
    )
    multiply_accumulates: int = Field(
        description="Of one invocation, counted in the file: convolutions and matrix products."
    )
    operators: dict[str, int] = Field(description="Operators of the file and how often each occurs.")
    windows: int = Field(description="Golden vectors that it was asked about.")
    step: float | None = Field(
        None, description="Step of the embedding's int8 values; none: they are computed as float32."
    )
    difference: float = Field(
        description="Largest difference of an embedding from LiteRT's reference kernels: in steps, or as a "
        "share of the largest value where there is no step."
    )
    golden_difference: float = Field(
        description="The same from the golden vectors, which LiteRT's fast kernels wrote: their rounding "
        "inside an int8 network is another."
    )

    @property
    def key(self) -> str:
        """``<candidate id>/<variant>``."""
        return f"{self.candidate_id}/{self.variant}"

    @property
    def arena_kib(self) -> float:
        """Arena in KiB."""
        return self.arena_bytes / KIB

    @property
    def mega_macs(self) -> float:
        """Multiply-accumulates of an invocation, in millions."""
        return self.multiply_accumulates / 1e6
