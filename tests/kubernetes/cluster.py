"""A real Kubernetes API server over a real etcd, without nodes: what it takes is stored, and nothing runs.

No controller runs either: nobody makes the account ``default`` of a namespace, pods of a Deployment or rules
of an aggregated role.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.built_programs import installed
from tests.kubernetes.servers import servers

_START_SECONDS, _SECONDS = 180, 120
# They end with the process that started them, however that ends.
_ENDING = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


@dataclass(frozen=True)
class Answer:
    """What ``kubectl`` said.

    Attributes:
      code: Exit code.
      out: What it printed.
      err: Its warnings and complaints.
    """

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """What it printed as JSON; it must have succeeded."""
        assert self.code == 0, self.err
        told: dict[str, Any] = json.loads(self.out)
        return told


@dataclass(frozen=True)
class Cluster:
    """An API server that runs.

    Attributes:
      program: Of ``kubectl``.
      config: Its file that names the server, for somebody who may do anything.
    """

    program: str
    config: Path

    def kubectl(self, *arguments: object, told: Any = None, token: str = "") -> Answer:
        """Calls ``kubectl``.

        Args:
          arguments: Its own.
          told: What it reads as its standard input: manifests, where ``-f -`` is an argument.
          token: Of who asks; empty: who may do anything.
        """
        user = ["--token", token, "--user", "nobody"] if token else []
        done = subprocess.run(
            [self.program, "--kubeconfig", self.config, *user, *map(str, arguments)],
            input=None if told is None else json.dumps(told),
            # There it keeps what it learned of the server.
            env={**os.environ, "HOME": str(self.config.parent)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def wait_until(self, *arguments: object, seconds: float = _SECONDS) -> None:
        """Asks until it is answered.

        Raises:
          AssertionError: If it is not in time.
        """
        end = time.monotonic() + seconds
        while (asked := self.kubectl(*arguments)).code:
            assert time.monotonic() < end, asked.err
            time.sleep(0.2)

    def create(self, *manifests: Mapping[str, Any]) -> None:
        """Makes objects that must be taken."""
        done = self.kubectl(
            "create", "-f", "-", told={"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        )
        assert done.code == 0, done.err

    def namespace(self, name: str, **labels: str) -> str:
        """Makes a namespace with what its controllers would put there.

        Args:
          name: Its own.
          labels: Levels of Pod Security, as ``enforce="restricted"``.
        """
        levels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in labels.items()}
        self.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}},
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": name},
            },
        )
        return name

    def token(self, namespace: str, account: str, audience: str = "") -> str:
        """A token of an account."""
        audiences = [f"--audience={audience}"] if audience else []
        done = self.kubectl("create", "token", "-n", namespace, account, *audiences)
        assert done.code == 0, done.err
        return done.out.strip()


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Starts the servers; skips the test that asks where they cannot be had.

    Args:
      folder: For their data, and what they log.
    """
    kubectl = installed("kubectl", "kubectl", "no API server is asked")
    programs = servers()
    peers, clients, port = _free_ports(3)
    # Signs tokens of accounts.
    key = folder / "accounts.key"
    key.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
    )
    (folder / "tokens.csv").write_text("tests,admin,admin,system:masters\n")
    certificates = folder / "certificates"
    etcd = [
        programs / "etcd",
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-cluster=default=http://127.0.0.1:{peers}",
        f"--listen-client-urls=http://127.0.0.1:{clients}",
        f"--advertise-client-urls=http://127.0.0.1:{clients}",
    ]
    server = [
        programs / "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{clients}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={certificates}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={key}",
        f"--service-account-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        # It listens on this machine only: no Service points to it.
        "--endpoint-reconciler-type=none",
    ]
    cluster = Cluster(kubectl, _config(folder, port, certificates / "apiserver.crt"))
    with _process(etcd, folder / "etcd.log"), _process(server, folder / "apiserver.log"):
        try:
            # All of the roles that come with it, too, which are made after it has started.
            cluster.wait_until("get", "--raw", "/readyz", seconds=_START_SECONDS)
        except AssertionError as error:
            raise AssertionError((folder / "apiserver.log").read_text("utf-8")[-3000:]) from error
        yield cluster


def _config(folder: Path, port: int, authority: Path) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "tests",
                        "cluster": {
                            "server": f"https://127.0.0.1:{port}",
                            "certificate-authority": str(authority),
                        },
                    }
                ],
                "users": [{"name": "admin", "user": {"token": "tests"}}, {"name": "nobody", "user": {}}],
                "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
                "current-context": "tests",
            }
        )
    )
    return path


@contextmanager
def _process(command: Sequence[object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as out,
        subprocess.Popen([*_ENDING, *map(str, command)], stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
