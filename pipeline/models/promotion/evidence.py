"""What a version's run stored with it, believed only as far as the hashes reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from components.common.frontier.challenge import Challenger
from components.common.frontier.incumbents import benchmark_digest
from components.common.package.folders import MODEL_FILE, sha256_of
from components.common.tracking.names import DEVICE_TAG, PARENT_RUN_TAG, POINT_TAG
from components.common.tracking.registered import with_figures
from pipeline.models.promotion.checked import Checked, Failed
from pipeline.models.promotion.sealed import COMPARISON, CONFIG, VERDICT, check_seal, fetch_evidence, tag_of
from pipeline.models.registry.files import Tampered, fetch_files
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossModelResult
from schemas.push_reports import ModelDescription
from schemas.settings import ReportFile, first_fault
from schemas.verdicts import DeviceVerdict, FrontierPoint, Standing, Verdict

_R = TypeVar("_R", bound=ReportFile)


@dataclass(frozen=True)
class Evidence(Challenger):
    """All that a version is checked by; its point, and the verdict on it, are the version's own.

    Attributes:
      version: MLflow's.
      folder: Of its files.
      description: Its ``model.json``.
      run_id: The pipeline's run.
      comparison: Of all models of the run, clip by clip.
      config_json: The run's configuration; empty: none was stored.
    """

    version: Any
    folder: Path
    description: ModelDescription
    run_id: str
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
    run_id = tag_of(version, PARENT_RUN_TAG)
    found = fetch_evidence(client, version, run_id, folder / "run")
    verdict = _read(Verdict, found[VERDICT], VERDICT, run_id)
    judged, point = _judged(version, verdict)
    sha256 = sha256_of(folder / "files" / MODEL_FILE)
    if sha256 != point.sha256:
        raise Failed(
            "files",
            f"{MODEL_FILE} has sha256 {sha256}, but the verdict of run {run_id} judged {point.sha256} as "
            f"{point.point_id}",
        )
    _same_standing(version, verdict, judged, point)
    check_seal(client, version)
    comparison = _comparison(found[COMPARISON], run_id, verdict)
    config = found.get(CONFIG)
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


def _read(kind: type[_R], path: Path, place: str, run_id: str) -> _R:
    """A report of the run, whose file is as it was recorded."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Failed(
            "files",
            f"{place} of run {run_id} cannot be read by this release: {first_fault(error)}",
        ) from None


def _judged(version: Any, verdict: Verdict) -> tuple[DeviceVerdict, FrontierPoint]:
    """The verdict on the version's device, and on the version."""
    name, point_id = tag_of(version, DEVICE_TAG), tag_of(version, POINT_TAG)
    for device in verdict.devices:
        for point in device.points:
            if device.device == name and point.point_id == point_id:
                return device, point
    raise Failed("blessed", f"the verdict of run {verdict.run_name} has no point {point_id} on {name}")


def _same_standing(version: Any, verdict: Verdict, judged: DeviceVerdict, point: FrontierPoint) -> None:
    """The figures that later gates go by must be the verdict's."""
    if with_figures(version).standing != Standing.of(verdict, judged.machine, point):
        raise Failed("files", f"the figures in the version's tag {Standing.TAG} are not those of the verdict")


def _comparison(path: Path, run_id: str, verdict: Verdict) -> NossComparison:
    comparison = _read(NossComparison, path, COMPARISON, run_id)
    teacher = [model for model in comparison.models if model.kind == "teacher"]
    if len(teacher) != 1 or benchmark_digest(teacher[0], comparison.protocol) != verdict.benchmark_digest:
        raise Failed("files", f"{COMPARISON} of run {run_id} is not of the verdict's tasks and rules")
    return comparison
