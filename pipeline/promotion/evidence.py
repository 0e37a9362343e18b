"""What a version's run stored with it, believed only as far as the hashes reach."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.frontier_gate.verdict import benchmark_digest
from components.tracking.names import (
    DEVICE_TAG,
    EVIDENCE_TAG,
    PARENT_RUN_TAG,
    POINT_TAG,
    VERDICT_SHA256_TAG,
)
from components.tracking.registered import RegisteredVersion, read_standing
from components.tracking.seal import SEALED_TAGS, seal, seal_parameter
from pipeline.promotion.checked import Checked, Failed
from pipeline.registry.files import SHA256, Tampered, fetch_files
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossModelResult
from schemas.push_reports import ModelDescription
from schemas.verdicts import DeviceVerdict, FrontierPoint, Standing, Verdict

CONFIG_FILE = "config.json"
_VERDICT = f"verdict/{Verdict.FILE}"
_COMPARISON = f"verdict/{Verdict.BENCHMARK}/{NossComparison.FILE}"


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

    Every file of the version and of its run has the sha256 that was recorded, in tags that are sealed by a
    parameter of the logged model; ``model.tflite`` is the one that the verdict judged, and the verdict
    blesses it for the version's device. So it is with the champion, too, before its figures are used.

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
    found = _fetch_evidence(client, version, run_id, folder / "run")
    verdict = _verdict(found[_VERDICT], run_id)
    judged, point = _judged(version, verdict)
    with (folder / "files" / "model.tflite").open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != point.sha256:
        raise Failed(
            "files",
            f"model.tflite has sha256 {sha256}, but the verdict of run {run_id} judged {point.sha256} as "
            f"{point.point_id}",
        )
    _same_standing(version, verdict, judged, point)
    _check_seal(client, version)
    comparison = _comparison(found[_COMPARISON], run_id, verdict)
    config = found.get(CONFIG_FILE)
    files = Checked("files", True, f"all as run {run_id} stored them, sha256 {sha256[:12]} as judged")
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
    standing, _ = read_standing(version.tags.get(Standing.TAG, ""))
    if standing is None:
        return None
    return RegisteredVersion(version.name, str(version.version), tuple(version.aliases), standing)


def _fetch_evidence(client: Any, version: Any, run_id: str, folder: Path) -> dict[str, Path]:
    """Every file of the run that the version's tag names, fetched and verified, by its place there."""
    recorded = _recorded(version)
    _tag(version, VERDICT_SHA256_TAG)
    listed = _list(client, run_id, {str(Path(place).parent) for place in recorded})
    found: dict[str, Path] = {}
    for place, expected in recorded.items():
        if place not in listed:
            raise Failed("files", f"run {run_id} has no {place}")
        aside = folder / str(len(found))
        aside.mkdir(parents=True)
        path = Path(client.download_artifacts(run_id, place, str(aside)))
        if path.is_symlink() or not path.is_file():
            raise Failed("files", f"the store gives {place} of run {run_id} as something else than a file")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        tags = {EVIDENCE_TAG: expected}
        if place == _VERDICT:
            tags[VERDICT_SHA256_TAG] = _tag(version, VERDICT_SHA256_TAG)
        for tag, says in tags.items():
            if sha256 != says:
                raise Failed(
                    "files",
                    f"{place} of run {run_id} is not the one that was recorded: its sha256 is {sha256}, the "
                    f"version's tag {tag} says {says}",
                )
        found[place] = path
    return found


def _recorded(version: Any) -> dict[str, str]:
    """sha256 of the run's files by their places, as the version's tag says."""
    text = version.tags.get(EVIDENCE_TAG, "")
    if not text:
        raise Failed(
            "files",
            f"the version has no tag {EVIDENCE_TAG}: nothing tells whether its run's verdict, comparison and "
            "configuration are as they were. An earlier release registered it, or nobody of this pipeline; "
            "run its configuration again with this release, and promote the version that comes of it",
        )
    try:
        recorded = json.loads(text)
    except ValueError:
        recorded = None
    if (
        not isinstance(recorded, dict)
        or not all(isinstance(one, str) and SHA256.fullmatch(one) for one in recorded.values())
        or any(Path(place).is_absolute() or ".." in Path(place).parts for place in recorded)
    ):
        raise Failed(
            "files", f"the version's tag {EVIDENCE_TAG} cannot be read; accepted: places with their sha256"
        )
    if missing := sorted({_VERDICT, _COMPARISON} - recorded.keys()):
        raise Failed("files", f"the version's tag {EVIDENCE_TAG} does not name {', '.join(missing)}")
    return recorded


def _list(client: Any, run_id: str, folders: set[str]) -> set[str]:
    """Places of what a run stored in some folders; '.' is the top."""
    from mlflow.exceptions import MlflowException

    try:
        return {
            artifact.path
            for folder in sorted(folders)
            for artifact in client.list_artifacts(run_id, None if folder == "." else folder)
        }
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    raise Failed("files", f"MLflow has no run {run_id}, which the version comes from")


def _check_seal(client: Any, version: Any) -> None:
    """The tags that all this was compared with are those that the version was registered with."""
    model = client.get_logged_model(version.source.removeprefix("models:/"))
    parameter = seal_parameter(_tag(version, DEVICE_TAG))
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


def _verdict(path: Path, run_id: str) -> Verdict:
    try:
        return Verdict.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Failed(
            "files",
            f"{_VERDICT} of run {run_id} is as it was recorded, but of another release: "
            f"{error.error_count()} faults, the first: {error.errors()[0]['msg']}",
        ) from None


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


def _comparison(path: Path, run_id: str, verdict: Verdict) -> NossComparison:
    try:
        comparison = NossComparison.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Failed(
            "files",
            f"{_COMPARISON} of run {run_id} cannot be read: {error.error_count()} faults, the first: "
            f"{error.errors()[0]['msg']}",
        ) from None
    teacher = [model for model in comparison.models if model.kind == "teacher"]
    if len(teacher) != 1 or benchmark_digest(teacher[0], comparison.protocol) != verdict.benchmark_digest:
        raise Failed("files", f"{_COMPARISON} of run {run_id} is not of the verdict's tasks and rules")
    return comparison


def _tag(version: Any, tag: str) -> str:
    value: str = version.tags.get(tag, "")
    if not value:
        raise Failed("files", f"the version has no tag {tag}: no run of this pipeline registered it")
    return value
