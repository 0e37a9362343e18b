"""From labelled clips and a frozen student to a classifier in one file, measured and described."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.common.package.folders import CARD_FILE
from components.common.store.publishing import publish
from components.noss_evaluator.protocol import describe_protocol
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.sources import refusing_sources
from pipeline.heads.clips import LabelledClips, decode_clips
from pipeline.heads.detection import calibration, detection, positive_label
from pipeline.heads.documents import write_card, write_page
from pipeline.heads.embedded import embed_clips
from pipeline.heads.joined import Classifier, JoinFailed, assemble, make_classifier
from pipeline.heads.latency import measure_latency
from pipeline.heads.listing import list_clips
from pipeline.heads.measured import PROTOCOL, Measured, confusion, train_and_measure
from pipeline.heads.registry import PAGE_FILE, check_name, register_head
from pipeline.heads.students import FrozenStudent, check_alias, find_student
from pipeline.local.runner import RunFailed
from pipeline.models.stores import opened
from schemas.head_reports import HeadLatency, HeadReport
from schemas.records import SAMPLE_RATE

_SUFFIX = ".tflite"


@dataclass(frozen=True)
class HeadRequest:
    """What was asked for on the command line.

    Attributes:
      model: As :func:`pipeline.heads.students.find_student` takes it.
      task: Folder of labelled clips.
      file: The classifier's file.
      positive: Of two labels the one that is detected; empty: the one that is not a usual rest.
      tracking_uri: MLflow store of a registered student.
      output: A run's folder, whose store it is in.
      seed: Of the bootstrap.
      latency: Whether the file is timed beside its bare student.
      calibrate: Whether the metadata are to calibrate the scores.
      register: Registered model that it becomes a version of; empty: none.
    """

    model: str
    task: Path
    file: Path
    positive: str = ""
    tracking_uri: str = ""
    output: Path | None = None
    seed: int = 20
    latency: bool = True
    calibrate: bool = False
    register: str = ""


def report_folder(file: Path) -> Path:
    """Where card, page and report of a classifier lie: ``cough.head`` beside ``cough.tflite``."""
    return file.with_suffix(".head")


def train_head(request: HeadRequest, tell: Callable[[str], None] = lambda _: None) -> HeadReport:
    """Trains, joins, measures and writes; file and folder appear at the end.

    Args:
      request: What is asked for.
      tell: Is told what is being done.

    Raises:
      ConfigError: If something that is asked for cannot be used; nothing is written.
      RunFailed: If the joined file is not student and head.
      TrackingFault: If the registry does not respond as expected.
    """
    _check_place(request.file)
    student = find_student(request.model, request.tracking_uri, request.output)
    if request.register:
        with opened(request.tracking_uri, request.output) as client:
            check_name(client, request.register, student.about.registered)
    with refusing_sources():
        listed = list_clips(request.task)
        _check_positive(request.positive, listed.labels)
        tell(f"{len(listed.rows)} clips of {', '.join(listed.labels)} for {student.about.point_id}")
        labelled = decode_clips(listed)
    embedded = embed_clips(labelled, student, PROTOCOL)
    tell(f"{len(embedded.windows)} windows embedded")
    measured = train_and_measure(embedded, request.seed, request.calibrate)
    try:
        classifier = make_classifier(student, measured.probe, embedded)
        annotated = assemble(
            student.content,
            classifier.head,
            request.file.stem,
            measured.clips.task.classes,
            student.about.point_id,
            labelled.task.record.licence,
            measured.sigmoids,
        )
    except (JoinFailed, ValueError) as error:
        raise RunFailed(f"{request.file.name}: {error}") from error
    latency = None
    if request.latency:
        tell("timing it beside the bare student")
        latency = measure_latency(student, annotated, request.seed)
    report = _report(request, student, labelled, measured, classifier, annotated, latency)
    check_alias(student, request.tracking_uri, request.output)
    _write(request.file, annotated, classifier.head, report)
    if request.register:
        with opened(request.tracking_uri, request.output) as client:
            version = register_head(client, request.register, request.file, report_folder(request.file))
        tell(f"registered as {version}, on {report.student.registered}")
    return report


def _check_place(file: Path) -> None:
    if file.suffix != _SUFFIX:
        raise ConfigError(f"-o: {str(file)!r}; accepted: a new file whose name ends in {_SUFFIX}")
    for place in (file, report_folder(file)):
        if os.path.lexists(place):
            raise ConfigError(
                f"-o: {str(place)!r} is there already and is not overwritten; accepted: a new name"
            )
    if not file.resolve().parent.is_dir():
        raise ConfigError(f"-o: there is no folder {str(file.parent)!r} for {file.name!r}")


def _check_positive(positive: str, labels: list[str]) -> None:
    if positive and positive not in labels:
        raise ConfigError(f"--positive: there is no label {positive!r}; accepted: {', '.join(labels)}")


def _report(
    request: HeadRequest,
    student: FrozenStudent,
    labelled: LabelledClips,
    measured: Measured,
    classifier: Classifier,
    annotated: bytes,
    latency: HeadLatency | None,
) -> HeadReport:
    task, record = measured.clips.task, labelled.task.record
    found = None
    if len(task.classes) == 2:
        positive = request.positive or record.positive_label or positive_label(task.classes)
        found = detection(measured.windows, positive, measured.sigmoids)
    return HeadReport(
        name=request.file.stem,
        labels=list(task.classes),
        sha256=hashlib.sha256(annotated).hexdigest(),
        bytes=len(annotated),
        bare_sha256=hashlib.sha256(classifier.content).hexdigest(),
        bare_bytes=len(classifier.content),
        head_sha256=hashlib.sha256(classifier.head).hexdigest(),
        student=student.about,
        inputs=classifier.inputs,
        outputs=classifier.outputs,
        probe=measured.probe.candidate.kind,
        parameter=measured.probe.candidate.parameter,
        head_parameters=classifier.head_parameters,
        largest_difference=classifier.largest_difference,
        trained_on=measured.trained_on,
        measured_by=measured.measured_by,
        protocol=describe_protocol(PROTOCOL, request.seed),
        windows=measured.windows.result,
        clips=measured.clips.result,
        confusion=confusion(measured.clips),
        detection=found,
        calibration=calibration(measured.windows),
        sigmoids=measured.sigmoids,
        calibrated=calibration(measured.calibrated) if measured.calibrated else None,
        latency=latency,
        speakers=len({clip.speaker_id for clip in labelled.clips} - {""}),
        clips_by_label=dict(sorted(Counter(clip.label for clip in labelled.clips).items())),
        hours=sum(len(clip.audio) for clip in labelled.clips) / SAMPLE_RATE / 3600,
        left_out=list(labelled.left_out),
        licence=record.licence,
        synthetic=labelled.task.synthetic,
        seed=request.seed,
    )


def _write(file: Path, content: bytes, head: bytes, report: HeadReport) -> None:
    try:
        with publish(report_folder(file)) as folder:
            report.save(folder)
            (folder / HeadReport.HEAD).write_bytes(head)
            (folder / CARD_FILE).write_text(write_card(report), encoding="utf-8")
            (folder / PAGE_FILE).write_text(write_page(report), encoding="utf-8")
        with publish(file) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"-o: {str(file)!r} cannot be written: {error}") from error
