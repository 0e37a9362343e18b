"""Where a Kubeflow Pipelines server is and who asks: flags and environment, never the configuration.

Names that the KFP SDK has for variables are taken from it (https://kubeflow-pipelines.readthedocs.io).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.kubeflow.faults import Refused
from schemas.secrets import redact, split_credentials

ENDPOINT = "KF_PIPELINES_ENDPOINT"
UI_ENDPOINT = "KF_PIPELINES_UI_ENDPOINT"
NAMESPACE = "KF_PIPELINES_NAMESPACE"
EXPERIMENT = "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME"
EXPERIMENT_OVERRIDE = "KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME"
TOKEN = "KF_PIPELINES_TOKEN"
TOKEN_FILE = "KF_PIPELINES_SA_TOKEN_PATH"
SSL_CA_CERT = "KF_PIPELINES_SSL_CA_CERT"

DEFAULT_EXPERIMENT = "Default"


@dataclass(frozen=True)
class Connection:
    """A server and who asks.

    Attributes:
      host: Address of the API without ``/apis``, as ``https://kubeflow.example.com/pipeline``.
      page: Address of the web pages, most often the same.
      namespace: Of a multi-user server; empty: a server of one user.
      experiment: That runs belong to.
      ssl_ca_cert: File of the certificate authority; empty: the usual ones.
      token: A bearer token; empty: there is a file with one, or the server asks for none.
      token_file: A file with a token that somebody keeps fresh, as Kubernetes does with a projected one.
    """

    host: str
    page: str
    namespace: str = ""
    experiment: str = DEFAULT_EXPERIMENT
    ssl_ca_cert: str = ""
    token: str = field(default="", repr=False)
    token_file: str = ""

    def run_page(self, run_id: str) -> str:
        """Address of a run's page."""
        return f"{self.page}/#/runs/details/{run_id}"

    def experiment_page(self, experiment_id: str) -> str:
        """Address of the page that lists an experiment's runs."""
        return f"{self.page}/#/experiments/details/{experiment_id}"


def connection_from(
    environment: Mapping[str, str], host: str = "", namespace: str = "", experiment: str = ""
) -> Connection:
    """Puts together what flags and environment say.

    Args:
      environment: The process's.
      host: Of the flag; empty: the environment's.
      namespace: As ``host``.
      experiment: As ``host``; the SDK's override in the environment goes before it.

    Raises:
      Refused: If there is no host, or a value cannot be used, or tokens of two kinds are given.
    """
    given = host or environment.get(ENDPOINT, "")
    if not given:
        raise Refused(
            f"no Kubeflow Pipelines server is named: give --host or {ENDPOINT}, as http://localhost:3000 "
            "after kubectl port-forward --namespace kubeflow svc/ml-pipeline-ui 3000:80, "
            "http://ml-pipeline-ui.kubeflow within the cluster, or https://kubeflow.example.com/pipeline"
        )
    if environment.get(TOKEN) and environment.get(TOKEN_FILE):
        raise Refused(f"{TOKEN} and {TOKEN_FILE} are set; accepted: one of them: unset the other")
    address = _address(given, "--host" if host else ENDPOINT)
    page = environment.get(UI_ENDPOINT, "")
    return Connection(
        host=address,
        page=_address(page, UI_ENDPOINT) if page else address,
        namespace=namespace or environment.get(NAMESPACE, ""),
        experiment=environment.get(EXPERIMENT_OVERRIDE, "")
        or experiment
        or environment.get(EXPERIMENT, "")
        or DEFAULT_EXPERIMENT,
        ssl_ca_cert=_file(environment, SSL_CA_CERT, "a file of certificates (PEM)"),
        token=_token(environment.get(TOKEN, "")),
        token_file=_file(environment, TOKEN_FILE, "a file with a token"),
    )


def _address(given: str, place: str) -> str:
    accepted = "accepted: an address such as https://kubeflow.example.com/pipeline"
    found = split_credentials(given.strip())
    if found.username or found.password or found.token:
        raise Refused(f"{place}: an address holds no user and no token: it belongs into {TOKEN}; {accepted}")
    # What a browser shows while it is at one of the server's pages.
    plain = found.address.partition("#")[0].rstrip("/")
    try:
        parts = urlsplit(plain)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole or parts.query:
        raise Refused(f"{place}: {redact(plain)!r} is not an address of a server; {accepted}")
    return plain


def _file(environment: Mapping[str, str], name: str, accepted: str) -> str:
    path = environment.get(name, "")
    if path and not Path(path).is_file():
        raise Refused(f"{name}: {path!r} is no file; accepted: {accepted}")
    return path


def _token(given: str) -> str:
    token = given.strip()
    # What an HTTP library says of such a header shows the token.
    if not token.isascii() or not token.isprintable() or " " in token or (given and not token):
        raise Refused(
            f"{TOKEN}: holds no token: it is empty, or has a space, a line break or a strange letter"
        )
    return token
