"""Registered versions of blessed variants: pyfunc models-from-code around the TFLite file.

There is a registered model a device. A logged model holds the files of one variant and serves the versions
of all devices it is blessed for. Both are found again by the tags they were created with, so for one
verdict there is never a second version of one file.

Aliases: MLflow lets an alias name one version only. ``candidate`` names the blessed version that the run
recommends to ship (waveform in before log-mel in; without a recommendation the best quality);
``candidate-1`` ... ``candidate-<n>`` name every blessed version of the latest verdict in that order. Leftover
numbers of a longer earlier frontier are removed; other aliases, above all ``champion``, are never touched:
promotion is somebody's decision.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.package.folders import sha256_of
from components.common.package.serving import SCRIPT
from components.common.package.serving.package import save_pyfunc
from components.common.tracking.faults import TrackingFault
from components.common.tracking.ledger import ensure_model
from components.common.tracking.names import (
    CANDIDATE_TAG,
    FILES_TAG,
    MLFLOW_FILES_TAG,
    PARENT_RUN_TAG,
    POINT_TAG,
    RUN_KEY_TAG,
    SHA256_TAG,
    VERDICT_DIGEST_TAG,
)
from components.common.tracking.seal import seal, seal_parameter
from components.common.tracking.tracker import Tracker
from schemas.run_records import RecordedVersion, RunRecord
from schemas.verdicts import FrontierPoint

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

MODEL_TYPE = "tflite-embedding"

logger = logging.getLogger("tinytrill.frontier_pusher")


def register(
    tracker: Tracker, record: RunRecord, parent_run_id: str, runs: Mapping[str, str], folder: Path | None
) -> dict[tuple[str, str], str]:
    """A version for each blessed variant of each device; aliases come when all versions of a model stand.

    Args:
      tracker: The store.
      record: What is registered.
      parent_run_id: The pipeline's run, which holds verdict and page.
      runs: Candidates' runs, which the versions come from.
      folder: What the record's paths are relative to, where it was kept.

    Returns:
      The version's number by registered model and point id.

    Raises:
      TrackingFault: If a file of a version is not the file that the record names.
    """
    experiment_id = tracker.experiment_of(parent_run_id)
    registered: dict[tuple[str, str], str] = {}
    for name in sorted({version.registered_model for version in record.versions}):
        device = next(version.device for version in record.versions if version.registered_model == name)
        ensure_model(
            tracker.client,
            name,
            experiment_id,
            f"Small on-device speech-embedding models of TinyTrill's frontier for {device}.",
        )
        ranked = in_alias_order([version for version in record.versions if version.registered_model == name])
        for version in ranked:
            number = _ensure_version(
                tracker,
                record,
                version,
                Path(folder or "", version.folder),
                parent_run_id,
                runs,
                experiment_id,
            )
            registered[name, version.description.point_id] = number
        numbers = [registered[name, version.description.point_id] for version in ranked]
        _set_aliases(tracker, name, record.alias, numbers, parent_run_id)
    return registered


def in_alias_order(versions: Sequence[RecordedVersion]) -> list[RecordedVersion]:
    """Waveform in first, then what is recommended, then the best quality, then the cheapest to run there."""

    def rank(version: RecordedVersion) -> tuple[bool, bool, float, float, str]:
        point, recommended = judged(version), version.device in version.description.recommended_on
        return (
            point.input != "wave",
            not recommended,
            -point.quality,
            point.cost,
            point.point_id,
        )

    return sorted(versions, key=rank)


def judged(version: RecordedVersion) -> FrontierPoint:
    """The decision on the version's own device."""
    return next(
        blessing.point
        for blessing in version.description.blessings
        if blessing.machine.profile == version.device
    )


def _ensure_version(
    tracker: Tracker,
    record: RunRecord,
    version: RecordedVersion,
    folder: Path,
    parent_run_id: str,
    runs: Mapping[str, str],
    experiment_id: str,
) -> str:
    """Number of the version, made if this verdict has none of its file yet."""
    identity = {
        RUN_KEY_TAG: record.run_key,
        VERDICT_DIGEST_TAG: record.verdict_digest,
        SHA256_TAG: version.description.sha256,
        POINT_TAG: version.description.point_id,
    }
    found = tracker.client.search_model_versions(_query({**identity}, f"name = '{version.registered_model}'"))
    if found:
        return min((str(one.version) for one in found), key=int)
    run_id = runs[version.candidate_id]
    model = _ensure_logged_model(
        tracker, record, version, folder, parent_run_id, run_id, identity, experiment_id
    )
    with tracker.as_default():
        made = tracker.client.create_model_version(
            version.registered_model,
            source=f"models:/{model.model_id}",
            run_id=run_id,
            tags={
                **version.tags,
                **identity,
                PARENT_RUN_TAG: parent_run_id,
                FILES_TAG: model.tags[FILES_TAG],
                MLFLOW_FILES_TAG: model.tags[MLFLOW_FILES_TAG],
            },
            model_id=model.model_id,
            description=version.text,
        )
    return str(made.version)


def _ensure_logged_model(
    tracker: Tracker,
    record: RunRecord,
    version: RecordedVersion,
    folder: Path,
    parent_run_id: str,
    run_id: str,
    identity: dict[str, str],
    experiment_id: str,
) -> LoggedModel:
    """The finished logged model of a variant; an unfinished one, left by a kill, is replaced."""
    from mlflow.entities import LoggedModelStatus

    client, description = tracker.client, version.description
    for found in client.search_logged_models([experiment_id], filter_string=_query(identity)):
        if found.status == LoggedModelStatus.READY:
            _ensure_output(tracker, run_id, found.model_id)
            return found
        client.delete_logged_model(found.model_id)
    files = _checked_files(json.loads(version.tags[FILES_TAG]), folder)
    model = client.create_logged_model(
        experiment_id,
        name=f"{description.candidate_id}_{description.variant}".replace(".", "_"),
        source_run_id=run_id,
        tags={**identity, CANDIDATE_TAG: description.candidate_id, FILES_TAG: json.dumps(files)},
        params=description.spec.levels(description.front_end),
        model_type=MODEL_TYPE,
    )
    with tempfile.TemporaryDirectory() as aside:
        local = Path(aside) / "model"
        save_pyfunc(local, description, folder, model.model_id, run_id, files)
        written = {
            path.name: sha256_of(path)
            for path in local.iterdir()
            if path.is_file() and path.name not in files
        }
        client.set_logged_model_tags(model.model_id, {MLFLOW_FILES_TAG: json.dumps(written)})
        tags = {
            PARENT_RUN_TAG: parent_run_id,
            FILES_TAG: json.dumps(files),
            MLFLOW_FILES_TAG: json.dumps(written),
        }
        client.log_model_params(model.model_id, _seals(record, description.point_id, tags))
        client.log_model_artifacts(model.model_id, str(local))
    model = client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    _ensure_output(tracker, run_id, model.model_id)
    return model


def _seals(record: RunRecord, point_id: str, tags: Mapping[str, str]) -> dict[str, str]:
    """The seal of each version that comes from a logged model: one a device."""
    return {
        seal_parameter(version.device): seal(version.registered_model, {**version.tags, **tags})
        for version in record.versions
        if version.description.point_id == point_id
    }


def _ensure_output(tracker: Tracker, run_id: str, model_id: str) -> None:
    """Names a finished logged model as an output of the run it comes from."""
    from mlflow.entities import LoggedModelOutput

    outputs = tracker.client.get_run(run_id).outputs
    if outputs is None or all(output.model_id != model_id for output in outputs.model_outputs):
        tracker.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])


def _checked_files(recorded: Mapping[str, str], folder: Path) -> dict[str, str]:
    """sha256 of every file that is stored: those of the folder as recorded, the script as it is now."""
    script = Path(SCRIPT)
    for name, expected in recorded.items():
        path = folder / name
        if name != script.name and (not path.is_file() or sha256_of(path) != expected):
            raise TrackingFault(
                f"{path} is not the file that was recorded (sha256 {expected}): it is absent or was changed; "
                "nothing is registered from it"
            )
    return {**recorded, script.name: sha256_of(script)}


def _set_aliases(tracker: Tracker, name: str, alias: str, numbers: Sequence[str], parent_run_id: str) -> None:
    """Points the aliases at the versions of a verdict, best first, unless a later run has set them."""
    client = tracker.client
    present = client.get_registered_model(name).aliases
    if alias in present and _is_later(tracker, name, str(present[alias]), parent_run_id):
        logger.info("the aliases of %s stay at v%s, which is of a later run", name, present[alias])
        return
    wanted = {f"{alias}-{i}": number for i, number in enumerate(numbers, start=1)} | {alias: numbers[0]}
    numbered = re.compile(re.escape(alias) + r"-\d+")
    for one, number in wanted.items():
        if str(present.get(one)) != number:
            client.set_registered_model_alias(name, one, number)
    for one in present:
        if numbered.fullmatch(one) and one not in wanted:
            client.delete_registered_model_alias(name, one)


def _is_later(tracker: Tracker, name: str, number: str, parent_run_id: str) -> bool:
    """Whether a version's pipeline run began after another: a record may have been kept for long."""
    other = tracker.client.get_model_version(name, number).tags.get(PARENT_RUN_TAG, "")
    return bool(other) and tracker.begun_ms(other) > tracker.begun_ms(parent_run_id)


def _query(tags: Mapping[str, str], first: str = "") -> str:
    conditions = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    return " and ".join([first, *conditions] if first else conditions)
