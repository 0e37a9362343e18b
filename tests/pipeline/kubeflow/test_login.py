"""Logging in: tokens, a token's file, and Dex as Kubeflow's platforms have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kubeflow.client import PipelinesServer
from pipeline.kubeflow.connection import Connection, Credentials, DexUser, Token, TokenFile
from pipeline.kubeflow.faults import LoginRefused, NoPipelinesApi, NotAllowed, Refused, ServerUnreachable
from tests.pipeline.kubeflow.kfp_server import Fault, KfpServer

USER, PASSWORD = "me@example.com", "hidden-1 &%+ü"
ME = DexUser(USER, PASSWORD)


def connect(server: KfpServer, credentials: Credentials = None, namespace: str = "") -> PipelinesServer:
    return PipelinesServer(
        Connection(server.host, server.host, namespace, credentials=credentials, timeouts_s=(5.0, 5.0))
    )


def test_bearer_token_is_sent_with_each_request(server: KfpServer) -> None:
    server.token = "abc"
    connect(server, Token("abc"))
    assert [request.headers.get("authorization") for request in server.requests] == ["Bearer abc"]


@pytest.mark.parametrize("credentials", [None, Token("hidden-2")])
def test_wrong_or_no_token_is_refused_with_the_ways_to_log_in(
    server: KfpServer, credentials: Credentials
) -> None:
    server.token = "abc"
    with pytest.raises(
        LoginRefused, match=r"requires valid credentials.*the token is not valid.*KF_PIPELINES_TOKEN"
    ) as caught:
        connect(server, credentials)
    assert "hidden" not in str(caught.value)


def test_server_that_repeats_the_token_does_not_make_it_shown(server: KfpServer) -> None:
    server.fail(Fault(401, '{"code": 16, "message": "bad token hidden-2"}'))
    with pytest.raises(LoginRefused, match=r"bad token \*\*\*"):
        connect(server, Token("hidden-2"))


def test_token_file_that_changes_is_read_again(server: KfpServer, tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "token")
    file.path.write_text("one")
    server.token = "one"
    client = connect(server, file)

    server.token = "two"
    with pytest.raises(LoginRefused):
        client.run("a-run")
    file.path.write_text("two")
    with pytest.raises(Refused, match="a-run not found"):
        client.run("a-run")

    file.path.unlink()
    with pytest.raises(Refused, match="KF_PIPELINES_SA_TOKEN_PATH"):
        client.run("a-run")


@pytest.mark.parametrize("sign_in", ["redirect", "page"])
@pytest.mark.parametrize("choice", [False, True])
@pytest.mark.parametrize("approval", [False, True])
def test_dex_by_every_road(server: KfpServer, sign_in: str, choice: bool, approval: bool) -> None:
    server.dex, server.sign_in, server.choice, server.approval = (USER, PASSWORD), sign_in, choice, approval

    connect(server, ME)

    assert server.logins == 1
    asked = server.requests[-1]
    assert asked.path == "/pipeline/apis/v2beta1/healthz"
    # Dex's own cookie is for /dex only.
    assert asked.headers["cookie"] == "oauth2_proxy_kubeflow=session-1"


def test_session_that_ends_is_renewed(server: KfpServer) -> None:
    server.dex = (USER, PASSWORD)
    client = connect(server, ME)

    server.sessions.clear()
    with pytest.raises(Refused, match="a-run not found"):
        client.run("a-run")

    assert server.logins == 2


def test_renewed_session_that_is_refused_too_is_the_end(server: KfpServer) -> None:
    server.dex = (USER, PASSWORD)
    client = connect(server, ME)
    server.fail(*[Fault(401, "no", path="/runs/a-run")] * 2)
    with pytest.raises(LoginRefused):
        client.run("a-run")
    assert server.logins == 2


def test_wrong_password_is_refused_and_not_shown(server: KfpServer) -> None:
    server.dex = (USER, "another")
    with pytest.raises(
        LoginRefused, match=rf"does not know the user '{USER}' or the password.*PASSWORD"
    ) as caught:
        connect(server, ME)
    assert PASSWORD not in str(caught.value)
    assert "state=" not in str(caught.value)


@pytest.mark.parametrize("sign_in", ["redirect", "page"])
def test_platform_without_credentials_asks_for_them(server: KfpServer, sign_in: str) -> None:
    server.dex, server.sign_in = (USER, PASSWORD), sign_in
    with pytest.raises(LoginRefused, match=r"requires valid credentials.*KF_PIPELINES_DEX_USERNAME"):
        connect(server)
    # The redirect is not followed: nothing of Dex was asked.
    assert [request.path for request in server.requests] == ["/pipeline/apis/v2beta1/healthz"]


def test_server_that_needs_no_login_is_not_logged_in_at(server: KfpServer) -> None:
    connect(server, ME)
    assert server.logins == 0
    assert "cookie" not in server.requests[-1].headers


def test_redirect_within_the_host_is_no_login(server: KfpServer) -> None:
    server.fail(Fault(301, "", {"Location": "/pipeline/"}, path="/pipeline"))
    connect(server, ME)
    assert server.logins == 0


def test_page_without_a_form_is_no_login(server: KfpServer) -> None:
    server.dex = (USER, PASSWORD)
    server.fail(Fault(200, "<a href='/github'>Log in with GitHub</a>", path="/login"))
    with pytest.raises(LoginRefused, match=r"/dex/auth/local/login shows no form.*KF_PIPELINES_TOKEN"):
        connect(server, ME)


def test_password_is_not_sent_to_another_scheme(server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encrypted host whose login form is not: Dex behind a wrong issuer address."""
    import requests

    server.dex = (USER, PASSWORD)
    really = requests.Session.get
    plain = server.host.replace("http:", "https:")

    def get(session: requests.Session, url: str, **options: object) -> requests.Response:
        return really(session, url.replace("https:", "http:"), **options)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.Session, "get", get)
    with pytest.raises(LoginRefused, match="not encrypted"):
        PipelinesServer(Connection(plain, plain, credentials=ME))
    assert all(PASSWORD not in request.body and request.method == "GET" for request in server.requests)


def test_login_at_nothing_says_what_is_wrong(server: KfpServer) -> None:
    server.dex = (USER, PASSWORD)
    server.fail(Fault(404, "<h1>none</h1>", path="/login"))
    with pytest.raises(NoPipelinesApi, match=r"/dex/auth/local/login is not there"):
        connect(server, ME)
    server.fail(Fault(path="/login"))
    with pytest.raises(ServerUnreachable, match="does not answer"):
        connect(server, ME)
    server.fail(Fault(502, "bad gateway", path="/login"))
    with pytest.raises(ServerUnreachable, match=r"fails \(502\)"):
        connect(server, ME)


def test_user_without_rights_is_told_so(server: KfpServer) -> None:
    server.denied = "User 'me@example.com' is not authorized with reason: get runs in namespace other"
    with pytest.raises(NotAllowed, match=r"not authorized.*kubeflow-edit.*--namespace"):
        connect(server, namespace="other")
