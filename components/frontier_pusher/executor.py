"""Pushes blessed variants to versioned folders, then tells MLflow of the whole run."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from components.common.frontier.closed import GateClosed, is_closed
from components.common.package import folders
from components.common.package.serving import STREAMING
from components.common.tfx.evidence import keep_evidence
from components.common.tfx.executors import TaskExecutor
from components.common.tracking.delivery import deliver
from components.common.tracking.stores import TRACKING_URI, keep_credentials_aside
from components.common.tracking.tracker import given_run_id
from components.frontier_pusher.c_array import write_c_array
from components.frontier_pusher.card import write_card, write_example
from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.inputs import JudgedRun, read_inputs
from components.frontier_pusher.notice import write_notice
from components.frontier_pusher.record import Identity, make_record, run_key_of
from components.frontier_pusher.settings import PusherSettings
from schemas.push_reports import ModelDescription, PushReport
from schemas.run_context import RunContext
from schemas.run_records import RunRecord

logger = logging.getLogger("tinytrill.frontier_pusher")


class Executor(TaskExecutor[FrontierPusher]):
    """See :class:`components.frontier_pusher.component.FrontierPusher`."""

    def run(self, task: FrontierPusher) -> None:
        """Pushes, registers and writes ``pushed.json`` and ``links.js``; every step may be repeated.

        Raises:
          ValueError: If a blessed file is absent or is not the file that was judged; nothing is pushed.
          TrackingFault: If MLflow did not take what it was told and the policy is to stop; it is kept.
          GateClosed: If a device's gate is closed; what is blessed for the others is pushed before.
        """
        settings, output = task.settings, Path(task.pushed.uri)
        check(settings)
        output.mkdir(parents=True, exist_ok=True)
        run = read_inputs(task)
        identity = identify(run, settings, task.run_name)
        descriptions = run.descriptions(identity.run_name, identity.run_key)
        pushed = push(run, descriptions, Path(settings.destination))
        record = make_record(run, identity, descriptions, pushed, settings, task.config_json, output)
        report = tell(record, settings)
        logger.info("pushed %d models%s", len(pushed), "" if report.unsent else " and registered them")
        if is_closed(run.verdict):
            raise GateClosed(run.verdict, report.models, keep_evidence(str(output)))


def check(settings: PusherSettings) -> None:
    """Refuses settings without a folder, of which only a run has a default.

    Raises:
      ValueError: If a folder is not named.
    """
    for name, what in (
        ("destination", "that pushed versions go to"),
        ("outbox", "that keeps what MLflow does not take"),
    ):
        if not getattr(settings, name):
            raise ValueError(f"{name} is empty; accepted: the folder {what}")


def identify(run: JudgedRun, settings: PusherSettings, run_name: str) -> Identity:
    """Which run this is: as the pipeline says, else by its name and verdict.

    Raises:
      ValueError: If no MLflow store is named.
    """
    context = RunContext.from_environment()
    tracking_uri = settings.tracking_uri or os.environ.get(TRACKING_URI, "")
    if not tracking_uri:
        raise ValueError(f"no MLflow store: tracking_uri is empty and {TRACKING_URI} is not set")
    run_key = context.run_key if context else run_key_of(run_name, run.verdict)
    return Identity(run_key, run_name, context, given_run_id(), keep_credentials_aside(tracking_uri))


def push(run: JudgedRun, descriptions: Sequence[ModelDescription], destination: Path) -> list[Path]:
    """A version folder for each blessed file; nothing is pushed before all files were looked at.

    Raises:
      ValueError: If a file is absent or is not the file that was judged.
    """
    variants = [run.candidates[d.candidate_id].variant(d.variant) for d in descriptions]
    files = [
        folders.checked_file(run.candidates[d.candidate_id].folder, variant, d.sha256)
        for d, variant in zip(descriptions, variants, strict=True)
    ]
    return [
        folders.push(
            destination,
            description,
            file,
            file.with_name(variant.golden),
            texts(description) | _for_boards(description, file),
        )
        for description, variant, file in zip(descriptions, variants, files, strict=True)
    ]


def texts(description: ModelDescription) -> dict[str, str]:
    """What lies beside a pushed file, by name."""
    beside = {
        folders.NOTICE_FILE: write_notice(description),
        folders.CARD_FILE: write_card(description),
        folders.EXAMPLE_FILE: write_example(description),
    }
    if description.input == "stream":
        beside[folders.STREAMING_FILE] = STREAMING.read_text(encoding="utf-8")
    return beside


def _for_boards(description: ModelDescription, file: Path) -> dict[str, str]:
    """What a program for a microcontroller needs beside the file, if it is blessed for one."""
    if all(blessing.machine.measures_time for blessing in description.blessings):
        return {}
    return {folders.C_ARRAY_FILE: write_c_array(description, file.read_bytes())}


def tell(record: RunRecord, settings: PusherSettings) -> PushReport:
    """Sends the record, or keeps it until it can be sent.

    Raises:
      TrackingFault: If it was not sent and the policy is to stop; it is kept all the same.
    """
    report, fault = deliver(record, Path(settings.outbox))
    if fault is not None:
        advice = f"{fault}\nkept in {report.kept}; send it with: pipeline_runner.py lineage sync"
        if settings.if_unreachable == "stop":
            raise type(fault)(advice) from None
        logger.warning("%s", advice)
    return report
