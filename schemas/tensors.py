"""What goes into a TFLite file and comes out of it, as reports name it."""

from __future__ import annotations

from typing import Literal

from schemas.settings import Report

VariantInput = Literal["wave", "core"]


class TensorInfo(Report):
    """A named input or output of a TFLite file."""

    name: str
    shape: list[int]
    dtype: str
