"""What flags and environment say of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kubeflow.connection import Connection, DexUser, Token, TokenFile, connection_from, read_token
from pipeline.kubeflow.faults import Refused

HOST = {"KF_PIPELINES_ENDPOINT": "https://kubeflow.example.com/pipeline"}


def test_environment_says_all_that_flags_leave_open() -> None:
    environment = HOST | {
        "KF_PIPELINES_NAMESPACE": "team",
        "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME": "nightly",
        "KF_PIPELINES_UI_ENDPOINT": "https://kubeflow.example.com/ui/",
    }

    found = connection_from(environment)

    assert (found.host, found.namespace, found.experiment) == (
        "https://kubeflow.example.com/pipeline",
        "team",
        "nightly",
    )
    assert found.run_page("r1") == "https://kubeflow.example.com/ui/#/runs/details/r1"


def test_flags_go_before_the_environment() -> None:
    environment = HOST | {
        "KF_PIPELINES_NAMESPACE": "team",
        "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME": "nightly",
    }

    found = connection_from(environment, "http://localhost:3000/#/runs", "mine", "tries")

    # The page's part of an address that was copied from a browser is none of the host.
    assert (found.host, found.namespace, found.experiment) == ("http://localhost:3000", "mine", "tries")
    assert found.page == found.host


def test_experiment_has_the_sdks_override_and_default() -> None:
    assert connection_from(HOST).experiment == "Default"
    override = HOST | {"KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME": "forced"}
    assert connection_from(override, experiment="tries").experiment == "forced"


def test_no_host_is_refused_with_the_ways_to_name_one() -> None:
    with pytest.raises(Refused, match=r"--host or KF_PIPELINES_ENDPOINT.*port-forward.*/pipeline"):
        connection_from({})


@pytest.mark.parametrize(
    "host", ["localhost:3000", "ftp://kubeflow", "https://", "http://a:b", "http://h/?a=1", "http://[::1"]
)
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(Refused, match=r"--host: .*accepted: an address such as"):
        connection_from({}, host)


def test_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused, match="KF_PIPELINES_DEX_PASSWORD") as caught:
        connection_from({}, "https://me:hidden1@kubeflow.example.com")
    assert "hidden1" not in str(caught.value)


def test_credentials_of_each_kind() -> None:
    assert connection_from(HOST).credentials is None
    assert connection_from(HOST | {"KF_PIPELINES_TOKEN": "abc\n"}).credentials == Token("abc")
    assert connection_from(HOST | {"KF_PIPELINES_SA_TOKEN_PATH": "/token"}).credentials == TokenFile(
        Path("/token")
    )
    dex = HOST | {"KF_PIPELINES_DEX_USERNAME": "me@x", "KF_PIPELINES_DEX_PASSWORD": "p"}
    assert connection_from(dex).credentials == DexUser("me@x", "p", "local")
    assert connection_from(dex | {"KF_PIPELINES_DEX_AUTH_TYPE": "ldap"}).credentials == DexUser(
        "me@x", "p", "ldap"
    )


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"KF_PIPELINES_TOKEN": "a", "KF_PIPELINES_SA_TOKEN_PATH": "/b"}, "unset the others"),
        ({"KF_PIPELINES_DEX_USERNAME": "me"}, "KF_PIPELINES_DEX_PASSWORD is not"),
        (
            {
                "KF_PIPELINES_DEX_USERNAME": "me",
                "KF_PIPELINES_DEX_PASSWORD": "p",
                "KF_PIPELINES_DEX_AUTH_TYPE": "github",
            },
            "'github' is unknown; accepted: local, ldap",
        ),
        ({"KF_PIPELINES_TOKEN": "hidden1 x"}, "KF_PIPELINES_TOKEN: holds no token"),
        ({"KF_PIPELINES_SSL_CA_CERT": "/nowhere.pem"}, r"'/nowhere.pem' is no file"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        connection_from(HOST | environment)
    assert "hidden1" not in str(caught.value)


def test_no_secret_is_shown() -> None:
    shown = repr([Connection("h", "h", credentials=Token("hidden1")), DexUser("me", "hidden2")])
    assert "hidden" not in shown
    assert "me" in shown


def test_token_file_is_read_each_time(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "token")
    file.path.write_text("one\n")
    assert read_token(file) == "one"
    file.path.write_text("two\n")
    assert read_token(file) == "two"
    file.path.unlink()
    with pytest.raises(Refused, match=r"KF_PIPELINES_SA_TOKEN_PATH: .*token cannot be read: No such file"):
        read_token(file)
