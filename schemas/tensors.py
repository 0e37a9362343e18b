"""What goes into a TFLite file and comes out of it, as reports name it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.settings import Report

VariantInput = Literal["wave", "core", "stream"]

# What a stream file takes and gives beside its samples and embedding: the output "next_<state>" of one
# invocation is the input "<state>" of the next; at the beginning of a stream all are zero.
STATE, NEXT = "state_", "next_"


class TensorInfo(Report):
    """A named input or output of a TFLite file."""

    name: str
    shape: list[int]
    dtype: str
    scale: float | None = Field(
        None, description="Of quantised values: scale times (code - zero_point) is what a code stands for."
    )
    zero_point: int | None = Field(None, description="The code that stands for 0; none: not quantised.")
