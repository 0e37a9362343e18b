"""A pushed run that the tests of this folder share; who changes it puts it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from components.common.package.folders import C_ARRAY_FILE, STREAMING_FILE
from components.common.tracking.stores import open_client
from pipeline.models.registry.files import PUSHED_FILES
from pipeline.models.registry.versions import find_version
from tests.pushed_runs import Scene, make_scene

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "tinytrill-host@candidate"
# What is pushed of a file that takes no stream and is for no board.
WINDOWED = PUSHED_FILES - {STREAMING_FILE, C_ARRAY_FILE}


class PushedRun:
    """A scene after its push.

    Attributes:
      scene: What was pushed.
      client: Of its store.
      folder: The pushed version folder of :data:`NAME`.
      stored: The logged model's folder in the store.
    """

    def __init__(self, scene: Scene) -> None:
        report = scene.push()
        self.scene = scene
        self.uri = scene.settings.tracking_uri
        self.client: MlflowClient = open_client(self.uri)
        version = self.version()
        point = version.tags["tinytrill.point"]
        self.folder = scene.destination / next(m.folder for m in report.models if m.point_id == point)
        model = self.client.get_logged_model(version.source.removeprefix("models:/"))
        self.stored = Path(urlsplit(model.artifact_location).path)

    def version(self, **changes: str) -> Any:
        """The registered version, with tags changed in memory; an empty tag is none."""
        version = find_version(self.client, NAME)
        tags = {**version.tags, **changes}
        version._tags = {tag: value for tag, value in tags.items() if value}
        return version


@pytest.fixture(scope="package")
def pushed(
    tmp_path_factory: pytest.TempPathFactory, tiny_files: dict[str, bytes], empty_store: Path
) -> PushedRun:
    """A pushed run."""
    return PushedRun(make_scene(tmp_path_factory.mktemp("pushed"), tiny_files, empty_store))


@contextmanager
def changed(path: Path, change: Callable[[Path], object]) -> Iterator[None]:
    """A file of the store that is another for a while."""
    kept = path.read_bytes() if path.is_file() else None
    try:
        change(path)
        yield
    finally:
        path.unlink(missing_ok=True)
        if kept is not None:
            path.write_bytes(kept)
