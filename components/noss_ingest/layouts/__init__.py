"""The folders of published data sets, as their publishers pack them: one data set a file.

A file here is a layout; its ``rows(folder)`` lists the clips without decoding them and, where the data set
allows it, without a look at each of them. A clip that is listed but not there stays a row: the ingestion
counts it as missing. What a layout cannot know (splits that a record's rule draws) it leaves empty.
"""

from __future__ import annotations

import os
from pathlib import Path

from components.common.registry.modules import KindModules
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow

LAYOUTS = KindModules(__name__, __path__)


def read_layout(name: str, folder: Path) -> list[TaskRow]:
    """All clips of a published data set.

    Args:
      name: Which layout, one of ``LAYOUTS``.
      folder: The folder the data set was unpacked into.

    Raises:
      SourceMissing: If the data set is not there, or not all of it that the task needs.
      SourceError: If the layout is unknown, or what is there is malformed.
    """
    if name not in LAYOUTS:
        raise SourceError(f"unknown layout {name!r}; accepted: {', '.join(LAYOUTS)}")
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise SourceMissing(f"layout {name}: there is no folder {folder}")
    rows: list[TaskRow] = LAYOUTS[name].rows(folder)
    if not rows:
        raise SourceMissing(f"layout {name}: {folder} has no clips")
    return rows
