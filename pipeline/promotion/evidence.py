"""What a version's run stored with it, believed only as far as the hashes reach."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.frontier_gate.verdict import benchmark_digest
from components.tracking.names import DEVICE_TAG, PARENT_RUN_TAG, POINT_TAG, VERDICT_SHA256_TAG
from components.tracking.registered import RegisteredVersion
from pipeline.promotion.checked import Checked, Failed
from pipeline.registry.files import Tampered, fetch_files
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossModelResult
from schemas.push_reports import ModelDescription
from schemas.verdicts import DeviceVerdict, FrontierPoint, Standing, Verdict

VERDICT_FOLDER = "verdict"
CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Evidence:
    """All that a version is checked by.

    Attributes:
      version: MLflow's.
      folder: Of its files.
      description: Its ``model.json``.
      run_id: The pipeline's run.
      verdict: Of that run.
      judged: The verdict on the version's device.
      point: The version's own.
      comparison: Of all models of the run, clip by clip.
      config_json: The run's configuration; empty: none was stored.
    """

    version: Any
    folder: Path
    description: ModelDescription
    run_id: str
    verdict: Verdict
    judged: DeviceVerdict
    point: FrontierPoint
    comparison: NossComparison
    config_json: str

    @property
    def teacher(self) -> NossModelResult:
        """The teacher's result; :func:`gather` made sure that it is there."""
        return next(model for model in self.comparison.models if model.kind == "teacher")


def gather(client: Any, version: Any, folder: Path) -> tuple[Evidence, list[Checked]]:
    """Fetches and verifies what a version's run stored: the checks ``files`` and ``blessed``.

    Every file has the sha256 that was recorded; ``model.tflite`` is the one that the verdict judged; the
    verdict is the one that the run wrote, and it blesses the file for the version's device.

    Args:
      client: MLflow's.
      version: To be checked.
      folder: An empty one.

    Raises:
      Failed: If a file, a tag or the verdict is not what the run stored, or the verdict blesses another.
      TrackingFault: If the store does not give what it has.
    """
    try:
        description = fetch_files(client, version, folder / "files")
    except Tampered as error:
        raise Failed("files", str(error)) from None
    run_id = _tag(version, PARENT_RUN_TAG)
    verdict = _verdict(client, version, run_id, folder)
    judged, point = _judged(version, verdict)
    with (folder / "files" / "model.tflite").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != point.sha256:
        raise Failed(
            "files",
            f"model.tflite has sha256 {found}, but the verdict of run {run_id} judged {point.sha256} as "
            f"{point.point_id}",
        )
    _same_standing(version, verdict, judged, point)
    comparison = _comparison(client, run_id, verdict, folder)
    config = _stored(client, run_id, "", CONFIG_FILE, folder)
    files = Checked("files", True, f"all as run {run_id} stored them, sha256 {found[:12]} as judged")
    if not point.blessed or judged.closed:
        why = "; ".join(judged.closed or point.reasons) or "no reason is given"
        raise Failed("blessed", f"the verdict of run {run_id} does not bless {point.point_id}: {why}")
    blessed = Checked("blessed", True, f"{point.point_id} for {judged.device} by run {verdict.run_name}")
    evidence = Evidence(
        version=version,
        folder=folder / "files",
        description=description,
        run_id=run_id,
        verdict=verdict,
        judged=judged,
        point=point,
        comparison=comparison,
        config_json=config.read_text(encoding="utf-8") if config else "",
    )
    return evidence, [files, blessed]


def standing_of(version: Any) -> RegisteredVersion | None:
    """A version with the figures that were kept with it; None if they are not there or cannot be read."""
    try:
        standing = Standing.model_validate_json(version.tags.get(Standing.TAG, ""))
    except ValidationError:
        return None
    return RegisteredVersion(version.name, str(version.version), tuple(version.aliases), standing)


def _verdict(client: Any, version: Any, run_id: str, folder: Path) -> Verdict:
    path = _stored(client, run_id, VERDICT_FOLDER, Verdict.FILE, folder)
    if path is None:
        raise Failed("files", f"run {run_id} has no {VERDICT_FOLDER}/{Verdict.FILE}")
    content = path.read_bytes()
    found, recorded = hashlib.sha256(content).hexdigest(), _tag(version, VERDICT_SHA256_TAG)
    if found != recorded:
        raise Failed(
            "files",
            f"{VERDICT_FOLDER}/{Verdict.FILE} of run {run_id} is not the one that was recorded: its sha256 "
            f"is {found}, the version's tag {VERDICT_SHA256_TAG} says {recorded}",
        )
    return Verdict.model_validate_json(content)


def _judged(version: Any, verdict: Verdict) -> tuple[DeviceVerdict, FrontierPoint]:
    """The verdict on the version's device, and on the version."""
    name, point_id = _tag(version, DEVICE_TAG), _tag(version, POINT_TAG)
    for device in verdict.devices:
        for point in device.points:
            if device.device == name and point.point_id == point_id:
                return device, point
    raise Failed("blessed", f"the verdict of run {verdict.run_name} has no point {point_id} on {name}")


def _same_standing(version: Any, verdict: Verdict, judged: DeviceVerdict, point: FrontierPoint) -> None:
    """The figures that later gates go by must be the verdict's."""
    expected = Standing(
        machine=judged.machine,
        point=point.model_copy(update={"goals": []}),
        run_name=verdict.run_name,
        reference_sha256=verdict.reference_sha256,
        benchmark_digest=verdict.benchmark_digest,
        synthetic=verdict.synthetic,
    )
    known = standing_of(version)
    if known is None or known.standing != expected:
        raise Failed("files", f"the figures in the version's tag {Standing.TAG} are not those of the verdict")


def _comparison(client: Any, run_id: str, verdict: Verdict, folder: Path) -> NossComparison:
    place = f"{VERDICT_FOLDER}/{Verdict.BENCHMARK}"
    path = _stored(client, run_id, place, NossComparison.FILE, folder)
    if path is None:
        raise Failed("files", f"run {run_id} has no {place}/{NossComparison.FILE}")
    try:
        comparison = NossComparison.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Failed(
            "files",
            f"{place}/{NossComparison.FILE} of run {run_id} cannot be read: {error.error_count()} faults, "
            f"the first: {error.errors()[0]['msg']}",
        ) from None
    teacher = [model for model in comparison.models if model.kind == "teacher"]
    if len(teacher) != 1 or benchmark_digest(teacher[0], comparison.protocol) != verdict.benchmark_digest:
        raise Failed(
            "files", f"{place}/{NossComparison.FILE} of run {run_id} is not of the verdict's tasks and rules"
        )
    return comparison


def _stored(client: Any, run_id: str, place: str, name: str, folder: Path) -> Path | None:
    """A file of a run, fetched; None if the run has none of that name."""
    from mlflow.exceptions import MlflowException

    path = f"{place}/{name}" if place else name
    try:
        listed = {artifact.path for artifact in client.list_artifacts(run_id, place or None)}
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise Failed("files", f"MLflow has no run {run_id}, which the version comes from") from None
    if path not in listed:
        return None
    run = folder / "run"
    run.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, path, str(run)))


def _tag(version: Any, tag: str) -> str:
    value: str = version.tags.get(tag, "")
    if not value:
        raise Failed("files", f"the version has no tag {tag}: no run of this pipeline registered it")
    return value
