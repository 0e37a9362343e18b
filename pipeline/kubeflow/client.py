"""Speaking to a Kubeflow Pipelines server: submitting a run and asking about it.

The work is done by the KFP SDK's own client. What it does beside that is kept from it: it reads a context
file in the user's home, prints, waits for ever, and takes a login page for an answer.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp
import kfp_server_api
import urllib3
from kfp.client import ServiceAccountTokenVolumeCredentials
from kfp_server_api.rest import RESTClientObject

from pipeline.kubeflow.connection import TOKEN_FILE, Connection
from pipeline.kubeflow.faults import (
    NotFound,
    Refused,
    ServerUnreachable,
    no_answer,
    of_answer,
    one_line,
    untrusted,
)
from pipeline.kubeflow.package import Package
from pipeline.kubeflow.run_state import RunState, run_state

# Where artifacts may lie: what KFP's launcher can read and write.
_ROOTS = ("minio", "s3", "gs")
# Connecting, and waiting for an answer: the API server parses and compiles a large specification first.
_TIMEOUTS_S = (10.0, 60.0)


@dataclass(frozen=True)
class Submission:
    """What is to run.

    Attributes:
      package: The compiled pipeline.
      run_name: What the run is called.
      parameters: Values of run-time parameters; the others have their defaults.
      pipeline_root: Where artifacts go; empty: the pipeline's own, or the server's.
      service_account: Of the run's pods; empty: the server's default.
      cache: Whether tasks may be answered from the cache, as the pipeline says of each.
    """

    package: Package
    run_name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    pipeline_root: str = ""
    service_account: str = ""
    cache: bool = True

    def __post_init__(self) -> None:
        """Refuses a pipeline root that KFP's launcher cannot use.

        Raises:
          Refused: With what is accepted.
        """
        place = urlsplit(self.pipeline_root)
        if self.pipeline_root and (place.scheme not in _ROOTS or not place.netloc):
            raise Refused(
                f"--pipeline-root: {self.pipeline_root!r} is not a place for artifacts; accepted: a bucket, "
                "as in minio://mlpipeline/v2/artifacts, s3://bucket/folder or gs://bucket/folder"
            )


@dataclass(frozen=True)
class Submitted:
    """A run that the server has taken.

    Attributes:
      run_id: The server's.
      name: Of the run.
      experiment: It belongs to.
      page: Address of its page.
    """

    run_id: str
    name: str
    experiment: str
    page: str


class PipelinesServer:
    """A Kubeflow Pipelines server.

    Every method raises the faults of :mod:`pipeline.kubeflow.faults`, and nothing else.

    Attributes:
      connection: Where it is, and who asks.
    """

    def __init__(self, connection: Connection) -> None:
        """Prepares it; nothing is asked yet.

        Args:
          connection: Where it is, and who asks.
        """
        self.connection = connection
        with warnings.catch_warnings(action="ignore"):
            self._sdk = _Sdk(connection)

    def submit(self, submission: Submission) -> Submitted:
        """Starts a run, in an experiment that is made if it does not exist.

        Raises:
          Refused: If the server refuses the specification, a parameter or the user.
          ServerUnreachable: If it does not answer; the message says whether the run may have been made.
        """
        experiment = self._asked(
            lambda: self._sdk.create_experiment(
                self.connection.experiment, namespace=self.connection.namespace or None
            )
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            submission.package.save(path)
            try:
                run = self._asked(
                    lambda: self._sdk.run_pipeline(
                        experiment_id=experiment.experiment_id,
                        job_name=submission.run_name,
                        pipeline_package_path=str(path),
                        params=submission.parameters,
                        pipeline_root=submission.pipeline_root or None,
                        enable_caching=None if submission.cache else False,
                        service_account=submission.service_account or None,
                    )
                )
            except ServerUnreachable as fault:
                page = self.connection.experiment_page(experiment.experiment_id)
                raise ServerUnreachable(
                    f"{fault}. The run {submission.run_name!r} may have been started all the same: look at "
                    f"{page} before you submit it again"
                ) from None
        return Submitted(
            run.run_id, submission.run_name, experiment.display_name, self.connection.run_page(run.run_id)
        )

    def run(self, run_id: str) -> RunState:
        """The state of a run and of its tasks.

        Raises:
          NotFound: If the server has no such run.
        """
        # An empty or foreign id would be another address.
        if not run_id or not all(character.isalnum() or character in "-_." for character in run_id):
            raise NotFound(f"{run_id!r} is not an id of a run; accepted: what 'submit' printed")
        return run_state(self._asked(lambda: self._sdk.get_run(run_id)), self.connection.run_page(run_id))

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """What the SDK answers, in silence; its exceptions as faults that show no token."""
        host = self.connection.host
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return ask()
        except kfp_server_api.ApiException as error:
            if error.status == 0:
                raise untrusted(host, self._said(error.reason)) from None
            body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else error.body
            raise of_answer(error.status, self._hidden(body or ""), host) from None
        except urllib3.exceptions.HTTPError as error:
            why = getattr(error, "reason", None) or error
            if isinstance(why, urllib3.exceptions.SSLError):
                raise untrusted(host, self._said(why)) from None
            raise no_answer(host, self._said(why)) from None
        except OSError as error:
            if error.filename != self.connection.token_file:
                raise
            raise Refused(f"{TOKEN_FILE}: {error.filename} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise Refused(f"the server {host}: {self._said(error)}") from None

    def _said(self, words: object) -> str:
        return one_line(self._hidden(str(words)))

    def _hidden(self, text: str) -> str:
        for secret in self._sdk.secrets:
            text = text.replace(secret, "***")
        return text


class _Sdk(kfp.Client):
    """The KFP SDK's client, speaking to the named host and nothing else."""

    def __init__(self, connection: Connection) -> None:
        credentials = ServiceAccountTokenVolumeCredentials(connection.token_file)
        super().__init__(
            host=connection.host,
            ui_host=connection.page,
            existing_token=connection.token or None,
            credentials=credentials if connection.token_file else None,
            ssl_ca_cert=connection.ssl_ca_cert or None,
        )
        api_client = self._run_api.api_client
        self._settings: kfp_server_api.Configuration = api_client.configuration
        # Whoever waits for a run asks again, by and by; and a redirect, as to a login, is an answer.
        self._settings.retries = urllib3.Retry(0, raise_on_redirect=False)
        api_client.rest_client = _Requests(self._settings)

    @property
    def secrets(self) -> list[str]:
        """The token that was sent last, in parts if it is none."""
        return self._settings.api_key.get("authorization", "").split()

    def _load_context_setting_or_default(self) -> None:
        # In place of a file in the user's home. As it has a namespace, no server is asked for one.
        self._context_setting = {"namespace": "given with each call"}

    def get_user_namespace(self) -> str:
        """Of calls that have none of their own: a server of one user."""
        return ""


class _Requests(RESTClientObject):
    """The SDK's requests with a time limit, and answers that are JSON."""

    def request(self, method: str, url: str, **named: Any) -> Any:
        """Sends a request.

        Raises:
          kfp_server_api.ApiException: If the answer is not 2xx, or not a JSON object.
        """
        answer = super().request(method, url, **{**named, "_request_timeout": _TIMEOUTS_S})
        if not answer.data.lstrip().startswith(b"{"):
            raise kfp_server_api.ApiException(http_resp=answer)
        return answer
