"""Pushes blessed variants to versioned folders, then tells MLflow of the whole run."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor

from components import fan_in
from components.frontier_pusher import folders, metrics
from components.frontier_pusher.notice import write_notice
from components.frontier_pusher.registry import Registered, Registry
from components.frontier_pusher.settings import PusherSettings
from components.frontier_pusher.tracking import Tracker
from components.mlflow_store import without_credentials
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.reports import (
    DistillationSetInfo,
    FrontierIndex,
    IngestReport,
    ModelDescription,
    PushedModel,
    PushReport,
    StudentInfo,
    TfliteReport,
)
from schemas.verdicts import FrontierPoint, Verdict

VERDICT_KEY = "verdict"
LATENCY_KEY = "latency"
TEACHER_KEY = "teacher"
WINDOWS_KEY = "windows"
PUSHED_KEY = "pushed"
VARIANTS_ROLE = "variants"
STUDENT_ROLE = "student"
NOSS_ROLE = "noss"
SOURCE_ROLE = "source"
SETTINGS_PARAMETER = "settings"
RUN_NAME_PARAMETER = "run_name"
CONFIG_PARAMETER = "config_json"
CODE_DIGEST_PARAMETER = "code_digest"

CONFIG_FILE = "config.json"

logger = logging.getLogger("tinytrill.frontier_pusher")


@dataclass(frozen=True)
class Candidate:
    """Everything of one candidate.

    Attributes:
      folder: Of its TFLite files.
      student_folder: Of its training.
      noss_folder: Of its benchmark results.
    """

    folder: Path
    student_folder: Path
    noss_folder: Path
    converted: TfliteReport
    student: StudentInfo
    noss: NossReport

    def description(
        self, point: FrontierPoint, verdict: Verdict, windows: DistillationSetInfo, run_key: str
    ) -> ModelDescription:
        """What is written beside one of its files."""
        variant = next(v for v in self.converted.variants if v.name == point.variant)
        quality = self.noss.result(point.variant)
        if quality is None:
            raise ValueError(f"{point.point_id} is blessed but {self.noss_folder} has no result of it")
        front_end = self.converted.front_end
        return ModelDescription(
            point_id=point.point_id,
            candidate_id=point.candidate_id,
            variant=variant.name,
            input=variant.input,
            precision=variant.precision,
            sha256=point.sha256,
            bytes=variant.bytes,
            parameters=self.converted.parameters,
            spec=self.converted.spec,
            front_end=front_end,
            window_samples=front_end.window_samples,
            hop_samples=front_end.frames * front_end.hop_samples,
            inputs=variant.inputs,
            outputs=variant.outputs,
            parity=variant.parity,
            quality=quality,
            point=point,
            machine=verdict.machine,
            teacher=windows.teacher,
            teacher_digest=windows.teacher_digest,
            synthetic=verdict.synthetic,
            run_name=verdict.run_name,
            run_key=run_key,
        )


class Executor(base_executor.BaseExecutor):
    """See :class:`components.frontier_pusher.component.FrontierPusher`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes, registers and writes ``pushed.json``; every step may be repeated.

        Raises:
          ValueError: If a blessed file is absent or is not the file that was judged.
        """
        settings = PusherSettings.from_parameter(exec_properties[SETTINGS_PARAMETER])
        if not settings.destination:
            raise ValueError("destination is empty; accepted: the folder that pushed versions go to")
        verdict_folder = Path(input_dict[VERDICT_KEY][0].uri)
        verdict = Verdict.load(str(verdict_folder))
        candidates = read_candidates(input_dict)
        windows = DistillationSetInfo.load(input_dict[WINDOWS_KEY][0].uri)
        sources = [IngestReport.load(artifact.uri) for artifact in fan_in.gather(input_dict, SOURCE_ROLE)]
        key = run_key(exec_properties[RUN_NAME_PARAMETER], verdict_folder)

        descriptions = [
            candidates[point.candidate_id].description(point, verdict, windows, key)
            for point in verdict.blessed
        ]
        files = [
            folders.checked_file(candidates[d.candidate_id].folder, _variant(candidates, d), d.sha256)
            for d in descriptions
        ]
        notice = write_notice(windows, sources)
        pushed = [
            folders.push(
                Path(settings.destination),
                description,
                file,
                candidates[description.candidate_id].folder / _variant(candidates, description).golden,
                notice,
            )
            for description, file in zip(descriptions, files, strict=True)
        ]

        tracker = Tracker(settings, key, exec_properties[RUN_NAME_PARAMETER])
        parent = tracker.parent()
        log_pipeline_run(tracker, parent, verdict, verdict_folder, input_dict, exec_properties)
        runs = {
            name: log_candidate(tracker, parent, candidate, verdict, input_dict)
            for name, candidate in candidates.items()
        }
        registered = register(tracker, settings, descriptions, pushed, runs, parent)

        models = [
            PushedModel(
                point_id=description.point_id,
                candidate_id=description.candidate_id,
                variant=description.variant,
                sha256=description.sha256,
                folder=folder.relative_to(settings.destination).as_posix(),
                registered_model=settings.registered_model,
                registered_version=version.version,
                run_id=runs[description.candidate_id],
            )
            for description, folder, version in zip(descriptions, pushed, registered, strict=True)
        ]
        if models:
            # A verdict that blesses nothing pushes nothing: what was pushed before stays as it is.
            folders.write_index(
                Path(settings.destination),
                FrontierIndex(
                    run_name=verdict.run_name,
                    run_key=key,
                    synthetic=verdict.synthetic,
                    machine=verdict.machine,
                    models=models,
                ),
            )
        tracker.finish(parent)
        PushReport(tracking_uri=without_credentials(tracker.uri), parent_run_id=parent, models=models).save(
            output_dict[PUSHED_KEY][0].uri
        )
        if models:
            logger.info("pushed and registered %d models", len(models))
        else:
            logger.warning("nothing was pushed or registered: %s", verdict.summary)


def run_key(run_name: str, verdict_folder: Path) -> str:
    """Names a pipeline run: the same for a retry or a resumed run, since both read the same verdict."""
    digest = hashlib.sha256(run_name.encode() + b"\0" + (verdict_folder / Verdict.FILE).read_bytes())
    return digest.hexdigest()[:32]


def read_candidates(input_dict: Mapping[str, list[types.Artifact]]) -> dict[str, Candidate]:
    """All candidates by their id."""
    uris = [
        [Path(artifact.uri) for artifact in fan_in.gather(input_dict, role)]
        for role in (VARIANTS_ROLE, STUDENT_ROLE, NOSS_ROLE)
    ]
    found = [
        Candidate(
            variants,
            student,
            noss,
            TfliteReport.load(str(variants)),
            StudentInfo.load(str(student)),
            NossReport.load(str(noss)),
        )
        for variants, student, noss in zip(*uris, strict=True)
    ]
    return {candidate.converted.candidate_id: candidate for candidate in found}


def log_pipeline_run(
    tracker: Tracker,
    parent: str,
    verdict: Verdict,
    verdict_folder: Path,
    input_dict: Mapping[str, list[types.Artifact]],
    exec_properties: Mapping[str, Any],
) -> None:
    """The parent run: counts, teacher, baselines, verdict, pictures and pages, the configuration."""
    tracker.log_parameters(
        parent,
        {
            "synthetic": verdict.synthetic,
            "machine": verdict.machine.name,
            "runtime": verdict.machine.runtime,
            "is_device": verdict.machine.is_device,
        },
    )
    teacher = NossReport.load(input_dict[TEACHER_KEY][0].uri)
    tracker.log_metrics(parent, metrics.run_metrics(verdict, teacher))
    for name in (Verdict.FILE, Verdict.PICTURE, Verdict.PAGE):
        tracker.log_file(parent, verdict_folder / name, "verdict")
    for path in sorted((verdict_folder / Verdict.BENCHMARK).iterdir()):
        tracker.log_file(parent, path, f"verdict/{Verdict.BENCHMARK}")
    tracker.log_file(parent, Path(input_dict[LATENCY_KEY][0].uri) / LatencyReport.FILE, "reports")
    tracker.log_file(parent, Path(input_dict[WINDOWS_KEY][0].uri) / DistillationSetInfo.FILE, "reports")
    if exec_properties.get(CONFIG_PARAMETER):
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / CONFIG_FILE
            path.write_text(json.dumps(json.loads(exec_properties[CONFIG_PARAMETER]), indent=1) + "\n")
            tracker.log_file(parent, path)


def log_candidate(
    tracker: Tracker,
    parent: str,
    candidate: Candidate,
    verdict: Verdict,
    input_dict: Mapping[str, list[types.Artifact]],
) -> str:
    """One candidate's nested run, blessed or not; returns its id."""
    name = candidate.converted.candidate_id
    run_id = tracker.candidate(parent, name)
    latency = LatencyReport.load(input_dict[LATENCY_KEY][0].uri)
    tracker.log_parameters(run_id, metrics.candidate_parameters(candidate.converted, candidate.student))
    tracker.log_metrics(
        run_id, metrics.candidate_metrics(candidate.student, candidate.converted, candidate.noss, latency)
    )
    tracker.log_file(run_id, candidate.folder / TfliteReport.FILE, "reports")
    tracker.log_file(run_id, candidate.student_folder / StudentInfo.FILE, "reports")
    tracker.log_file(run_id, candidate.noss_folder / NossReport.FILE, "reports")
    for point in verdict.blessed:
        if point.candidate_id == name:
            variant = next(v for v in candidate.converted.variants if v.name == point.variant)
            tracker.log_file(run_id, candidate.folder / variant.file, f"tflite/{variant.name}")
    tracker.finish(run_id)
    return run_id


def register(
    tracker: Tracker,
    settings: PusherSettings,
    descriptions: list[ModelDescription],
    pushed: list[Path],
    runs: Mapping[str, str],
    parent: str,
) -> list[Registered]:
    """A registered version for each blessed variant; aliases come last, when all versions stand."""
    if not descriptions:
        return []
    registry = Registry(tracker, settings.registered_model, settings.alias)
    registry.ensure_model()
    registered = [
        registry.ensure_version(description, folder, runs[description.candidate_id], parent)
        for description, folder in zip(descriptions, pushed, strict=True)
    ]
    registry.set_aliases(registered)
    return registered


def _variant(candidates: Mapping[str, Candidate], description: ModelDescription) -> Any:
    converted = candidates[description.candidate_id].converted
    return next(variant for variant in converted.variants if variant.name == description.variant)
