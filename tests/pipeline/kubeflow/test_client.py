"""Submitting, asking, and every way in which a server does not answer."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from typing import Any

import kfp.client.client
import pytest

from pipeline.kubeflow import client
from pipeline.kubeflow.client import PipelinesServer, Submission
from pipeline.kubeflow.connection import Connection
from pipeline.kubeflow.faults import KubeflowFault, NoPipelinesApi, NotFound, Refused, ServerUnreachable
from pipeline.kubeflow.package import read_package
from tests.pipeline.kubeflow.kfp_server import Fault, KfpServer


@pytest.fixture
def submission(small: Path) -> Submission:
    return Submission(read_package(small), "a run", {"count": 3})


def connect(server: KfpServer, **options: Any) -> PipelinesServer:
    return PipelinesServer(Connection(server.host, server.host, **options))


def test_run_is_made_with_all_that_was_said(server: KfpServer, small: Path) -> None:
    package = read_package(small)
    submission = Submission(package, "a run", {"count": 3}, "s3://bucket/runs", "tinytrill-runner")

    submitted = connect(server, experiment="nightly").submit(submission)

    (sent,) = server.created
    assert sent["display_name"] == submitted.name == "a run"
    assert sent["runtime_config"] == {"parameters": {"count": 3}, "pipeline_root": "s3://bucket/runs"}
    assert sent["service_account"] == "tinytrill-runner"
    # As the server wants it where there is a platform's part.
    assert sent["pipeline_spec"] == {"pipeline_spec": package.pipeline, "platform_spec": package.platform}
    (experiment,) = server.experiments.values()
    assert sent["experiment_id"] == experiment["experiment_id"]
    assert submitted.experiment == experiment["display_name"] == "nightly"
    assert submitted.run_id in server.runs
    assert submitted.page == f"{server.host}/#/runs/details/{submitted.run_id}"


def test_experiment_that_is_there_is_taken(server: KfpServer, submission: Submission) -> None:
    client = connect(server)
    client.submit(submission)
    client.submit(submission)
    assert len(server.experiments) == 1
    assert len(server.created) == 2


def test_two_experiments_of_a_name_are_refused(server: KfpServer, submission: Submission) -> None:
    for name in ("1", "2"):
        server.experiments[name] = {"experiment_id": name, "display_name": "Default"}
    with pytest.raises(Refused, match="Multiple experiments"):
        connect(server).submit(submission)


def test_without_cache_no_task_has_one(server: KfpServer, small: Path) -> None:
    connect(server).submit(Submission(read_package(small), "a run", {"count": 3}, cache=False))
    assert '"enableCache": true' not in json.dumps(server.created)
    connect(server).submit(Submission(read_package(small), "a run", {"count": 3}))
    assert '"enableCache": true' in json.dumps(server.created)


def test_experiment_is_of_the_namespace(server: KfpServer, submission: Submission) -> None:
    connect(server, namespace="team").submit(submission)
    connect(server, namespace="other").submit(submission)
    assert [one["namespace"] for one in server.experiments.values()] == ["team", "other"]


def test_nothing_of_this_machine_is_read_or_shown(
    server: KfpServer, submission: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The SDK would take namespace and cookie from a file in the user's home, and print."""
    context = tmp_path / "context.json"
    context.write_text('{"namespace": "elsewhere", "client_authentication_cookie": "a=b"}')
    monkeypatch.setattr(kfp.client.client.Client, "_LOCAL_KFP_CONTEXT", str(context))

    connect(server).submit(submission)

    assert all("cookie" not in request.headers for request in server.requests)
    assert all("elsewhere" not in f"{request.query}{request.body}" for request in server.requests)
    assert capsys.readouterr() == ("", "")
    # The experiment (looked for, made), the run.
    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        "experiments",
        "experiments",
        "runs",
    ]


@pytest.mark.parametrize("root", ["/data", "s3:bucket", "https://bucket/x", "s3://"])
def test_pipeline_root_must_be_a_bucket(small: Path, root: str) -> None:
    with pytest.raises(Refused, match=r"--pipeline-root: .*minio://"):
        Submission(read_package(small), "a run", pipeline_root=root)


def test_invalid_parameter_is_refused_though_the_server_calls_it_its_own_fault(
    server: KfpServer, small: Path
) -> None:
    """It answers 500: not to be tried again."""
    with pytest.raises(Refused, match=r"refuses \(500\): .*unknown parameter colour"):
        connect(server).submit(Submission(read_package(small), "a run", {"count": 3, "colour": "red"}))


def test_run_that_is_not_there(server: KfpServer) -> None:
    asking = connect(server)
    with pytest.raises(NotFound, match=r"runs/nothing not found"):
        asking.run("nothing")
    # An id that would be another address is not asked for.
    asked = len(server.requests)
    for run_id in ("", "../experiments", "a b"):
        with pytest.raises(NotFound, match="is not an id of a run"):
            asking.run(run_id)
    assert len(server.requests) == asked


@pytest.mark.parametrize("token", ["", "hidden-2"])
def test_wrong_or_no_token_is_refused(server: KfpServer, token: str) -> None:
    server.token = "abc"
    with pytest.raises(Refused, match=r"valid credentials.*the token is not valid.*KF_PIPELINES_TOKEN"):
        connect(server, token=token).run("a-run")
    with pytest.raises(NotFound):
        connect(server, token="abc").run("a-run")


def test_server_that_repeats_the_token_does_not_make_it_shown(server: KfpServer) -> None:
    server.fail(Fault(401, '{"code": 16, "message": "bad token hidden-2"}'))
    with pytest.raises(Refused, match=r"bad token \*\*\*"):
        connect(server, token="hidden-2").run("a-run")


def test_token_file_that_changes_is_read_again(server: KfpServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    server.token = "one"
    asking = connect(server, token_file=str(file))
    with pytest.raises(NotFound):
        asking.run("a-run")

    file.write_text("two")
    server.token = "two"
    with pytest.raises(NotFound):
        asking.run("a-run")

    # What an HTTP library says of such a token shows it.
    file.write_text("hidden-1\nhidden-2")
    with pytest.raises(Refused) as caught:
        asking.run("a-run")
    assert "hidden" not in str(caught.value)
    file.unlink()
    with pytest.raises(Refused, match=rf"KF_PIPELINES_SA_TOKEN_PATH: {file} cannot be read: No such file"):
        asking.run("a-run")


def test_login_of_a_platform_is_not_followed(server: KfpServer) -> None:
    server.fail(Fault(302, "", {"Location": "/dex/auth?client_id=kubeflow"}))
    with pytest.raises(NoPipelinesApi, match="behind a login that KF_PIPELINES_TOKEN goes past"):
        connect(server).run("a-run")
    assert len(server.requests) == 1


def test_web_page_is_no_answer(server: KfpServer) -> None:
    """The SDK by itself makes an empty run of it."""
    server.fail(Fault(200, "<title>Kubeflow Central Dashboard</title>"))
    with pytest.raises(NoPipelinesApi, match="a web page"):
        connect(server).run("a-run")


def test_dropped_connection(server: KfpServer) -> None:
    server.fail(Fault())
    with pytest.raises(ServerUnreachable, match=r"does not answer: .*without response"):
        connect(server).run("a-run")


def test_silent_server_is_not_waited_for_for_ever(server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUTS_S", (5.0, 0.2))
    server.fail(Fault(hang=True))
    with pytest.raises(ServerUnreachable, match=r"read timeout=0.2"):
        connect(server).run("a-run")


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServerUnreachable, match=rf"{host} does not answer: .*refused.*port-forward"):
        PipelinesServer(Connection(host, host)).run("a-run")


def test_run_whose_answer_is_lost_may_have_been_made(server: KfpServer, submission: Submission) -> None:
    server.fail(Fault(after=True, path="/runs"))

    with pytest.raises(ServerUnreachable) as caught:
        connect(server).submit(submission)

    (experiment,) = server.experiments
    assert "'a run' may have been started all the same" in str(caught.value)
    assert f"{server.host}/#/experiments/details/{experiment}" in str(caught.value)
    # It is not sent a second time by itself.
    assert len(server.created) == 1


def test_certificates_are_checked(server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    host = server.host.replace("http:", "https:")
    with pytest.raises(KubeflowFault, match=r"no TLS .*KF_PIPELINES_SSL_CA_CERT.*the scheme and the port"):
        PipelinesServer(Connection(host, host)).run("a-run")
    files: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *given: files.extend(given))
    with pytest.raises(KubeflowFault):
        PipelinesServer(Connection(host, host, ssl_ca_cert="/our/ca.pem")).run("a-run")
    assert "/our/ca.pem" in files
