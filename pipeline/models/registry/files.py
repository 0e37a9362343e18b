"""The files of a registered version: fetched by name, and believed only if their sha256 is the recorded one.

The store of files is not trusted: it is asked for files of known names only, and whatever it lists beside
them is refused. What is compared with are the version's tags, which the registry keeps.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from components.common.package.folders import (
    C_ARRAY_FILE,
    CARD_FILE,
    EXAMPLE_FILE,
    GOLDEN_FILE,
    MODEL_FILE,
    NOTICE_FILE,
    STREAMING_FILE,
    SUMS_FILE,
    sha256_of,
)
from components.common.package.serving import SCRIPT
from components.common.tracking.faults import TrackingFault, telling
from components.common.tracking.names import FILES_TAG, MLFLOW_FILES_TAG, SHA256_TAG
from schemas.push_reports import ModelDescription
from schemas.settings import UnreadableReport

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PUSHED_FILES = frozenset(
    {
        *(MODEL_FILE, GOLDEN_FILE, ModelDescription.FILE, CARD_FILE, EXAMPLE_FILE),
        *(STREAMING_FILE, C_ARRAY_FILE),
        *(NOTICE_FILE, SUMS_FILE),
    }
)
SCRIPT_FILE = Path(SCRIPT).name
NEEDED = frozenset({MODEL_FILE, GOLDEN_FILE, ModelDescription.FILE})

# Folder of a logged model's artifacts that holds the pushed files, and what MLflow writes beside it.
_FOLDER = "artifacts"
_MLFLOWS = frozenset(
    {
        *("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"),
        *("input_example.json", "serving_input_example.json"),
    }
)
_LOGGED_MODEL = re.compile(r"models:/([\w-]+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Tampered(TrackingFault):
    """What the store holds is not what the run stored, or nothing tells whether it is."""


def fetch_files(client: MlflowClient, version: ModelVersion, folder: Path) -> ModelDescription:
    """Downloads all files of a version, the serving script too, and verifies them.

    Args:
      client: Of the store that holds the version.
      version: Of a registered model.
      folder: Where the files go, by their names; made if it does not exist.

    Returns:
      The version's ``model.json``.

    Raises:
      Tampered: If a file is absent, is another one, or has a name that no run stores.
      TrackingFault: If the store does not answer or does not give the files.
    """
    name = f"{version.name} v{version.version}"
    recorded = recorded_files(version)
    around = _sums(version, MLFLOW_FILES_TAG, _MLFLOWS)
    source = _LOGGED_MODEL.fullmatch(version.source or "")
    if source is None:
        raise Tampered(f"{name} comes from {version.source!r}; accepted: models:/<id of a logged model>")
    model_id = source[1]
    with telling(client.tracking_uri):
        location = client.get_logged_model(model_id).artifact_location
        pushed = [f"{_FOLDER}/{file}" for file in recorded if file != SCRIPT_FILE]
        _check_listing(name, location, _list(client, name, model_id, _FOLDER), pushed)
        # Beside that folder lie the serving script and what MLflow wrote: nothing else could be loaded.
        root = _list(client, name, model_id, "")
        _check_listing(name, location, root, around, (_FOLDER, SCRIPT_FILE))
        folder.mkdir(parents=True, exist_ok=True)
        for file, expected in recorded.items():
            place = file if file == SCRIPT_FILE else f"{_FOLDER}/{file}"
            _download(client, name, f"{location}/{place}", folder)
            _check_sum(name, folder / file, expected, FILES_TAG)
        with tempfile.TemporaryDirectory() as aside:
            for file, expected in around.items():
                _download(client, name, f"{location}/{file}", Path(aside))
                _check_sum(name, Path(aside, file), expected, MLFLOW_FILES_TAG)
    try:
        description = ModelDescription.load(folder)
    except UnreadableReport as error:
        raise Tampered(
            f"{name}: {ModelDescription.FILE} is as it was registered, but of another release: {error}"
        ) from None
    if description.sha256 != recorded[MODEL_FILE]:
        raise Tampered(
            f"{name}: {ModelDescription.FILE} describes the file {description.sha256}, the version holds "
            f"{recorded[MODEL_FILE]}"
        )
    return description


def recorded_files(version: ModelVersion) -> dict[str, str]:
    """sha256 of each file of a version by its name, as its tags say.

    Raises:
      Tampered: If the tags are absent, contradict each other, or name what no run stores.
    """
    name = f"{version.name} v{version.version}"
    recorded = _sums(version, FILES_TAG, PUSHED_FILES | {SCRIPT_FILE})
    if missing := sorted(NEEDED - recorded.keys()):
        raise Tampered(f"{name}: its tag {FILES_TAG} does not name {', '.join(missing)}")
    if recorded[MODEL_FILE] != version.tags.get(SHA256_TAG):
        raise Tampered(
            f"{name}: its tag {FILES_TAG} says sha256 {recorded[MODEL_FILE]} of {MODEL_FILE}, its tag "
            f"{SHA256_TAG} says {version.tags.get(SHA256_TAG)}"
        )
    return recorded


def read_sums(version: ModelVersion, tag: str) -> dict[str, str]:
    """What a tag says of files: sha256 by name or place.

    Raises:
      Tampered: If the tag is absent or says something else.
    """
    name = f"{version.name} v{version.version}"
    text = version.tags.get(tag)
    if not text:
        raise Tampered(
            f"{name} has no tag {tag}: nothing tells what its files should be; accepted: versions that a run "
            "of this pipeline registered"
        )
    try:
        recorded = json.loads(text)
    except json.JSONDecodeError:
        recorded = None
    if not isinstance(recorded, dict) or not all(_SHA256.fullmatch(str(one)) for one in recorded.values()):
        raise Tampered(f"{name}: its tag {tag} cannot be read; accepted: file names with their sha256")
    return recorded


def _sums(version: ModelVersion, tag: str, known: frozenset[str]) -> dict[str, str]:
    """The same of files whose names are known."""
    recorded = read_sums(version, tag)
    if unknown := sorted(recorded.keys() - known):
        raise Tampered(
            f"{version.name} v{version.version}: its tag {tag} names {', '.join(map(repr, unknown))}; "
            f"accepted: {', '.join(sorted(known))}"
        )
    return recorded


def _check_sum(name: str, path: Path, expected: str, tag: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise Tampered(f"{name}: the store gives {path.name} as something else than a file")
    if (found := sha256_of(path)) != expected:
        raise Tampered(
            f"{name}: {path.name} is not the file that was registered: its sha256 is {found}, the version's "
            f"tag {tag} says {expected}"
        )


def _list(client: MlflowClient, name: str, model_id: str, folder: str) -> list[Any]:
    with _refusing(name, "lists"):
        found: list[Any] = client.list_logged_model_artifacts(model_id, folder or None)
        return found


def _download(client: MlflowClient, name: str, uri: str, folder: Path) -> None:
    import mlflow.artifacts

    with _refusing(name, "gives"):
        mlflow.artifacts.download_artifacts(
            artifact_uri=uri, dst_path=str(folder), tracking_uri=client.tracking_uri
        )


@contextmanager
def _refusing(name: str, does: str) -> Iterator[None]:
    """MLflow's own refusal of a path that leaves its folder, as ours."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise Tampered(
            f"{name}: the store {does} a path that leaves the model's folder: {error.message}"
        ) from None


def _check_listing(
    name: str, location: str, listed: list[Any], wanted: Collection[str], beside: Collection[str] = ()
) -> None:
    """A folder holds the wanted files and nothing else, but for what may lie beside them."""
    found = {one.path for one in listed}
    if unknown := sorted(found - {*wanted, *beside}):
        raise Tampered(f"{name}: the store lists {', '.join(map(repr, unknown))}, which no run stored")
    if missing := sorted({*wanted} - found):
        raise Tampered(f"{name}: the store does not have {', '.join(missing)}")
    place = urlsplit(location)
    for one in listed:
        if one.is_dir and one.path != _FOLDER:
            raise Tampered(f"{name}: the store lists {one.path!r} as a folder")
        if place.scheme in ("", "file") and Path(place.path, one.path).is_symlink():
            raise Tampered(f"{name}: the store has a link in place of {one.path!r}")
