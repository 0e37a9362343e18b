"""Submitting, and every way in which a server says no."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
from pathlib import Path
from typing import Any

import kfp.client.client
import kubernetes.config
import pytest

from pipeline.kubeflow.client import PipelinesServer, Submission
from pipeline.kubeflow.connection import Connection, DexUser
from pipeline.kubeflow.faults import (
    NoPipelinesApi,
    NotFound,
    Refused,
    ServerUnreachable,
    TlsFault,
)
from pipeline.kubeflow.package import read_package
from tests.pipeline.kubeflow.kfp_server import Fault, KfpServer


@pytest.fixture
def submission(small: Path) -> Submission:
    return Submission(read_package(small), "a run", {"count": 3})


def connect(server: KfpServer, **options: Any) -> PipelinesServer:
    return PipelinesServer(Connection(server.host, server.host, timeouts_s=(5.0, 5.0), **options))


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


def test_experiment_that_somebody_else_has_just_made_is_taken(
    server: KfpServer, submission: Submission
) -> None:
    client = connect(server)
    client.submit(submission)
    # The first look does not find it yet, and making it fails.
    server.fail(Fault(200, "{}", path="/experiments"))
    client.submit(submission)
    assert len(server.experiments) == 1


def test_two_experiments_of_a_name_are_refused(server: KfpServer, submission: Submission) -> None:
    for name in ("1", "2"):
        server.experiments[name] = {"experiment_id": name, "display_name": "Default"}
    with pytest.raises(Refused, match=r"the experiment 'Default': Multiple experiments"):
        connect(server).submit(submission)


def test_without_cache_no_task_has_one(server: KfpServer, small: Path) -> None:
    connect(server).submit(Submission(read_package(small), "a run", {"count": 3}, cache=False))
    assert '"enableCache"' not in json.dumps(server.created)


def test_shared_server_wants_a_namespace(server: KfpServer, submission: Submission) -> None:
    server.multi_user = True
    with pytest.raises(
        Refused, match="give your profile's namespace as --namespace or KF_PIPELINES_NAMESPACE"
    ):
        connect(server)

    connect(server, namespace="team").submit(submission)

    (experiment,) = server.experiments.values()
    assert experiment["namespace"] == "team"


def test_server_of_one_user_is_not_told_a_namespace(
    server: KfpServer, submission: Submission, caplog: pytest.LogCaptureFixture
) -> None:
    """It would refuse it."""
    connect(server, namespace="team").submit(submission)
    assert "the namespace team is not used" in caplog.text


def test_nothing_of_this_machine_is_read_or_shown(
    server: KfpServer, submission: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The SDK would take namespace and cookie from a file in the user's home, and print."""
    context = tmp_path / "context.json"
    context.write_text('{"namespace": "elsewhere", "client_authentication_cookie": "a=b"}')
    monkeypatch.setattr(kfp.client.client.Client, "_LOCAL_KFP_CONTEXT", str(context))
    read: list[object] = []
    for loader in ("load_kube_config", "load_incluster_config"):
        monkeypatch.setattr(kubernetes.config, loader, lambda **options: read.append(options))

    connect(server).submit(submission)

    assert all("cookie" not in request.headers for request in server.requests)
    assert all("elsewhere" not in str(request.query) for request in server.requests)
    assert capsys.readouterr() == ("", "")
    assert read == []
    # Health, the experiment (looked for, made), the run.
    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        "healthz",
        "experiments",
        "experiments",
        "runs",
    ]


@pytest.mark.parametrize("root", ["/data", "s3:bucket", "https://bucket/x", "s3://"])
def test_pipeline_root_must_be_a_bucket(small: Path, root: str) -> None:
    with pytest.raises(Refused, match=r"--pipeline-root: .*minio://"):
        Submission(read_package(small), "a run", pipeline_root=root)


def test_specification_that_the_server_refuses(server: KfpServer, submission: Submission) -> None:
    client = connect(server)
    server.fail(Fault(400, '{"code": 3, "message": "Invalid input error: no\\nsuch task"}', path="/runs"))
    with pytest.raises(Refused, match=r"refuses \(400\): Invalid input error: no such task$"):
        client.submit(submission)


def test_invalid_parameter_is_refused_though_the_server_calls_it_its_own_fault(
    server: KfpServer, small: Path
) -> None:
    """It answers 500: not to be tried again."""
    with pytest.raises(Refused, match=r"refuses \(500\): .*unknown parameter colour"):
        connect(server).submit(Submission(read_package(small), "a run", {"count": 3, "colour": "red"}))


def test_namespace_that_the_server_misses_is_hinted_at(server: KfpServer) -> None:
    client = connect(server)
    server.fail(Fault(400, '{"code": 3, "message": "Invalid input error: Namespace is empty"}'))
    with pytest.raises(Refused, match="as --namespace or KF_PIPELINES_NAMESPACE"):
        client.run("a")


def test_too_large_a_specification(server: KfpServer, submission: Submission) -> None:
    client = connect(server)
    server.fail(Fault(413, "<h1>413 Request Entity Too Large</h1>", path="/runs"))
    with pytest.raises(Refused, match=r"takes no specification of this size"):
        client.submit(submission)


def test_run_that_is_not_there(server: KfpServer) -> None:
    client = connect(server)
    with pytest.raises(NotFound, match=r"runs/nothing.* not found"):
        client.run("nothing")
    # An id that would be another address is not asked for.
    asked = len(server.requests)
    for run_id in ("", "../experiments", "a b"):
        with pytest.raises(NotFound, match="is not an id of a run"):
            client.run(run_id)
    assert len(server.requests) == asked


def test_wrong_prefix_is_told_with_the_right_one(server: KfpServer) -> None:
    with pytest.raises(NoPipelinesApi, match=rf"no API .*\(404\).*--host {server.root}/pipeline"):
        PipelinesServer(Connection(server.root, server.root))


def test_older_server_is_told_from_an_absent_run(server: KfpServer) -> None:
    """Kubeflow Pipelines 1 has no such paths, and says so in JSON."""
    server.fail(Fault(404, '{"error": "Not Found", "code": 5, "message": "Not Found"}'))
    with pytest.raises(NoPipelinesApi, match="no API of Kubeflow Pipelines 2"):
        connect(server)


def test_web_page_in_place_of_the_api(server: KfpServer) -> None:
    server.fail(Fault(200, "<title>Kubeflow Central Dashboard</title>"))
    with pytest.raises(NoPipelinesApi, match="a web page answers, not Kubeflow Pipelines' API"):
        connect(server)


def test_redirect_elsewhere_is_told(server: KfpServer) -> None:
    server.fail(Fault(301, "", {"Location": "https://kubeflow.example.com/pipeline/apis?x=1"}))
    with pytest.raises(
        NoPipelinesApi, match=r"redirects to https://kubeflow.example.com/pipeline/apis; give"
    ):
        connect(server)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_failing_server_may_be_tried_again(server: KfpServer, status: int) -> None:
    server.fail(Fault(status, "upstream\nconnect error"))
    with pytest.raises(ServerUnreachable, match=rf"fails \({status}\): upstream connect error; try again"):
        connect(server)


def test_dropped_connection(server: KfpServer) -> None:
    server.fail(Fault())
    with pytest.raises(ServerUnreachable, match="it drops the connection"):
        connect(server)


def test_silent_server_is_not_waited_for_for_ever(server: KfpServer) -> None:
    server.fail(Fault(hang=True))
    with pytest.raises(ServerUnreachable, match=r"no response in 0.2 s"):
        PipelinesServer(Connection(server.host, server.host, timeouts_s=(5.0, 0.2)))


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServerUnreachable, match=rf"{host} does not answer: connection refused.*port-forward"):
        PipelinesServer(Connection(host, host))

    def unknown(*asked: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ServerUnreachable, match="unknown host"):
        PipelinesServer(Connection("http://kubeflow.invalid", ""))


def test_run_whose_answer_is_lost_may_have_been_made(server: KfpServer, submission: Submission) -> None:
    client = connect(server)
    server.fail(Fault(after=True, path="/runs"))

    with pytest.raises(ServerUnreachable) as caught:
        client.submit(submission)

    (experiment,) = server.experiments
    assert "'a run' may have been started all the same" in str(caught.value)
    assert f"{server.host}/#/experiments/details/{experiment}" in str(caught.value)
    # It is not sent a second time by itself.
    assert len(server.created) == 1


@pytest.mark.parametrize("user", [None, DexUser("me", "hidden-1")])
def test_certificate_that_is_not_trusted_and_one_that_is(tmp_path: Path, user: DexUser | None) -> None:
    """With a login it is already the login that finds out."""
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(self_signed())
    with KfpServer(certificate=certificate) as server:
        server.dex = (user.username, user.password) if user else None
        with pytest.raises(TlsFault, match="KF_PIPELINES_SSL_CA_CERT"):
            PipelinesServer(Connection(server.host, server.host, credentials=user))
        assert server.requests == []
        trusted = Connection(server.host, server.host, credentials=user, ssl_ca_cert=str(certificate))
        PipelinesServer(trusted)


def test_server_without_tls(server: KfpServer) -> None:
    host = server.host.replace("http:", "https:")
    with pytest.raises(TlsFault, match="the scheme and the port of the host"):
        PipelinesServer(Connection(host, host))


def self_signed() -> bytes:
    """Key and certificate of 127.0.0.1, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
