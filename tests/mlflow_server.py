"""A real MLflow server for tests: SQLite behind it, artifacts through its proxy; it can be killed.

As in::

    with MlflowServer(tmp_path / "server", empty_store) as server:
        ...  # server.uri
        server.kill()
        server.start()  # at the same address, with what it held
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections import deque
from pathlib import Path
from typing import Self

from tests.fork_server import Forked, start_python

ADMIN = "admin"
# Uvicorn says so once it listens; with one worker, its application is complete before.
_STARTED = "Uvicorn running on"
# A busy machine imports MLflow slowly.
_PATIENCE_S = 180.0


class MlflowServer:
    """A server of its own folder and port, for this machine only.

    Attributes:
      uri: Its address.
      folder: Its database ``mlflow.db`` and its ``artifacts``.
    """

    def __init__(
        self, folder: Path, empty_store: Path, password: str = "", artifacts: Path | None = None
    ) -> None:
        """Prepares it; :meth:`start` starts it.

        Args:
          folder: Of its own; made.
          empty_store: Database with MLflow's tables (fixture of tests/conftest.py); it is copied.
          password: Of the user :data:`ADMIN`, at least 12 characters; empty: everybody may do everything.
          artifacts: Where it keeps files; none: below its folder.
        """
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._password = password
        self._artifacts = artifacts or folder / "artifacts"
        self._process: Forked | None = None
        self.log: deque[str] = deque(maxlen=200)

    def start(self) -> None:
        """Starts it and waits until it answers; also after :meth:`kill`, at the same address."""
        command = ["-m", "mlflow", "server", "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self._artifacts)]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        if self._password:
            command += ["--app-name", "basic-auth"]
            environment |= self._guarded()
        self._process = start_python(
            command, env=environment, cwd=self.folder, stderr=subprocess.STDOUT, start_new_session=True
        )
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(self._process, ready), daemon=True).start()
        ready.wait(_PATIENCE_S)
        if not any(_STARTED in line for line in self.log):
            self.kill()
            raise AssertionError("the MLflow server did not start:\n" + "".join(self.log))

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._process is not None:
            # The server has children, in a session of their own with it.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            self.log.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def _guarded(self) -> dict[str, str]:
        settings = self.folder / "auth.ini"
        settings.write_text(
            f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{self.folder}/auth.db\n"
            f"admin_username = {ADMIN}\nadmin_password = {self._password}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            # Hashing a password takes longer than what is asked.
            "auth_cache_ttl_seconds = 600\n"
        )
        return {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test"}

    def _listen(self, process: Forked, ready: threading.Event) -> None:
        """Reads what the server says, or its pipe would fill; its end is told too."""
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line)
            if _STARTED in line:
                ready.set()
        ready.set()
