"""What can go wrong with a Kubeflow Pipelines server, told apart by what a person must do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pipeline.configuration.config_file import ConfigError

_LONGEST = 600
_UNKNOWN_LOGIN = (
    "accepted: KF_PIPELINES_TOKEN, KF_PIPELINES_SA_TOKEN_PATH, or KF_PIPELINES_DEX_USERNAME and "
    "KF_PIPELINES_DEX_PASSWORD, of a user of this server"
)
# gRPC's INTERNAL hides what KFP itself calls invalid: it wraps the fault of a specification or parameter so.
_INVALID = "Invalid input error"


# gRPC's codes, and the words in which KFP wraps them.
_PERMISSION_DENIED, _UNAUTHENTICATED = 7, 16
_NO_USER = re.compile(
    r"user identity|unauthenticated|code = 16\b|(?:bearer|authentication|id|access) ?token (?:is |has )?"
    r"(?:expired|invalid|missing)|no (?:bearer|authentication) token",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(r"permission ?denied|is not authorized|code = 7\b", re.IGNORECASE)


class KubeflowFault(RuntimeError):
    """The server did not do what it was asked; the message names the server, never its credentials."""


class ServerUnreachable(KubeflowFault):
    """Nobody answers, or the server is failing: try again later.

    Attributes:
      maybe_done: Whether the request may have reached the server, so that what it asks for may be done.
    """

    def __init__(self, message: str, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class TlsFault(KubeflowFault):
    """The server's certificate is not trusted, or it does not speak TLS."""


class Refused(ConfigError):
    """What was asked for cannot be done as it was asked; nothing was started."""


class LoginRefused(Refused):
    """The server asks for a login, or for another one."""


class NotAllowed(Refused):
    """The server knows the user, and does not let them do that."""


class NotFound(Refused):
    """The server has no such run or experiment."""


class AlreadyThere(Refused):
    """The server has one of that name already."""


class NoPipelinesApi(Refused):
    """Something answers at the address, but not the API of Kubeflow Pipelines 2."""


def of_status(status: int, body: str, location: str, asked: str, host: str) -> KubeflowFault | Refused:
    """The fault behind an answer that is not 2xx.

    Args:
      status: HTTP status.
      body: What the server said, without secrets.
      location: Where it redirects to; empty if it does not.
      asked: Method and address of the request, as in ``GET http://localhost:3000/apis/...``.
      host: Address of the server.
    """
    said = message_of(body)
    if status == 401 or (status == 403 and is_page(body)) or _wants_a_user(body, said):
        return login_refused(host, said)
    if status == 403 or (status >= 500 and _forbids(body, said)):
        return NotAllowed(
            f"the server {host} denies this user permission ({status}): {said}; the user needs a role "
            "such as kubeflow-edit in the namespace, and --namespace must be one of theirs"
        )
    if 300 <= status < 400:
        return _of_redirect(location, host)
    if status == 404:
        return _of_absence(body, said, asked, host)
    if status == 409:
        return AlreadyThere(f"the server {host} has that already: {said}")
    if status == 413:
        return Refused(
            f"the server {host}, or a proxy before it, takes no specification of this size: {said}; "
            "raise the limit of the proxy's request body, or submit fewer candidates"
        )
    if (status >= 500 and _INVALID not in said) or status in (408, 425, 429):
        return ServerUnreachable(
            f"the server {host} fails ({status}): {said}; try again, and see the log of its ml-pipeline",
            maybe_done=True,
        )
    return Refused(f"the server {host} refuses ({status}): {said}{_hint(said)}")


def no_answer(host: str, why: str, maybe_done: bool) -> ServerUnreachable:
    """The fault of a server that does not answer."""
    return ServerUnreachable(
        f"the server {host} does not answer: {why}; see that it runs and is reached from here (as by kubectl "
        "port-forward --namespace kubeflow svc/ml-pipeline-ui 3000:80 and --host http://localhost:3000)",
        maybe_done,
    )


def untrusted(host: str, why: str) -> TlsFault:
    """The fault of a server whose certificate is not trusted."""
    return TlsFault(
        f"no TLS with the server {host}: {why}; give the file of its certificate authority as "
        "KF_PIPELINES_SSL_CA_CERT, or see that the scheme and the port of the host are right"
    )


def login_refused(host: str, said: str = "") -> LoginRefused:
    """The fault of a server that wants other credentials than it got."""
    because = f" ({said})" if said else ""
    return LoginRefused(f"the server {host} requires valid credentials{because}; {_UNKNOWN_LOGIN}")


def of_page(body: str, host: str) -> Refused:
    """The fault of a server that answers with a web page, or nothing, where the API answers with JSON."""
    if _is_login(body):
        return login_refused(host, "it answers with a login page")
    what = "a web page" if is_page(body) else "something that is not JSON"
    return NoPipelinesApi(f"at {host} {what} answers, not Kubeflow Pipelines' API; {_prefix(host)}")


def message_of(body: str) -> str:
    """What a server said, in one line: the message of its JSON, or the words of its page."""
    try:
        told = json.loads(body)
    except ValueError:
        told = body
    if isinstance(told, dict):
        told = told.get("message") or told.get("error") or told
    if is_page(body):
        return "a web page"
    return one_line(str(told)) or "no reason given"


def one_line(text: str, secrets: Sequence[str] = ()) -> str:
    """A text in one line, without secrets, and not too long."""
    line = " ".join(text.split())
    for secret in secrets:
        line = line.replace(secret, "***")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def is_page(body: str) -> bool:
    """Whether a body is HTML."""
    return body.lstrip()[:1] == "<"


def _wants_a_user(body: str, said: str) -> bool:
    """Whether a fault is about who asks: KFP calls a request without a user a fault of its own (500)."""
    return _grpc_code(body) == _UNAUTHENTICATED or bool(_NO_USER.search(said))


def _forbids(body: str, said: str) -> bool:
    return _grpc_code(body) == _PERMISSION_DENIED or bool(_NOT_ALLOWED.search(said))


def _grpc_code(body: str) -> int:
    """GRPC's code in the JSON of an answer; -1 if it has none."""
    try:
        code = json.loads(body).get("code", -1)
    except (ValueError, AttributeError):
        return -1
    return code if isinstance(code, int) else -1


def _is_login(body: str) -> bool:
    page = body.lower()
    return 'type="password"' in page or "/oauth2/" in page or "/dex/" in page


def _of_redirect(location: str, host: str) -> KubeflowFault | Refused:
    if _is_login(location) or "/auth" in location or "login" in location:
        return login_refused(host, "it redirects to a login page")
    target = one_line(location.partition("?")[0]) or "nowhere"
    return NoPipelinesApi(f"the server {host} redirects to {target}; give the address that answers as --host")


def _of_absence(body: str, said: str, asked: str, host: str) -> Refused:
    """Tells an absent run from an address where there is no API: the API says so in JSON."""
    if body.lstrip()[:1] == "{" and not asked.endswith("/healthz"):
        return NotFound(f"the server {host} has no such resource, {asked.partition('?')[0]}: {said}")
    return NoPipelinesApi(f"at {host} there is no API of Kubeflow Pipelines 2 (404); {_prefix(host)}")


def _prefix(host: str) -> str:
    if host.endswith("/pipeline"):
        return "accepted: the address of ml-pipeline-ui, as http://localhost:3000"
    return f"on a Kubeflow platform it is below /pipeline, as in --host {host}/pipeline"


def _hint(said: str) -> str:
    lowered = said.lower()
    if "namespace" in lowered and ("empty" in lowered or "specif" in lowered or "require" in lowered):
        return "; give your profile's namespace as --namespace or KF_PIPELINES_NAMESPACE"
    return ""
