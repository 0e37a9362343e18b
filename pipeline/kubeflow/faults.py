"""What can go wrong with a Kubeflow Pipelines server, told apart by what a person must do about it."""

from __future__ import annotations

import json
import re

from pipeline.configuration.config_file import ConfigError

_LONGEST = 600
# gRPC's INTERNAL hides what KFP itself calls invalid: it wraps the fault of a specification or parameter so.
_INVALID = "Invalid input error"
# KFP calls a request without a user a fault of its own (500); what it wraps has gRPC's code.
_NO_USER = re.compile(r'user identity|unauthenticated|code"?\s*[:=]\s*16\b', re.IGNORECASE)
_NOT_ALLOWED = re.compile(r'permission ?denied|is not authorized|code"?\s*[:=]\s*7\b', re.IGNORECASE)


class KubeflowFault(RuntimeError):
    """The server did not do what it was asked; the message names the server, never its credentials."""


class ServerUnreachable(KubeflowFault):
    """Nobody answers, or the server is failing: try again later."""


class Refused(ConfigError):
    """What was asked for cannot be done as it was asked; nothing was started."""


class NotFound(Refused):
    """The server has no such run or experiment."""


class NoPipelinesApi(Refused):
    """Something answers at the address, but not the API of Kubeflow Pipelines 2."""


def of_answer(status: int, body: str, host: str) -> KubeflowFault | Refused:
    """The fault behind an answer that is not 2xx and JSON.

    Args:
      status: HTTP status.
      body: What the server said, without secrets.
      host: Address of the server.
    """
    said = _message(body)
    page = not body.lstrip().startswith("{")
    if status == 401 or (status == 403 and page) or _NO_USER.search(body):
        return Refused(
            f"the server {host} requires valid credentials ({status}): {said}; accepted: a token of this "
            "server as KF_PIPELINES_TOKEN, or a file with one as KF_PIPELINES_SA_TOKEN_PATH"
        )
    if status == 403 or _NOT_ALLOWED.search(body):
        return Refused(
            f"the server {host} denies this user permission ({status}): {said}; the user needs a role "
            "such as kubeflow-edit in the namespace, and --namespace must be one of theirs"
        )
    if status < 400 or (status == 404 and page):
        return NoPipelinesApi(
            f"at {host} answers ({status}) something else than the API of Kubeflow Pipelines 2: {said}; "
            "accepted: the address of ml-pipeline-ui, as http://localhost:3000; on a Kubeflow platform it is "
            "below /pipeline, behind a login that KF_PIPELINES_TOKEN goes past"
        )
    if status == 404:
        return NotFound(f"the server {host} has no such resource: {said}")
    if status == 413:
        return Refused(
            f"the server {host}, or a proxy before it, takes no specification of this size: {said}; "
            "raise the limit of the proxy's request body, or submit fewer candidates"
        )
    if (status >= 500 and _INVALID not in said) or status in (408, 425, 429):
        return ServerUnreachable(
            f"the server {host} fails ({status}): {said}; try again, and see the log of its ml-pipeline"
        )
    return Refused(f"the server {host} refuses ({status}): {said}")


def no_answer(host: str, why: str) -> ServerUnreachable:
    """The fault of a server that does not answer."""
    return ServerUnreachable(
        f"the server {host} does not answer: {why}; see that it runs and is reached from here (as by kubectl "
        "port-forward --namespace kubeflow svc/ml-pipeline-ui 3000:80 and --host http://localhost:3000)"
    )


def untrusted(host: str, why: str) -> KubeflowFault:
    """The fault of a server whose certificate is not trusted."""
    return KubeflowFault(
        f"no TLS with the server {host}: {why}; give the file of its certificate authority as "
        "KF_PIPELINES_SSL_CA_CERT, or see that the scheme and the port of the host are right"
    )


def one_line(text: str) -> str:
    """A text in one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _message(body: str) -> str:
    """What a server said, in one line: the message of its JSON, or the words of its page."""
    if body.lstrip().startswith("<"):
        return "a web page"
    try:
        told = json.loads(body)
    except ValueError:
        told = body
    if isinstance(told, dict):
        told = told.get("message") or told.get("error") or told
    return one_line(str(told)) or "no reason given"
