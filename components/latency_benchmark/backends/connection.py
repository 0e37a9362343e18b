"""The adb command: one device, its shell and its files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from components.latency_benchmark.backends.base import DeviceLost

PLATFORM_TOOLS = "https://developer.android.com/tools/releases/platform-tools"

_EXIT = "tinytrill-exit:"
_EXIT_LINE = re.compile(rf"{_EXIT}(\d+)\s*\Z")
_GONE = re.compile(
    r"device '[^']*' not found|device not found|device offline|no devices/emulators found|error: closed"
    r"|connect failed|protocol fault|device unauthorized|device still \w+|failed to read (?:copy )?response"
    r"|Connection (?:reset|refused)|cannot connect to daemon",
    re.IGNORECASE,
)
_ADVICE = {
    "unauthorized": "unlock it and accept the question whether to allow USB debugging",
    "offline": "plug it in again, or run 'adb reconnect'",
    "no permissions": "no permission to open the USB device: add a udev rule for it (on Debian and Ubuntu "
    "the package android-sdk-platform-tools-common), and plug it in again",
    "authorizing": "wait a moment and try again",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
    "bootloader": "start Android on it",
}


_SEE = "see 'adb devices'"
_HEADING = "List of devices"


def attached_devices(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Serial and the rest of each line of ``adb devices``, one a device; a serial may come twice.

    A device that this user may not open has question marks for its serial.
    """
    parts = (line.split(None, 1) for line in lines if not line.startswith(("*", _HEADING, "adb:", "error:")))
    return [(part[0], part[1].strip()) for part in parts if len(part) == 2]


def advice_for(state: str) -> str:
    """What to do about a device that is in a state; empty if nothing is known."""
    return next((text for word, text in _ADVICE.items() if state.startswith(word)), "")


class Disconnected(Exception):
    """The device was gone in the middle of something; it may come back."""


class NotPushed(Exception):
    """The device is there but does not take a file; the message is adb's."""


@dataclass(frozen=True)
class Answer:
    """What a command on the device said on both its outputs, and its exit code."""

    code: int
    output: str


class Connection:
    """Talks to one device.

    Args:
      adb: The command.
      serial: Of the device.
      timeout_s: Longest wait for a command, unless it says otherwise.
    """

    def __init__(self, adb: str, serial: str, timeout_s: float) -> None:
        self._adb = adb
        self._serial = serial
        self._timeout_s = timeout_s

    def problem(self) -> str:
        """Why the device cannot be used, with advice; empty if it can.

        Raises:
          DeviceLost: If there is no adb.
        """
        attached = self._attached()
        states = [state for serial, state in attached if serial == self._serial]
        if len(states) > 1:
            return (
                f"{len(states)} devices have the serial {self._serial}, adb cannot tell which is meant: "
                "unplug all but one, or set serial to the place of one, as usb:1-2 in 'adb devices -l'"
            )
        if states == ["device"]:
            return ""
        if states:
            return f"device {self._serial} is {states[0]}: {advice_for(states[0]) or _SEE}"
        others = ", ".join(f"{serial} ({state})" for serial, state in attached) or "nothing"
        nameless = next((state for serial, state in attached if set(serial) == {"?"}), "")
        what = (
            f"the one without a name may be it: {advice_for(nameless) or _SEE}"
            if nameless
            else "Set serial to one of them, or plug it in and allow USB debugging"
        )
        return f"no device {self._serial} is attached; adb sees {others}. {what[0].upper()}{what[1:]}"

    def ask(self, command: str, timeout_s: float | None = None) -> Answer:
        """Runs a command that should end soon: if it does not, the connection hangs.

        Raises:
          Disconnected: If the device is gone or does not answer.
          DeviceLost: If there is no adb.
        """
        try:
            return self.shell(command, timeout_s)
        except TimeoutError as error:
            raise Disconnected(str(error)) from error

    def shell(self, command: str, timeout_s: float | None = None) -> Answer:
        """Runs a command in the device's shell.

        The exit code is printed by the shell itself: adb hands it on only from Android 7 on. So a missing
        one means that the connection broke before the end.

        Raises:
          Disconnected: If the device is gone.
          TimeoutError: If it takes longer; what it started on the device may still run.
          DeviceLost: If there is no adb.
        """
        script = f"exec 2>&1; {command}; echo {_EXIT}$?"
        done = self._call(["-s", self._serial, "shell", script], timeout_s or self._timeout_s)
        ended = _EXIT_LINE.search(done.stdout)
        if ended is None:
            raise Disconnected(_last_line(done.stderr) or "the connection broke in the middle of a command")
        return Answer(int(ended.group(1)), done.stdout[: ended.start()])

    def push(self, local: Path, remote: str) -> None:
        """Copies a file to the device.

        Raises:
          NotPushed: If the device does not take it.
          Disconnected: If the device is gone or does not answer.
          DeviceLost: If there is no adb.
        """
        try:
            done = self._call(["-s", self._serial, "push", str(local), remote], self._timeout_s)
        except TimeoutError as error:
            raise Disconnected(str(error)) from error
        if done.returncode:
            words = _last_line(done.stderr) or _last_line(done.stdout) or f"exit code {done.returncode}"
            raise (Disconnected if _GONE.search(done.stdout + done.stderr) else NotPushed)(words)

    def wait(self, seconds: float) -> bool:
        """Waits for the device to be there; tells whether it is."""
        try:
            return self._call(["-s", self._serial, "wait-for-device"], seconds).returncode == 0
        except TimeoutError:
            return False

    def _attached(self) -> list[tuple[str, str]]:
        """Serial and state of each device that adb sees: ``device`` is one that can be used."""
        try:
            return attached_devices(self._call(["devices"], self._timeout_s).stdout.splitlines())
        except TimeoutError:
            return []

    def _call(self, arguments: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                [self._adb, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"adb did not end within {timeout_s:g} s") from error
        except OSError as error:
            raise DeviceLost(
                f"the adb command {self._adb!r} cannot be run ({error.strerror}): install Android's platform "
                f"tools ({PLATFORM_TOOLS}), or set adb to the file"
            ) from error
        texts = (_text(done.stdout), _text(done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, *texts)


def _text(output: bytes) -> str:
    """Old Androids end lines as terminals do, some with two carriage returns."""
    return output.decode(errors="replace").replace("\r", "")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
