from __future__ import annotations

from pathlib import Path

import pytest

from components.latency_benchmark.backends.connection import Answer, Connection, Disconnected, NotPushed
from tests.components.latency_benchmark.backends.phone import SERIAL, Phone


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
