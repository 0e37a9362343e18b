"""Speaking to a Kubeflow Pipelines server: submitting a run and asking about it.

The work is done by the KFP SDK's own client. What it does beside that is kept from it: it reads a context
file in the user's home, prints, waits for ever, and looks for a cluster of this machine if no host is named.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import kfp
import kfp_server_api

from pipeline.kubeflow.connection import Connection, DexUser, Token, TokenFile, read_token
from pipeline.kubeflow.faults import AlreadyThere, LoginRefused, NotFound, Refused, ServerUnreachable
from pipeline.kubeflow.login import log_in
from pipeline.kubeflow.package import Package
from pipeline.kubeflow.run_state import RunState, run_state
from pipeline.kubeflow.transport import Transport

_LOG = logging.getLogger("tinytrill.kubeflow")
_T = TypeVar("_T")

# Where artifacts may lie: what KFP's launcher can read and write.
_ROOTS = ("minio", "s3", "gs")


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
        """Logs in and sees that the API answers.

        Args:
          connection: Where it is, and who asks.

        Raises:
          Refused: If the login is refused, no API answers, or a multi-user server needs a namespace.
          ServerUnreachable: If nobody answers.
          TlsFault: If the server's certificate is not trusted.
        """
        self.connection = connection
        self._sdk = _Sdk(connection)
        multi_user = bool(self._asked(self._sdk.get_kfp_healthz).multi_user)
        if multi_user and not connection.namespace:
            raise Refused(
                f"the server {connection.host} is shared by several users: give your profile's namespace as "
                "--namespace or KF_PIPELINES_NAMESPACE"
            )
        if connection.namespace and not multi_user:
            _LOG.warning(
                "the server %s has one user: the namespace %s is not used",
                connection.host,
                connection.namespace,
            )
        # A server of one user refuses every namespace.
        self._namespace = connection.namespace if multi_user else ""

    def submit(self, submission: Submission) -> Submitted:
        """Starts a run.

        Raises:
          Refused: If the server refuses the specification, a parameter or the user.
          ServerUnreachable: If it does not answer; the message says whether the run may have been made.
        """
        experiment = self._experiment(self.connection.experiment)
        package = submission.package if submission.cache else submission.package.without_cache()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            package.save(path)
            try:
                run = self._asked(
                    lambda: self._sdk.run_pipeline(
                        experiment_id=experiment.experiment_id,
                        job_name=submission.run_name,
                        pipeline_package_path=str(path),
                        params=submission.parameters,
                        pipeline_root=submission.pipeline_root or None,
                        service_account=submission.service_account or None,
                    )
                )
            except ServerUnreachable as fault:
                if not fault.maybe_done:
                    raise
                page = self.connection.experiment_page(experiment.experiment_id)
                raise ServerUnreachable(
                    f"{fault}. The run {submission.run_name!r} may have been started all the same: look at "
                    f"{page} before you submit it again",
                    maybe_done=True,
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
        run = self._asked(lambda: self._sdk.get_run(run_id))
        return run_state(run, self.connection.run_page(run_id))

    def _experiment(self, name: str) -> Any:
        """The experiment of a name; it is made if it does not exist."""
        namespace = self._namespace or None
        try:
            return self._asked(lambda: self._sdk.create_experiment(name, namespace=namespace))
        except AlreadyThere:
            # Somebody else has just made it.
            return self._asked(lambda: self._sdk.get_experiment(experiment_name=name, namespace=namespace))
        except ValueError as error:
            if isinstance(error, Refused):
                raise
            raise Refused(f"the experiment {name!r}: {error}") from None

    def _asked(self, ask: Callable[[], _T]) -> _T:
        """What the SDK answers, in silence; logs in once more if a session has ended."""
        with _silence():
            try:
                return ask()
            except LoginRefused:
                # A proxy refused it: nothing of it was done.
                if not self._sdk.renew_session():
                    raise
                return ask()


class _Sdk(kfp.Client):
    """The KFP SDK's client, speaking to the named host and nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        credentials = connection.credentials
        self._fresh = True
        with _silence():
            super().__init__(
                host=connection.host,
                ui_host=connection.page,
                existing_token=credentials.value if isinstance(credentials, Token) else None,
                credentials=_TokenFileCredentials(credentials)
                if isinstance(credentials, TokenFile)
                else None,
                cookies=self._log_in(),
                ssl_ca_cert=connection.ssl_ca_cert or None,
            )
        self._api_client: kfp_server_api.ApiClient = self._run_api.api_client
        self._api_client.rest_client = Transport(self._api_client.configuration, connection)

    def _load_context_setting_or_default(self) -> None:
        # In place of a file in the user's home. As it has a namespace, no server is asked for one.
        self._context_setting = {"namespace": "given with each call"}

    def get_user_namespace(self) -> str:
        """Of calls that have none of their own: a server of one user."""
        return ""

    def renew_session(self) -> bool:
        """Logs in again at Dex; false if that cannot help."""
        if not isinstance(self._connection.credentials, DexUser):
            return False
        self._api_client.cookie = self._log_in()
        return True

    def _log_in(self) -> str | None:
        user = self._connection.credentials
        return log_in(self._connection, user) if isinstance(user, DexUser) else None


class _TokenFileCredentials(kfp.client.TokenCredentialsBase):
    """Reads the token anew for each request: Kubernetes changes it every hour or so."""

    def __init__(self, file: TokenFile) -> None:
        self._file = file

    def refresh_api_key_hook(self, config: Any) -> None:
        """Puts the token that the file holds now into the SDK's settings."""
        config.api_key["authorization"] = read_token(self._file)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps to itself what the SDK prints and warns of."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
