"""Pods without a cluster: network namespaces of this machine, joined by a bridge.

Programs in a pod have ports and a localhost of their own, find other pods by their names, and can all be
killed at once. What pods mount is simply the file system of this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_HOSTS = Path("/etc/netns")
_ENDING_SECONDS = 10


def wait_for(what: str, there: Callable[[], bool], seconds: float = 120) -> None:
    """Waits until something is there.

    Raises:
      AssertionError: If it is not there in time.
    """
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        time.sleep(0.05)


@dataclass
class Pod:
    """One network namespace.

    Attributes:
      name: By which other pods find it.
      namespace: Name of the namespace.
      address: Its address.
      logs: Folder of what its programs print.
      processor: The only one of this machine that its programs run on; none: they run on all.
    """

    name: str
    namespace: str
    address: str
    logs: Path
    processor: int | None = None
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        called: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Starts a program; what it prints goes to a file of its name.

        Args:
          called: Name of the container.
          command: The program and its arguments.
          environment: Variables beside those of this process.
          folder: Where it runs.
        """
        place = [] if self.processor is None else ["taskset", "--cpu-list", str(self.processor)]
        with self.log(called).open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.namespace, "nice", *place, *command],
                    env=os.environ | dict(environment or {}),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def log(self, called: str) -> Path:
        """What a program has printed so far is here."""
        return self.logs / f"{self.name}-{called}.log"

    def say(self, called: str) -> str:
        """The same as text; empty if it was never started."""
        with suppress(FileNotFoundError):
            return self.log(called).read_text("utf-8", "replace")
        return ""

    def listens(self, port: int) -> bool:
        """Whether a program in the pod takes calls at a port."""
        try:
            socket.create_connection((self.address, port), timeout=1).close()
        except OSError:
            return False
        return True

    def programs(self) -> list[int]:
        """Ids of all processes in the pod, those that its programs started too."""
        return [int(line) for line in _ip("netns", "pids", self.namespace).split()]

    def kill(self) -> None:
        """Ends all processes in the pod at once, as when its node is lost."""
        for process in self.programs():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for started in self._started:
            started.wait(_ENDING_SECONDS)
        self._started.clear()


@dataclass
class Network:
    """Pods that see each other, and are seen by this process.

    Attributes:
      logs: Folder of what programs print.
    """

    logs: Path
    _prefix: str
    _subnet: str
    _undo: ExitStack
    pods: dict[str, Pod] = field(default_factory=dict)

    def pod(self, name: str, processor: int | None = None) -> Pod:
        """Makes a pod, empty.

        Args:
          name: By which other pods find it.
          processor: The only one of this machine that it has; none: it has all.
        """
        number = len(self.pods) + 1
        made = Pod(name, f"{self._prefix}-{name}", f"{self._subnet}.{number + 1}", self.logs, processor)
        _ip("netns", "add", made.namespace)
        self._undo.callback(_ip, "netns", "del", made.namespace)
        link = f"{self._prefix}{number}"
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", made.namespace)
        # It would go with the namespace, but some time later, and its name would be taken until then.
        self._undo.callback(_ip, "link", "del", link)
        self._undo.callback(made.kill)
        _ip("link", "set", link, "master", self._prefix, "up")
        for command in (
            ("addr", "add", f"{made.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", made.namespace, *command)
        self.pods[name] = made
        self._write_hosts()
        return made

    def _write_hosts(self) -> None:
        """Pods that run already see names that are added, since the files stay the same ones."""
        for pod in self.pods.values():
            lines = ["127.0.0.1 localhost", f"{pod.address} {socket.gethostname()}"]
            lines += [f"{one.address} {one.name}" for one in self.pods.values()]
            folder = _HOSTS / pod.namespace
            if not folder.exists():
                folder.mkdir(parents=True)
                self._undo.callback(shutil.rmtree, folder)
            (folder / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def network(logs: Path) -> Iterator[Network]:
    """A network for pods; all that runs in them ends with it.

    Skips the test that asks where this user may make none.
    """
    number = os.getpid() % 65536
    prefix, subnet = f"tt{number:04x}", f"10.{number >> 8}.{number & 255}"
    with ExitStack() as undo:
        try:
            _ip("link", "add", prefix, "type", "bridge")
            undo.callback(_ip, "link", "del", prefix)
            _ip("addr", "add", f"{subnet}.1/24", "dev", prefix)
            _ip("link", "set", prefix, "up")
            _ip("netns", "add", prefix)
            undo.callback(_ip, "netns", "del", prefix)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or error
            pytest.skip(f"network namespaces cannot be made here, so no runner has pods: {said}")
        logs.mkdir(parents=True, exist_ok=True)
        yield Network(logs, prefix, subnet, undo)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
