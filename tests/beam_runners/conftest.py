from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.beam_runners.work import embed, ingest


class Alone(NamedTuple):
    """What the default runner makes, in this process.

    Attributes:
      folder: Of the ingested clips.
      clips: Their files.
      windows: Files of the windows.
      info: What is written of them.
    """

    folder: Path
    clips: dict[str, bytes]
    windows: dict[str, bytes]
    info: dict[str, Any]


@pytest.fixture(scope="session")
def alone(shared_data: Path, shared_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    folder = tmp_path_factory.mktemp("alone")
    clips, _ = ingest(shared_data, folder)
    windows, info = embed(shared_models, folder, folder)
    return Alone(folder, clips, windows, info)
