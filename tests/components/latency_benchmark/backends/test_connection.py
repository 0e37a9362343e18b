from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from components.latency_benchmark.backends.connection import Answer, Connection, Disconnected, NotPushed
from components.latency_benchmark.backends.device_folder import DeviceFolder
from tests.components.latency_benchmark.backends.phone import FOLDER, SERIAL, Phone


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


def connection(phone: Phone) -> Connection:
    return Connection(str(phone.adb), SERIAL, 20)


@pytest.mark.parametrize("old_android", [False, True])
def test_exit_codes_come_through_whatever_adb_tells(phone: Phone, old_android: bool) -> None:
    phone.is_(old_android=old_android)
    assert connection(phone).shell("echo out; echo err >&2; (exit 7)") == Answer(7, "out\nerr\n")
    assert connection(phone).shell("printf 'no line end'") == Answer(0, "no line end")


def test_a_signal_is_told_as_the_shell_tells_it(phone: Phone) -> None:
    answer = connection(phone).shell("sh -c 'kill -9 $$'")
    assert answer.code == 137 and "Killed" in answer.output


def test_what_looks_like_an_exit_code_is_none(phone: Phone) -> None:
    assert connection(phone).shell("echo tinytrill-exit:5; (exit 3)") == Answer(3, "tinytrill-exit:5\n")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("not found", f"device '{SERIAL}' not found"),
        ("offline", "device offline"),
        ("closed", "error: closed"),
        ("protocol fault", "protocol fault"),
        ("no devices", "no devices/emulators found"),
        ("unauthorized", "ADB_VENDOR_KEYS"),
        ("cut", "broke in the middle"),
    ],
)
def test_every_disconnect_of_a_shell(phone: Phone, fault: str, words: str) -> None:
    phone.is_(faults=[{"at": 1, "do": fault}])
    with pytest.raises(Disconnected, match=words):
        connection(phone).shell("echo hello")


@pytest.mark.parametrize(
    "fault", ["not found", "offline", "closed", "protocol fault", "no devices", "unauthorized", "cut"]
)
def test_every_disconnect_of_a_push(phone: Phone, tmp_path: Path, fault: str) -> None:
    phone.is_(faults=[{"at": 1, "do": fault}])
    (tmp_path / "file").write_text("content")
    with pytest.raises(Disconnected):
        connection(phone).push(tmp_path / "file", "/data/local/tmp/file")


def test_a_device_that_takes_no_file_is_no_disconnect(phone: Phone, tmp_path: Path) -> None:
    phone.is_(faults=[{"at": 1, "do": "full"}])
    (tmp_path / "file").write_text("content")
    with pytest.raises(NotPushed, match="No space left on device"):
        connection(phone).push(tmp_path / "file", "/data/local/tmp/file")


def test_what_does_not_end_is_a_timeout_of_a_run_and_a_hang_of_a_question(phone: Phone) -> None:
    phone.is_(faults=[{"match": "echo", "do": "hang", "once": False}])
    with pytest.raises(TimeoutError, match=r"did not end within 0.3 s"):
        connection(phone).shell("echo", 0.3)
    with pytest.raises(Disconnected, match=r"did not end within 0.3 s"):
        connection(phone).ask("echo", 0.3)


def test_waiting(phone: Phone) -> None:
    assert connection(phone).wait(20)
    assert not Connection("false", SERIAL, 20).wait(20)
    (phone.folder / "away").write_text("2")
    assert not connection(phone).wait(0.3)
    assert connection(phone).wait(20)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"{SERIAL}\tdevice", f"{SERIAL}\tdevice"], "2 devices have the serial .* unplug all but one"),
        (["????????????\tno permissions (missing udev rules?)"], "without a name may be it: .* udev rule"),
        (["????????????    no permissions"], "without a name may be it: .* udev rule"),
        ([f"{SERIAL}\tno permissions; see [http://x]"], "is no permissions; .* udev rule"),
        (["OTHER\tdevice"], r"sees OTHER \(device\)\. Set serial to one of them, or plug it in"),
        (["OTHER\tunauthorized"], r"sees OTHER \(unauthorized\)\. Set serial to one of them, or plug it in"),
        ([], r"sees nothing\. Set serial to one of them, or plug it in"),
    ],
)
def test_advice_fits_what_adb_lists(tmp_path: Path, lines: list[str], words: str) -> None:
    listed = "\n".join(["* daemon started successfully", "List of devices attached", *lines, ""])
    (tmp_path / "listed").write_text(listed)
    adb = tmp_path / "adb"
    adb.write_text(f"#!/bin/sh\ncat {tmp_path / 'listed'}\n")
    adb.chmod(0o755)
    problem = Connection(str(adb), SERIAL, 20).problem()
    assert re.search(words, problem), problem


@pytest.mark.skipif(shutil.which("pkill") is None, reason="there is no pkill here")
def test_cleaning_up_kills_the_runs_processes_and_not_its_own_shell(phone: Phone) -> None:
    (phone.folder / "bin" / "pkill").unlink()  # so that the real one is found
    folder = DeviceFolder(connection(phone), FOLDER)
    folder.make()
    program = phone.folder / "disk" / folder.path.lstrip("/") / "tool"
    program.write_text("#!/bin/sh\nsleep 60\nexit 0\n")
    program.chmod(0o755)
    running = subprocess.Popen([str(program)])
    try:
        assert folder.remove() == ""
        assert running.wait(10) == -9
    finally:
        running.kill()
        running.wait()
    assert not program.parent.exists()
    assert phone.files() == []
