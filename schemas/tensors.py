"""The tensors of a TFLite file as they are named in reports."""

from __future__ import annotations

from schemas.settings import Report


class TensorInfo(Report):
    """A named input or output of a TFLite file."""

    name: str
    shape: list[int]
    dtype: str
