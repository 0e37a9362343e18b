"""Logging in at Dex as a browser does: to the login form and back, keeping the session's cookies.

What stands before Kubeflow Pipelines (oauth2-proxy) redirects to Dex, or shows a page that leads there; see
https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/connect-api/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from pipeline.kubeflow.connection import DEX_PASSWORD, DEX_USERNAME, Connection, DexUser
from pipeline.kubeflow.faults import (
    KubeflowFault,
    LoginRefused,
    NoPipelinesApi,
    no_answer,
    of_status,
    one_line,
    untrusted,
)

if TYPE_CHECKING:
    from requests import Response, Session

# Where oauth2-proxy starts a login, if it does not do so by itself.
_START = "/oauth2/start"
_CHOICE = re.compile(r"/auth$")


@dataclass
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    text: str = ""
    password: str = ""


def log_in(connection: Connection, user: DexUser) -> str:
    """Logs in.

    Args:
      connection: Whose host stands behind Dex.
      user: Of Dex.

    Returns:
      The cookies of the session, as a header holds them; empty if the server asks for no login.

    Raises:
      LoginRefused: If Dex does not know the user or the password, or shows another page than expected.
      NoPipelinesApi: If there is nothing at the host.
      ServerUnreachable: If nobody answers.
      TlsFault: If a certificate is not trusted.
    """
    import requests

    with requests.Session() as session, _telling(connection):
        # Otherwise a .netrc of this machine would log in, too.
        session.trust_env = False
        session.verify = connection.ssl_ca_cert or True
        page = _login_page(session, connection, user)
        if page is not None:
            _enter(session, connection, user, page)
        return _cookies(session, connection)


def _login_page(session: Session, connection: Connection, user: DexUser) -> Response | None:
    """Goes to Dex's login form; None if the server does not lead there."""
    answer = _get(session, connection, connection.host)
    if answer.status_code in (401, 403):
        place = urlsplit(answer.url)
        start = place._replace(path=_START, query=urlencode({"rd": place.path or "/"}))
        answer = _get(session, connection, start.geturl())
    place = urlsplit(answer.url)
    if _CHOICE.search(place.path):
        chosen = place._replace(path=_CHOICE.sub(f"/auth/{user.connector}", place.path))
        answer = _get(session, connection, chosen.geturl())
    _check(answer, connection)
    form = _form(answer)
    asks = form is not None and form.password
    # A redirect alone says nothing: the server may only add a slash.
    return None if answer.url.startswith(connection.host) and not asks else answer


def _enter(session: Session, connection: Connection, user: DexUser, page: Response) -> None:
    """Fills in the login form, and the approval if Dex asks for it."""
    form = _form(page)
    if form is None or not form.password:
        raise LoginRefused(
            f"{_place(page)} shows no form for a user and a password; accepted: a Dex with static users or "
            f"LDAP: log in there by other means, and give a token as KF_PIPELINES_TOKEN"
        )
    target = urljoin(page.url, form.action)
    if connection.host.startswith("https:") and not target.startswith("https:"):
        raise LoginRefused(
            f"the login form of {connection.host} is at {_plain(target)}, which is not encrypted: the "
            "password is not sent there"
        )
    filled = form.fields | {form.text or "login": user.username, form.password: user.password}
    answer = _post(session, connection, target, filled)
    again = _form(answer)
    if answer.status_code in (401, 403) or (again is not None and again.password):
        raise LoginRefused(
            f"Dex at {_place(page)} does not know the user {user.username!r} or the password; accepted: "
            f"{DEX_USERNAME} and {DEX_PASSWORD} of a user of its list {user.connector!r}"
        )
    if urlsplit(answer.url).path.endswith("/approval"):
        approval = again or _Form("")
        _check(
            _post(
                session,
                connection,
                urljoin(answer.url, approval.action),
                approval.fields | {"approval": "approve"},
            ),
            connection,
        )
        return
    _check(answer, connection)


def _cookies(session: Session, connection: Connection) -> str:
    """Those cookies that belong to the host's API: Dex's own are none of its business."""
    from requests import Request
    from requests.cookies import get_cookie_header

    request = Request("GET", f"{connection.host}/apis/").prepare()
    return get_cookie_header(session.cookies, request) or ""


def _get(session: Session, connection: Connection, url: str) -> Response:
    return session.get(url, timeout=connection.timeouts_s)


def _post(session: Session, connection: Connection, url: str, fields: dict[str, str]) -> Response:
    return session.post(url, data=fields, timeout=connection.timeouts_s)


def _check(answer: Response, connection: Connection) -> None:
    if answer.ok:
        return
    if answer.status_code == 404:
        raise NoPipelinesApi(
            f"{_place(answer)} is not there (404); see that --host {connection.host} is right"
        )
    body = one_line(answer.text, connection.secrets)
    raise of_status(answer.status_code, body, "", f"GET {_place(answer)}", connection.host)


def _form(answer: Response) -> _Form | None:
    """The first form of a page; None if there is none."""
    reader = _FormReader()
    reader.feed(answer.text)
    return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: _Form | None = None
        self._over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form = _Form(told.get("action", ""))
        elif tag == "input" and self.form is not None and not self._over and (name := told.get("name")):
            match told.get("type", "text").lower():
                case "hidden":
                    self.form.fields[name] = told.get("value", "")
                case "password":
                    self.form.password = name
                case "text" | "email":
                    self.form.text = name

    def handle_endtag(self, tag: str) -> None:
        self._over = self._over or (tag == "form" and self.form is not None)


def _place(answer: Response) -> str:
    return _plain(answer.url)


def _plain(url: str) -> str:
    """An address without its query, which holds the state of a login."""
    return url.partition("?")[0]


@contextmanager
def _telling(connection: Connection) -> Iterator[None]:
    import requests

    host = connection.host
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise untrusted(host, one_line(str(error), connection.secrets)) from None
    except requests.exceptions.TooManyRedirects:
        raise LoginRefused(f"the login at {host} redirects in a loop; see its oauth2-proxy") from None
    except requests.exceptions.RequestException as error:
        fault: KubeflowFault = no_answer(host, one_line(str(error), connection.secrets), maybe_done=False)
        raise fault from None
