"""Starts Python commands from a process that has TensorFlow and TFX loaded already.

``python pipeline_runner.py`` spends more than ten seconds of processor time on imports before it does
anything. Here one server, which all processes of a test session share, imports them once, when it is first
asked. Each command is forked off it: a process of its own, with its own environment, working folder, streams,
signals and exit code, that runs the same script, module or code as ``__main__`` and ends as an interpreter
ends.

What is not tested so are the imports themselves: tests that are about them ask for a ``cold`` start.

    python -m tests.fork_server DESCRIPTOR
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_REPOSITORY = Path(__file__).resolve().parent.parent
_ADDRESS, _LOG = "TINYTRILL_FORK_SERVER", ".log"
_LOADED = (
    "tensorflow",
    "tf_keras",
    "tfx.v1",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_model_optimization",
    "mlflow",
    "kfp.compiler",
    "matplotlib.pyplot",
    "ai_edge_litert.interpreter",
    "pipeline.commands.runs",
    "pipeline.commands.kubeflow",
    "pipeline.commands.promotion",
    "pipeline.dag",
    "pipeline.local.runner",
    "infra.kubeflow.candidates",
)


class Forked:
    """A command that was forked off; as ``subprocess.Popen``, as far as tests use that.

    Attributes:
      pid: Its id.
      stdin: Write end of its standard input, if that is a pipe.
      stdout: Read end of its standard output, if that is a pipe.
      stderr: Read end of its standard error, if that is a pipe.
    """

    def __init__(self, connection: socket.socket, *ends: IO[str] | None) -> None:
        """Waits until the command has its id."""
        self._answers = connection.makefile("rb", buffering=0)
        connection.close()
        self._code: int | None = None
        self.pid = int(self._answers.readline())
        self.stdin, self.stdout, self.stderr = ends

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; negative: the signal that ended it.

        Args:
          timeout: Seconds.

        Raises:
          TimeoutError: If it did not end in this time.
        """
        if self._code is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise TimeoutError(f"process {self.pid} goes on after {timeout} s")
            self._code = int(self._answers.readline())
            self._answers.close()
        return self._code

    def kill(self) -> None:
        """Sends SIGKILL, unless it is known to have ended."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


@contextmanager
def fork_server() -> Iterator[None]:
    """Keeps a server for this process and those it starts."""
    folder = tempfile.mkdtemp(prefix="fork-server-")
    os.environ[_ADDRESS] = os.path.join(folder, "socket")
    try:
        with socket.socket(socket.AF_UNIX) as listening, open(os.environ[_ADDRESS] + _LOG, "w") as log:
            listening.bind(os.environ[_ADDRESS])
            listening.listen()
            server = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(listening.fileno())],
                stdin=subprocess.PIPE,  # the server ends with it
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=_REPOSITORY,
                pass_fds=[listening.fileno()],
            )
        yield
        server.communicate()
    finally:
        del os.environ[_ADDRESS]
        shutil.rmtree(folder)


def start_python(
    arguments: Sequence[str | os.PathLike[str]],
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: IO[Any] | int = subprocess.PIPE,
    stderr: IO[Any] | int = subprocess.PIPE,
    start_new_session: bool = False,
) -> Forked:
    """Starts a command.

    Args:
      arguments: What follows ``python``: a script, ``-m`` and a module, or ``-c`` and code, and arguments.
      cwd: Its working folder; ``None``: this process's.
      env: Its environment; ``None``: this process's.
      stdin: ``subprocess.PIPE`` or ``subprocess.DEVNULL``.
      stdout: A file, ``subprocess.PIPE`` or ``subprocess.DEVNULL``.
      stderr: As ``stdout``, or ``subprocess.STDOUT``.
      start_new_session: Make it the leader of a session, and so of a process group.

    Raises:
      RuntimeError: If the server ended, as when a module cannot be imported.
    """
    request = {
        "arguments": [os.fspath(argument) for argument in arguments],
        "cwd": os.fspath(cwd or os.getcwd()),
        "env": dict(os.environ if env is None else env),
        "session": start_new_session,
    }
    given, write = _ends(stdin, "w")
    out, read_out = _ends(stdout, "r")
    err, read_err = (out, None) if stderr == subprocess.STDOUT else _ends(stderr, "r")
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(os.environ[_ADDRESS])
        socket.send_fds(connection, [b"\0"], [given, out, err])
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        return Forked(connection, write, read_out, read_err)
    except (OSError, ValueError):
        log = Path(os.environ[_ADDRESS] + _LOG).read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the fork server does not answer; it wrote:\n{log[-3000:]}") from None
    finally:
        for descriptor in {given, out, err}:
            os.close(descriptor)


def run_python(
    *arguments: str,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    cold: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end.

    Args:
      *arguments: As those of ``start_python``.
      cwd: Its working folder; ``None``: this process's.
      env: Its environment; ``None``: this process's.
      cold: Start an interpreter that has nothing loaded, as a user does.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        if cold:
            command = [sys.executable, *arguments]
            code = subprocess.run(command, cwd=cwd, env=env, stdout=out, stderr=err, check=False).returncode
        else:
            code = start_python(arguments, cwd=cwd, env=env, stdout=out, stderr=err).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), err.read())


def _ends(stream: IO[Any] | int, mode: str) -> tuple[int, IO[str] | None]:
    """A descriptor of the command's, and the pipe's other end."""
    if stream == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    if stream != subprocess.PIPE:
        return os.dup(stream if isinstance(stream, int) else stream.fileno()), None
    read, write = os.pipe()
    theirs, ours = (write, read) if mode == "r" else (read, write)
    return theirs, os.fdopen(ours, mode, encoding="utf-8", errors="replace")


def _main(listening: socket.socket) -> None:
    """Serves, and in each command's process runs the command."""
    select.select([listening, sys.stdin], [], [])  # nobody may ever ask
    if not _over():
        for name in _LOADED:
            importlib.import_module(name)
        logging.root.handlers.clear()  # which some of them made; a command makes its own
        gc.collect()
        gc.freeze()  # so that a child's collections do not copy what is here
    arguments = _next_command(listening)
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def _over() -> bool:
    """Whether the session has ended, or was killed."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _next_command(listening: socket.socket) -> list[str]:
    """Serves until the session is over; returns in each command's process, with its arguments."""
    while True:
        select.select([listening, sys.stdin], [], [])
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if _over():
            raise SystemExit
        connection = listening.accept()[0]
        if not os.fork():
            break
        connection.close()
    # One process a command waits for it and tells how it ended; the server goes on meanwhile.
    listening.close()
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as sent:
        request = json.load(sent)
    if child := os.fork():
        for descriptor in streams:
            os.close(descriptor)
        connection.sendall(f"{child}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(f"{code}\n".encode())
        os._exit(0)
    connection.close()
    if request["session"]:
        os.setsid()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None
    return list(request["arguments"])


if __name__ == "__main__":
    _main(socket.socket(fileno=int(sys.argv[1])))
