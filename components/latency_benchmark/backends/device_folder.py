"""The folder of one run on an Android device, and the files in it."""

from __future__ import annotations

import shlex
import uuid
from pathlib import Path

from components.latency_benchmark.backends.base import DeviceLost, MeasurementFailed
from components.latency_benchmark.backends.connection import Connection, Disconnected, NotPushed

_CLOSING_S = 20.0


class DeviceFolder:
    """Has a name that no other run has, so that cleaning up touches nothing else.

    Args:
      connection: To the device.
      parent: The folder of the configuration, in which this one is made.
    """

    def __init__(self, connection: Connection, parent: str) -> None:
        self._connection = connection
        self._parent = parent.rstrip("/")
        self._name = f"run-{uuid.uuid4().hex[:12]}"
        self._parent_was_there: bool | None = None
        self._sent: set[str] = set()
        self._present: set[str] = set()
        self.path = f"{self._parent}/{self._name}"
        self.touched = False

    def make(self) -> None:
        """Makes the folder if it does not exist; what is in it is looked at anew.

        Raises:
          MeasurementFailed: If the device does not allow it.
          Disconnected: If the device is gone.
        """
        self._present.clear()
        self.touched = True
        if self._parent_was_there is None:
            # Asked before anything is made, so that an answer lost on the way can be asked for again.
            self._parent_was_there = not self._connection.ask(f"[ -e {shlex.quote(self._parent)} ]").code
        made = self._connection.ask(f"mkdir -p {shlex.quote(self.path)}")
        if made.code:
            raise MeasurementFailed(
                f"folder {self._parent} cannot be made on the device ({made.output.strip()}); "
                "/data/local/tmp is where programs may run"
            )

    def place(self, local: Path, name: str, sha256: str) -> str:
        """Path of a file on the device; it is pushed unless it is there already.

        Args:
          local: The file here.
          name: Its name there.
          sha256: Of the file.

        Raises:
          MeasurementFailed: If the device does not take it, or it arrives damaged.
          Disconnected: If the device is gone.
        """
        remote = f"{self.path}/{name}"
        if name in self._present:
            return remote
        size = local.stat().st_size
        if name not in self._sent or not self._holds(remote, sha256, size):
            self._sent.add(name)
            try:
                self._connection.push(local, remote)
            except NotPushed as error:
                self._connection.ask(f"rm -f {shlex.quote(remote)}")
                raise MeasurementFailed(f"{local.name} cannot be copied to the device: {error}") from error
            if not self._holds(remote, sha256, size):
                self._connection.ask(f"rm -f {shlex.quote(remote)}")
                raise MeasurementFailed(f"{local.name} has other bytes on the device than it has here")
        self._present.add(name)
        return remote

    def stop_processes(self, timeout_s: float | None = None) -> None:
        """Kills what still runs out of the folder."""
        self._connection.ask(f"pkill -9 -f {self._pattern()}", timeout_s)

    def remove(self, wait_s: float = 0.0) -> str:
        """Removes the folder, and the configured one if it was made for it; tells what went wrong, if so.

        Args:
          wait_s: Seconds to wait for a device whose connection is cut meanwhile; 0: it is left as it is.
        """
        if not self.touched:
            return ""
        folder = shlex.quote(self.path)
        command = f"rm -rf {folder}"
        if self._parent_was_there is False:
            command += f"; rmdir {shlex.quote(self._parent)} 2>/dev/null"
        try:
            left = self._clean(f"{command}; [ ! -e {folder} ]", wait_s)
        except (Disconnected, DeviceLost) as error:
            return f"{self.path} is left on the device: {error}"
        self.touched = False
        return f"{self.path} could not be removed from the device" if left else ""

    def _clean(self, command: str, wait_s: float) -> int:
        """Kills and removes; once more if the connection is cut meanwhile and comes back. Its exit code."""
        try:
            # A command of its own: pkill looks at command lines, and the other's names the folder.
            self.stop_processes(_CLOSING_S)
            return self._connection.ask(command, _CLOSING_S).code
        except Disconnected:
            if not wait_s or not self._connection.wait(wait_s):
                raise
        self.stop_processes(_CLOSING_S)
        return self._connection.ask(command, _CLOSING_S).code

    def _holds(self, remote: str, sha256: str, size: int) -> bool:
        """By sha256, or by size on an Android that cannot compute it."""
        quoted = shlex.quote(remote)
        answer = self._connection.ask(f"sha256sum {quoted} 2>/dev/null || wc -c < {quoted}")
        told = answer.output.split()
        return answer.code == 0 and bool(told) and told[0] in (sha256, str(size))

    def _pattern(self) -> str:
        """For ``pkill -f``: matches the run's processes, but not the shell that is given this very text."""
        return shlex.quote(f"[{self._name[0]}]{self._name[1:]}")
