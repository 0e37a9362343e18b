"""Heads in the registry: versions of registered models of their own, each linked to its student's version.

A version's files are the classifier, the head by itself, report, card and page; their sha256 stand in its
tags. Classifier and head are kept both: who has the student already fetches the head only, and makes the
classifier's very bytes of the two.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any, Literal

from components.common.package.folders import CARD_FILE, GOLDEN_FILE, MODEL_FILE, sha256_of
from components.common.store.publishing import publish
from components.common.tracking.faults import telling, unless_absent
from components.common.tracking.ledger import ensure_model
from components.common.tracking.names import (
    CANDIDATE_ALIAS,
    CHAMPION_ALIAS,
    FILES_TAG,
    HEAD_ON_TAG,
    HEAD_ROLE,
    HEAD_STUDENT_TAG,
    ROLE_TAG,
    SHA256_TAG,
)
from components.common.tracking.registered import is_head, versions_of
from components.tflite_converter.checks import GOLDEN_INPUT
from pipeline.configuration.config_file import ConfigError
from pipeline.heads.joined import assemble, prove
from pipeline.models.registry.files import Tampered, fetch_files, read_sums
from pipeline.models.registry.versions import find_version, tagged_versions
from schemas.head_reports import HeadReport
from schemas.settings import UnreadableReport

PAGE_FILE = "index.html"
CLASSIFIER_FILE = "classifier.tflite"
_FILES = frozenset({CLASSIFIER_FILE, HeadReport.HEAD, HeadReport.FILE, CARD_FILE, PAGE_FILE})
_FOLDER = "head"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_name(client: Any, name: str, student: str) -> None:
    """Refuses a name that is not for heads, or a student that the registry does not have.

    Args:
      client: MLflow's.
      name: Of the registered model.
      student: The student's registered version; empty: it is a file.

    Raises:
      ConfigError: With what is accepted.
    """
    if not student:
        raise ConfigError(
            "--register: the student is a file, and a registered head is linked to its student's version; "
            "accepted: MODEL as NAME@ALIAS or NAME/3"
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--register: {name!r}; accepted: letters, digits, '.', '_' and '-'")
    if unless_absent(lambda: client.get_registered_model(name)) is None:
        return
    if others := [one for one in versions_of(client, name) if not is_head(one)]:
        raise ConfigError(
            f"--register: version {others[0].version} of {name} is no head; accepted: a registered model of "
            "heads, or a new name"
        )


def register_head(client: Any, name: str, file: Path, folder: Path) -> str:
    """Makes a classifier a version, aliased ``candidate``; the same file on the same student is found again.

    Args:
      client: MLflow's.
      name: Of the registered model.
      file: The classifier.
      folder: With its report, card, page and the head by itself.

    Returns:
      The version, as in 'cough/2'.
    """
    report = HeadReport.load(folder)
    student = find_version(client, report.student.registered)
    experiment = client.get_run(student.run_id).info.experiment_id
    ensure_model(client, name, experiment, "Classifiers on students of TinyTrill.")
    for known in versions_of(client, name):
        if (known.tags.get(SHA256_TAG), known.tags.get(HEAD_ON_TAG)) == (
            report.sha256,
            report.student.registered,
        ):
            return f"{name}/{known.version}"
    sources = {CLASSIFIER_FILE: file, **{path.name: path for path in folder.iterdir()}}
    files = {one: sha256_of(path) for one, path in sorted(sources.items()) if one in _FILES}
    run = client.create_run(experiment, tags={ROLE_TAG: HEAD_ROLE}, run_name=f"head {report.name}")
    with tempfile.TemporaryDirectory() as aside:
        for one in files:
            (Path(aside) / one).write_bytes(sources[one].read_bytes())
        client.log_artifacts(run.info.run_id, aside, _FOLDER)
    for key, result in (("clips", report.clips), ("windows", report.windows)):
        client.log_metric(run.info.run_id, f"{result.metric}.{key}", result.value)
    client.set_terminated(run.info.run_id)
    made = client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{_FOLDER}",
        run_id=run.info.run_id,
        tags={
            HEAD_ON_TAG: report.student.registered,
            HEAD_STUDENT_TAG: report.student.sha256,
            SHA256_TAG: report.sha256,
            FILES_TAG: json.dumps(files),
        },
        description=f"{', '.join(report.labels)} on {report.student.registered}",
    )
    client.set_registered_model_alias(name, CANDIDATE_ALIAS, str(made.version))
    return f"{name}/{made.version}"


def fetch_head(client: Any, version: Any, folder: Path, whole: bool = True) -> HeadReport:
    """Downloads a head's files and verifies them.

    Args:
      client: MLflow's.
      version: Of a registered model of heads.
      folder: Where they go; made if it does not exist.
      whole: Whether the classifier is wanted too, and not only the head by itself.

    Raises:
      Tampered: If a file is absent, is another one, or has a name that none of a head has.
      TrackingFault: If the store does not give the files.
    """
    name = f"{version.name} v{version.version}"
    recorded = read_sums(version, FILES_TAG)
    if recorded.keys() != _FILES or recorded[CLASSIFIER_FILE] != version.tags.get(SHA256_TAG):
        raise Tampered(f"{name}: its tags do not name the files of a head: {', '.join(sorted(_FILES))}")
    folder.mkdir(parents=True, exist_ok=True)
    with telling(client.tracking_uri), tempfile.TemporaryDirectory() as aside:
        for file, expected in recorded.items():
            if file == CLASSIFIER_FILE and not whole:
                continue
            got = Path(client.download_artifacts(version.run_id, f"{_FOLDER}/{file}", aside))
            if not got.is_file() or got.is_symlink() or sha256_of(got) != expected:
                raise Tampered(f"{name}: {file} is not the file that was registered (sha256 {expected})")
            (folder / file).write_bytes(got.read_bytes())
    try:
        report = HeadReport.load(folder)
    except UnreadableReport as error:
        raise Tampered(f"{name}: {error}") from None
    told = (report.sha256, report.student.registered, report.student.sha256, report.head_sha256)
    tags = (version.tags[SHA256_TAG], version.tags[HEAD_ON_TAG], version.tags.get(HEAD_STUDENT_TAG))
    if told != (*tags, recorded[HeadReport.HEAD]):
        raise Tampered(f"{name}: {HeadReport.FILE} describes another head or student than its tags")
    return report


def pull_heads(client: Any, student: Path, sha256: str, target: Path) -> dict[str, Path]:
    """The heads on a student, each put together with the student that is here already.

    Of each registered model of heads the champion is taken, else the newest on this student.

    Args:
      client: MLflow's.
      student: Its file.
      sha256: Of the file.
      target: Folder that gets one for each head.

    Returns:
      The classifier of each head, by its registered version.

    Raises:
      Tampered: If student and head do not make the registered classifier.
    """
    newest: dict[str, Any] = {}
    for version in tagged_versions(client, HEAD_STUDENT_TAG, sha256):
        known = newest.get(version.name)
        rank = (CHAMPION_ALIAS in version.aliases, int(version.version))
        if known is None or rank > (CHAMPION_ALIAS in known.aliases, int(known.version)):
            newest[version.name] = version
    made = {}
    for name, version in sorted(newest.items()):
        with publish(target / name, replace=True) as partial:
            report = fetch_head(client, version, partial, whole=False)
            content = _put_together(
                version, student.read_bytes(), (partial / HeadReport.HEAD).read_bytes(), report
            )
            (partial / f"{report.name}.tflite").write_bytes(content)
        made[f"{name}/{version.version}"] = target / name / f"{report.name}.tflite"
    return made


def check_head(client: Any, version: Any) -> list[tuple[Literal["files", "student", "parity"], str]]:
    """Asks everything about a head again, before it becomes champion.

    Returns:
      What was found: the check and words, of ``files``, ``student`` and ``parity``.

    Raises:
      Tampered: If a file of head or student is not the registered one, or the two do not make the classifier.
      ConfigError: If the student's version is gone.
      JoinFailed: If the classifier does not answer the student's golden vectors as student and head do.
    """
    import numpy as np

    from components.common.modeling.litert import LiteRtModel

    with tempfile.TemporaryDirectory() as aside:
        head, student = Path(aside) / "head", Path(aside) / "student"
        report = fetch_head(client, version, head)
        on = find_version(client, version.tags[HEAD_ON_TAG])
        told = fetch_files(client, on, student)
        if told.sha256 != report.student.sha256:
            raise Tampered(f"{on.name} v{on.version} is not the student of {version.name} v{version.version}")
        bare, small = (student / MODEL_FILE).read_bytes(), (head / HeadReport.HEAD).read_bytes()
        content = _put_together(version, bare, small, report)
        with np.load(student / GOLDEN_FILE, allow_pickle=False) as golden:
            windows = golden[GOLDEN_INPUT]
        alone = LiteRtModel(small)
        embedded = LiteRtModel(bare)
        expected = np.concatenate([alone.run(embedded.run(window[None])[0])[0] for window in windows])
        difference = prove(bare, content, windows, expected)
    return [
        ("files", f"{len(_FILES)} files are as they were registered"),
        (
            "student",
            f"{on.name} v{on.version} is as it was registered, and with the head makes the classifier",
        ),
        (
            "parity",
            f"{len(windows)} golden vectors: the embedding bit for bit, scores within {difference:.1g}",
        ),
    ]


def _put_together(version: Any, student: bytes, head: bytes, report: HeadReport) -> bytes:
    name = f"{version.name} v{version.version}"
    try:
        content = assemble(
            student,
            head,
            report.name,
            report.labels,
            report.student.point_id,
            report.licence,
            report.sigmoids,
        )
    except ValueError as error:
        raise Tampered(f"{name}: student and head do not fit: {error}") from None
    if (found := hashlib.sha256(content).hexdigest()) != report.sha256:
        raise Tampered(f"{name}: student and head make {found}, registered is {report.sha256}")
    return content
