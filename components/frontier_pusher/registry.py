"""Registered versions of blessed variants: pyfunc models-from-code around the TFLite file.

A logged model, then a version, is found again by the tags it was created with, so for one run key there is
never a second version of one sha256.

Aliases: MLflow lets an alias name one version only. ``candidate`` names the best blessed version (waveform
in before log-mel in, then quality); ``candidate-1`` ... ``candidate-<n>`` name every blessed version of the
latest verdict in that order. Leftover numbers of a longer earlier frontier are removed; other aliases,
above all ``champion``, are never touched: promotion is somebody's decision.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.frontier_pusher.serving.package import save_pyfunc
from components.frontier_pusher.tags import POINT_TAG, SHA256_TAG, in_words, version_tags
from components.tracking.tracker import CANDIDATE_TAG, RUN_KEY_TAG, Tracker
from schemas.reports import ModelDescription
from schemas.verdicts import FrontierPoint, Verdict

MODEL_TYPE = "tflite-embedding"


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
      point: What was registered, as judged on the first device it is blessed for.
      version: Its number.
    """

    point: FrontierPoint
    version: str


class Registry:
    """The registered model of a run."""

    def __init__(self, tracker: Tracker, name: str, alias: str) -> None:
        self._tracker = tracker
        self._client = tracker.client
        self._name = name
        self._alias = alias

    def ensure_model(self) -> None:
        """Makes the registered model if it is new."""
        from mlflow.exceptions import MlflowException

        if not self._client.search_registered_models(filter_string=f"name = '{self._name}'"):
            try:
                self._client.create_registered_model(
                    self._name, description="Small on-device speech-embedding models of TinyTrill's frontier."
                )
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def ensure_version(
        self,
        description: ModelDescription,
        verdict: Verdict,
        folder: Path,
        candidate_run_id: str,
        parent_run_id: str,
    ) -> Registered:
        """The version of one blessed variant, made if this run has none of its sha256 yet.

        Args:
          description: Of the variant.
          verdict: Of the run; what later gates need of it is kept with the version.
          folder: Its pushed version folder.
          candidate_run_id: The candidate's run, which the version comes from.
          parent_run_id: The pipeline's run, which holds verdict and page.
        """
        tags = {RUN_KEY_TAG: self._tracker.run_key, **version_tags(description, verdict, parent_run_id)}
        point = description.blessings[0].point
        identity = {RUN_KEY_TAG: tags[RUN_KEY_TAG], SHA256_TAG: tags[SHA256_TAG], POINT_TAG: tags[POINT_TAG]}
        for version in self._client.search_model_versions(f"name = '{self._name}'", max_results=10_000):
            if identity.items() <= version.tags.items():
                return Registered(point, str(version.version))
        model_id = self._ensure_logged_model(description, folder, candidate_run_id, identity)
        with self._tracker.as_default():
            version = self._client.create_model_version(
                self._name,
                source=f"models:/{model_id}",
                run_id=candidate_run_id,
                tags=tags,
                model_id=model_id,
                description=in_words(description),
            )
        return Registered(point, str(version.version))

    def set_aliases(self, registered: Sequence[Registered]) -> None:
        """Points the aliases at the versions of the latest verdict; none without a version."""
        if not registered:
            return
        wanted = {f"{self._alias}-{i}": r.version for i, r in enumerate(in_alias_order(registered), start=1)}
        wanted[self._alias] = wanted[f"{self._alias}-1"]
        present = self._client.get_registered_model(self._name).aliases
        numbered = re.compile(re.escape(self._alias) + r"-\d+")
        for alias, version in wanted.items():
            if str(present.get(alias)) != version:
                self._client.set_registered_model_alias(self._name, alias, version)
        for alias in present:
            if numbered.fullmatch(alias) and alias not in wanted:
                self._client.delete_registered_model_alias(self._name, alias)

    def _ensure_logged_model(
        self, description: ModelDescription, folder: Path, run_id: str, identity: dict[str, str]
    ) -> str:
        """The finished logged model of a variant; an unfinished one, left by a kill, is replaced."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in identity.items())
        found = self._client.search_logged_models([self._tracker.experiment_id], filter_string=query)
        for model in found:
            if model.status == LoggedModelStatus.READY:
                ready: str = model.model_id
                return ready
            self._client.delete_logged_model(model.model_id)
        model = self._client.create_logged_model(
            self._tracker.experiment_id,
            name=f"{description.candidate_id}_{description.variant}".replace(".", "_"),
            source_run_id=run_id,
            tags={**identity, CANDIDATE_TAG: description.candidate_id},
            params={key: str(value) for key, value in description.spec.parameters().items()},
            model_type=MODEL_TYPE,
        )
        with tempfile.TemporaryDirectory() as aside:
            local = Path(aside) / "model"
            save_pyfunc(local, description, folder, model.model_id, run_id)
            self._client.log_model_artifacts(model.model_id, str(local))
        self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        model_id: str = model.model_id
        return model_id


def in_alias_order(registered: Sequence[Registered]) -> list[Registered]:
    """Waveform in first, then the best quality, then the fastest."""
    return sorted(
        registered,
        key=lambda r: (r.point.input != "wave", -r.point.quality, r.point.latency_ratio, r.point.point_id),
    )
