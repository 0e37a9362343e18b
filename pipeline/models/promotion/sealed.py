"""What a version's run stored, believed only as far as tags and their seal reach."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from components.common.tracking.names import DEVICE_TAG, EVIDENCE_TAG, VERDICT_FOLDER, VERDICT_SHA256_TAG
from components.common.tracking.runs import find_run
from components.common.tracking.seal import SEALED_TAGS, seal, seal_parameter
from pipeline.models.promotion.checked import Failed
from pipeline.models.registry.files import Tampered, read_sums
from schemas.comparison_reports import NossComparison
from schemas.verdicts import Verdict

CONFIG = "config.json"
VERDICT = f"{VERDICT_FOLDER}/{Verdict.FILE}"
COMPARISON = f"{VERDICT_FOLDER}/{Verdict.BENCHMARK}/{NossComparison.FILE}"


def fetch_evidence(client: Any, version: Any, run_id: str, folder: Path) -> dict[str, Path]:
    """Every file of the run that the version's tag names, fetched and verified, by its place there.

    Args:
      client: MLflow's.
      version: That comes from the run.
      run_id: Of the pipeline's run.
      folder: An empty one.

    Raises:
      Failed: If the run or a file is gone, or a file is not the one that was recorded.
      TrackingFault: If the store does not give what it has.
    """
    recorded, of_verdict = _recorded(version), tag_of(version, VERDICT_SHA256_TAG)
    run = find_run(client, run_id)
    if run is None:
        raise Failed("files", f"MLflow has no run {run_id}, which the version comes from")
    found: dict[str, Path] = {}
    for index, (place, expected) in enumerate(recorded.items()):
        path = _download(client, run, place, folder / str(index))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        tags = {EVIDENCE_TAG: expected} | ({VERDICT_SHA256_TAG: of_verdict} if place == VERDICT else {})
        for tag, says in tags.items():
            if sha256 != says:
                raise Failed(
                    "files",
                    f"{place} of run {run_id} is not the one that was recorded: its sha256 is {sha256}, the "
                    f"version's tag {tag} says {says}",
                )
        found[place] = path
    return found


def check_seal(client: Any, version: Any) -> None:
    """Makes sure that the tags which all is compared with are those that the version was registered with.

    Raises:
      Failed: If they are not, or nothing seals them.
      TrackingFault: If the store does not give what it has.
    """
    model = client.get_logged_model(version.source.removeprefix("models:/"))
    parameter = seal_parameter(tag_of(version, DEVICE_TAG))
    if parameter not in model.params:
        raise Failed(
            "files",
            f"logged model {model.model_id} has no parameter {parameter}, which seals the version's tags: an "
            "earlier release registered it, or its device was changed; run its configuration again",
        )
    if model.params[parameter] != seal(version.name, version.tags):
        raise Failed(
            "files",
            f"the version's tags are not those that it was registered with: parameter {parameter} of logged "
            f"model {model.model_id} seals others ({', '.join(SEALED_TAGS)})",
        )


def tag_of(version: Any, tag: str) -> str:
    """A tag that every version has which this pipeline registered.

    Raises:
      Failed: If it is absent.
    """
    value: str = version.tags.get(tag, "")
    if not value:
        raise Failed("files", f"the version has no tag {tag}: no run of this pipeline registered it")
    return value


def _recorded(version: Any) -> dict[str, str]:
    """sha256 of the run's files by their places, as the version's tag says."""
    if not version.tags.get(EVIDENCE_TAG):
        raise Failed(
            "files",
            f"the version has no tag {EVIDENCE_TAG}: nothing tells whether its run's verdict, comparison and "
            "configuration are as they were. An earlier release registered it, or nobody of this pipeline; "
            "run its configuration again with this release, and promote the version that comes of it",
        )
    try:
        recorded = read_sums(version, EVIDENCE_TAG)
    except Tampered as error:
        raise Failed("files", str(error)) from None
    if any(Path(place).is_absolute() or ".." in Path(place).parts for place in recorded):
        raise Failed(
            "files", f"the version's tag {EVIDENCE_TAG} cannot be read; accepted: places with their sha256"
        )
    if missing := sorted({VERDICT, COMPARISON} - recorded.keys()):
        raise Failed("files", f"the version's tag {EVIDENCE_TAG} does not name {', '.join(missing)}")
    return recorded


def _download(client: Any, run: Any, place: str, folder: Path) -> Path:
    import mlflow.artifacts

    run_id, location = run.info.run_id, run.info.artifact_uri
    folder.mkdir(parents=True)
    try:
        path = Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"{location}/{place}", dst_path=str(folder), tracking_uri=client.tracking_uri
            )
        )
    except Exception:
        # What a store raises for a file that is absent differs from one to the next.
        parent = Path(place).parent.as_posix()
        listed = client.list_artifacts(run_id, None if parent == "." else parent)
        if place in {artifact.path for artifact in listed}:
            raise
        raise Failed("files", f"run {run_id} has no {place}") from None
    if path.is_symlink() or not path.is_file():
        raise Failed("files", f"the store gives {place} of run {run_id} as something else than a file")
    return path
