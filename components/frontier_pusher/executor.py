"""Pushes blessed variants to versioned folders, then tells MLflow of the whole run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor

from components import fan_in
from components.evidence import keep_evidence
from components.frontier_pusher import folders
from components.frontier_pusher.candidates import blessings_by_point, read_candidates
from components.frontier_pusher.closed import GateClosed, is_closed
from components.frontier_pusher.links import write_links
from components.frontier_pusher.notice import write_notice
from components.frontier_pusher.registry import Registered, Registry
from components.frontier_pusher.run_log import VERDICT_FOLDER, log_candidate, log_pipeline_run
from components.frontier_pusher.settings import PusherSettings
from components.tracking.stores import without_credentials
from components.tracking.tracker import Tracker
from schemas.latency_reports import LatencyReport
from schemas.noss_reports import NossReport
from schemas.reports import (
    DistillationSetInfo,
    FrontierIndex,
    IngestReport,
    ModelDescription,
    PushedModel,
    PushReport,
)
from schemas.verdicts import Verdict

VERDICT_KEY = "verdict"
TEACHER_KEY = "teacher"
WINDOWS_KEY = "windows"
PUSHED_KEY = "pushed"
LATENCY_ROLE = "latency"
SOURCE_ROLE = "source"
SETTINGS_PARAMETER = "settings"
RUN_NAME_PARAMETER = "run_name"
CONFIG_PARAMETER = "config_json"
CODE_DIGEST_PARAMETER = "code_digest"

logger = logging.getLogger("tinytrill.frontier_pusher")


class Executor(base_executor.BaseExecutor):
    """See :class:`components.frontier_pusher.component.FrontierPusher`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes, registers and writes ``pushed.json`` and ``links.js``; every step may be repeated.

        Raises:
          ValueError: If a blessed file is absent or is not the file that was judged; nothing is pushed.
          GateClosed: If a device's gate is closed; what is blessed for the others is pushed before.
        """
        settings = PusherSettings.from_parameter(exec_properties[SETTINGS_PARAMETER])
        if not settings.destination:
            raise ValueError("destination is empty; accepted: the folder that pushed versions go to")
        destination = Path(settings.destination)
        verdict_folder = Path(input_dict[VERDICT_KEY][0].uri)
        verdict = Verdict.load(str(verdict_folder))
        candidates = read_candidates(input_dict)
        windows = DistillationSetInfo.load(input_dict[WINDOWS_KEY][0].uri)
        sources = [IngestReport.load(artifact.uri) for artifact in fan_in.gather(input_dict, SOURCE_ROLE)]
        latency_folders = [Path(artifact.uri) for artifact in fan_in.gather(input_dict, LATENCY_ROLE)]
        run_name = exec_properties[RUN_NAME_PARAMETER]
        key = run_key(run_name, verdict)

        descriptions = [
            candidates[blessings[0].point.candidate_id].description(blessings, verdict, windows, key)
            for blessings in blessings_by_point(verdict).values()
        ]
        variants = [candidates[d.candidate_id].variant(d.variant) for d in descriptions]
        files = [
            folders.checked_file(candidates[d.candidate_id].folder, variant, d.sha256)
            for d, variant in zip(descriptions, variants, strict=True)
        ]
        notice = write_notice(windows, sources)
        pushed = [
            folders.push(destination, description, file, file.with_name(variant.golden), notice)
            for description, variant, file in zip(descriptions, variants, files, strict=True)
        ]

        tracker = Tracker(settings, key, run_name)
        parent = tracker.parent()
        log_pipeline_run(
            tracker,
            parent,
            verdict,
            verdict_folder,
            NossReport.load(input_dict[TEACHER_KEY][0].uri),
            latency_folders,
            Path(input_dict[WINDOWS_KEY][0].uri),
            exec_properties.get(CONFIG_PARAMETER) or "",
        )
        latencies = [LatencyReport.load(str(folder)) for folder in latency_folders]
        blessed = {description.point_id for description in descriptions}
        runs = {
            name: log_candidate(tracker, parent, candidate, blessed, latencies)
            for name, candidate in candidates.items()
        }
        registered = register(tracker, settings, verdict, descriptions, pushed, runs, parent)

        models = [
            PushedModel(
                point_id=description.point_id,
                candidate_id=description.candidate_id,
                variant=description.variant,
                sha256=description.sha256,
                devices=[blessing.machine.profile for blessing in description.blessings],
                folder=folder.relative_to(destination).as_posix(),
                registered_model=settings.registered_model,
                registered_version=version.version,
                run_id=runs[description.candidate_id],
            )
            for description, folder, version in zip(descriptions, pushed, registered, strict=True)
        ]
        if models:
            # A verdict that blesses nothing pushes nothing: what was pushed before stays as it is.
            folders.write_index(
                destination,
                FrontierIndex(
                    run_name=verdict.run_name, run_key=key, synthetic=verdict.synthetic, models=models
                ),
            )
        output = Path(output_dict[PUSHED_KEY][0].uri)
        tracker.log_file(
            parent, write_links(output, tracker, candidates, runs, models, destination), VERDICT_FOLDER
        )
        closed = is_closed(verdict)
        tracker.tag_gate(parent, verdict.closed or ([verdict.summary] if closed else []))
        tracker.finish(parent, "FAILED" if closed else "FINISHED")
        PushReport(tracking_uri=without_credentials(tracker.uri), parent_run_id=parent, models=models).save(
            output
        )
        if models:
            logger.info("pushed and registered %d models", len(models))
        if closed:
            raise GateClosed(verdict, models, keep_evidence(str(output)))


def run_key(run_name: str, verdict: Verdict) -> str:
    """Names a pipeline run: the same for a retry or a resumed run, since both read the same verdict.

    What the registry holds beside the run is left out: the push itself adds to it.
    """
    decided = verdict.model_dump_json(exclude={"devices": {"__all__": {"registered"}}})
    return hashlib.sha256(f"{run_name}\0{decided}".encode()).hexdigest()[:32]


def register(
    tracker: Tracker,
    settings: PusherSettings,
    verdict: Verdict,
    descriptions: Sequence[ModelDescription],
    pushed: Sequence[Path],
    runs: Mapping[str, str],
    parent: str,
) -> list[Registered]:
    """A registered version for each blessed variant; aliases come last, when all versions stand."""
    if not descriptions:
        return []
    registry = Registry(tracker, settings.registered_model, settings.alias)
    registry.ensure_model()
    registered = [
        registry.ensure_version(description, verdict, folder, runs[description.candidate_id], parent)
        for description, folder in zip(descriptions, pushed, strict=True)
    ]
    registry.set_aliases(registered)
    return registered
