"""The curated schemas of the records: ``schemas/*.pbtxt``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import schemas

RecordKind = Literal["clip", "noss_clip", "distillation_window"]


def schema_path(kind: RecordKind) -> Path:
    """The schema file of a kind of record.

    Raises:
      ValueError: If there is no such kind.
    """
    if kind not in get_args(RecordKind):
        raise ValueError(
            f"no schema for records of kind {kind!r}; accepted: {', '.join(get_args(RecordKind))}"
        )
    return Path(schemas.__file__).parent / f"{kind}.pbtxt"


def schema_text(kind: RecordKind) -> str:
    """The schema of a kind of record as the text of a ``tensorflow.metadata.v0.Schema``."""
    return schema_path(kind).read_text(encoding="utf-8")
