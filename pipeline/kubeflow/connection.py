"""Where a Kubeflow Pipelines server is and who asks: flags and environment, never the configuration.

Names that the KFP SDK has for variables are taken from it (https://kubeflow-pipelines.readthedocs.io).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
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
DEX_USERNAME = "KF_PIPELINES_DEX_USERNAME"
DEX_PASSWORD = "KF_PIPELINES_DEX_PASSWORD"
DEX_AUTH_TYPE = "KF_PIPELINES_DEX_AUTH_TYPE"
SSL_CA_CERT = "KF_PIPELINES_SSL_CA_CERT"

DEFAULT_EXPERIMENT = "Default"
_CONNECTORS = ("local", "ldap")
# Connecting, and waiting for an answer: the API server parses and compiles a large specification first.
_TIMEOUTS_S = (10.0, 60.0)


@dataclass(frozen=True)
class Token:
    """A bearer token."""

    value: str = field(repr=False)


@dataclass(frozen=True)
class TokenFile:
    """A file with a bearer token that somebody keeps fresh, as Kubernetes does with a projected one."""

    path: Path


@dataclass(frozen=True)
class DexUser:
    """A user of Dex, Kubeflow's identity provider.

    Attributes:
      username: As its login form wants it, often an e-mail address.
      password: Never shown.
      connector: Which of Dex's lists the user is in.
    """

    username: str
    password: str = field(repr=False)
    connector: Literal["local", "ldap"] = "local"


Credentials = Token | TokenFile | DexUser | None


@dataclass(frozen=True)
class Connection:
    """A server and who asks.

    Attributes:
      host: Address of the API without ``/apis``, as ``https://kubeflow.example.com/pipeline``.
      page: Address of the web pages, most often the same.
      namespace: Of a multi-user server; empty: none was named.
      experiment: That runs belong to.
      ssl_ca_cert: File of the certificate authority; empty: the usual ones.
      credentials: None: the server asks for none.
      timeouts_s: To connect, and between two parts of an answer.
    """

    host: str
    page: str
    namespace: str = ""
    experiment: str = DEFAULT_EXPERIMENT
    ssl_ca_cert: str = ""
    credentials: Credentials = None
    timeouts_s: tuple[float, float] = _TIMEOUTS_S

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        match self.credentials:
            case Token(value):
                return (value,)
            case DexUser(password=password):
                return (password,)
            case _:
                return ()

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
      Refused: If there is no host, or a value cannot be used, or credentials of two kinds are given.
    """
    given = host or environment.get(ENDPOINT, "")
    if not given:
        raise Refused(
            f"no Kubeflow Pipelines server is named: give --host or {ENDPOINT}, as http://localhost:3000 "
            "after kubectl port-forward --namespace kubeflow svc/ml-pipeline-ui 3000:80, "
            "http://ml-pipeline-ui.kubeflow within the cluster, or https://kubeflow.example.com/pipeline"
        )
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
        ssl_ca_cert=_authority(environment.get(SSL_CA_CERT, "")),
        credentials=_credentials(environment),
    )


def _address(given: str, place: str) -> str:
    accepted = "accepted: an address such as https://kubeflow.example.com/pipeline"
    # What a browser shows while it is at one of the server's pages.
    found = split_credentials(given.strip())
    if found.username or found.password:
        raise Refused(f"{place}: an address holds no user or password: they belong into {DEX_USERNAME} and "
                      f"{DEX_PASSWORD}; {accepted}")  # fmt: skip
    plain = found.address.partition("#")[0].rstrip("/")
    try:
        parts = urlsplit(plain)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise Refused(f"{place}: {redact(plain)!r} is not an address; {accepted}") from None
    if found.token:
        raise Refused(f"{place}: an address holds no token: it belongs into {TOKEN}; {accepted}")
    if not whole or parts.query:
        raise Refused(f"{place}: {redact(plain)!r} is not an address of a server; {accepted}")
    return plain


def _authority(path: str) -> str:
    if path and not Path(path).is_file():
        raise Refused(f"{SSL_CA_CERT}: {path!r} is no file; accepted: a file of certificates (PEM)")
    return path


def _credentials(environment: Mapping[str, str]) -> Credentials:
    given = [name for name in (TOKEN, TOKEN_FILE, DEX_USERNAME) if environment.get(name)]
    if len(given) > 1:
        raise Refused(f"{' and '.join(given)} are set; accepted: one way to log in: unset the others")
    if environment.get(TOKEN):
        return Token(_header_value(environment[TOKEN].strip(), TOKEN))
    if environment.get(TOKEN_FILE):
        return TokenFile(Path(environment[TOKEN_FILE]))
    if not environment.get(DEX_USERNAME):
        return None
    if not environment.get(DEX_PASSWORD):
        raise Refused(f"{DEX_USERNAME} is set and {DEX_PASSWORD} is not; accepted: both, or neither")
    connector = environment.get(DEX_AUTH_TYPE) or "local"
    if connector not in _CONNECTORS:
        raise Refused(f"{DEX_AUTH_TYPE}: {connector!r} is unknown; accepted: {', '.join(_CONNECTORS)}")
    return DexUser(
        environment[DEX_USERNAME], environment[DEX_PASSWORD], cast(Literal["local", "ldap"], connector)
    )


def _header_value(token: str, place: str) -> str:
    # What an HTTP library says of such a header shows the token.
    if (
        not token
        or not token.isascii()
        or any(not character.isprintable() or character == " " for character in token)
    ):
        raise Refused(
            f"{place}: holds no token: it is empty, or has a space, a line break or a strange letter"
        )
    return token


def read_token(file: TokenFile) -> str:
    """The token that a file holds now.

    Raises:
      Refused: If the file cannot be read or holds no token.
    """
    try:
        text = file.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Refused(
            f"{TOKEN_FILE}: {file.path} cannot be read: {why}; accepted: a file with a token"
        ) from None
    return _header_value(text.strip(), f"{TOKEN_FILE}: {file.path}")
