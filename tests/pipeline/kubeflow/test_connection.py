"""What flags and environment say of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kubeflow.connection import Connection, connection_from
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


@pytest.mark.parametrize("host", ["https://me:hidden1@kubeflow.example.com", "https://kf/?token=hidden1"])
def test_secret_in_the_address_is_refused_and_not_shown(host: str) -> None:
    with pytest.raises(Refused, match="KF_PIPELINES_TOKEN") as caught:
        connection_from({}, host)
    assert "hidden1" not in str(caught.value)


def test_tokens(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc")
    assert connection_from(HOST).token == connection_from(HOST).token_file == ""
    assert connection_from(HOST | {"KF_PIPELINES_TOKEN": "abc\n"}).token == "abc"
    assert connection_from(HOST | {"KF_PIPELINES_SA_TOKEN_PATH": str(file)}).token_file == str(file)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"KF_PIPELINES_TOKEN": "a", "KF_PIPELINES_SA_TOKEN_PATH": "/b"}, "unset the other"),
        ({"KF_PIPELINES_TOKEN": "hidden1 x"}, "KF_PIPELINES_TOKEN: holds no token"),
        ({"KF_PIPELINES_TOKEN": "\n"}, "KF_PIPELINES_TOKEN: holds no token"),
        ({"KF_PIPELINES_SA_TOKEN_PATH": "/nowhere"}, r"'/nowhere' is no file"),
        ({"KF_PIPELINES_SSL_CA_CERT": "/nowhere.pem"}, r"'/nowhere.pem' is no file"),
    ],
)
def test_what_cannot_be_used_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        connection_from(HOST | environment)
    assert "hidden1" not in str(caught.value)


def test_no_secret_is_shown() -> None:
    assert "hidden" not in repr(Connection("h", "h", token="hidden1"))
