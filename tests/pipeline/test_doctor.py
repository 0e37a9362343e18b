from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import doctor
from pipeline.doctor import Check


def _program(folder: Path, name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.slow
def test_this_machine_can_run(tmp_path: Path) -> None:
    checks = doctor.examine(tmp_path / "output" / "demo")
    assert [check for check in checks if check.required and check.status == "missing"] == []
    names = {check.name for check in checks}
    assert {"Python", "TensorFlow", "TFX", "LiteRT", "sound formats", "eSpeak NG", "MLflow"} <= names
    assert {"disk", "memory", "processors", "ffmpeg", "adb", "Docker"} <= names
    assert not (tmp_path / "output").exists()


def test_table_shows_status_finding_and_advice() -> None:
    checks = [
        Check("Python", "ok", "3.11.7"),
        Check("adb", "missing", "not on PATH", "to measure [on a device]", required=False),
    ]
    console = Console(width=120, record=True)
    console.print(doctor.render(checks))
    text = console.export_text()
    assert "3.11.7" in text
    assert "missing (optional)" in text
    assert "to measure [on a device]" in text


def test_another_python_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "python_version_tuple", lambda: ("3", "12", "1"))
    assert doctor.check_python().status == "missing"


def test_a_package_that_does_not_load_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    check = doctor.check_litert()
    assert (check.status, check.advice) == ("missing", "make clean install")


def test_formats_are_grouped_by_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    from components.common.audio import formats

    entries = [
        formats.FormatSupport("wav", True, "libsndfile 1"),
        formats.FormatSupport("mp3", False, "libsndfile 1"),
        formats.FormatSupport("m4a", False, "av does not load: no"),
    ]
    monkeypatch.setattr(formats, "supported_formats", lambda: entries)
    assert [(check.status, check.detail) for check in doctor.check_formats()] == [
        ("warn", "libsndfile 1: cannot read mp3"),
        ("ok", "libsndfile 1: wav"),
        ("missing", "av does not load: no: cannot read m4a"),
    ]


def test_sqlite_store(tmp_path: Path) -> None:
    good = tmp_path / "mlflow.db"
    with sqlite3.connect(good) as connection:
        connection.execute("CREATE TABLE runs (id)")
    bad = tmp_path / "bad.db"
    bad.write_text("this is not a database, but it is long enough to be looked at" * 20, encoding="utf-8")
    assert doctor.check_mlflow(f"sqlite:///{good}").status == "ok"
    assert doctor.check_mlflow(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}").detail.endswith("will be made")
    check = doctor.check_mlflow(f"sqlite:///{bad}")
    assert check.status == "missing"
    assert "not a database" in check.detail


def test_server_that_does_not_answer_and_folder_as_store(tmp_path: Path) -> None:
    check = doctor.check_mlflow("http://127.0.0.1:9")
    assert (check.status, check.advice) == ("missing", "start the server or give another tracking URI")
    check = doctor.check_mlflow(str(tmp_path))
    assert check.status == "missing"
    assert "sqlite:///<file>" in check.advice


def test_disk_is_looked_at_where_the_output_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = doctor.check_disk(tmp_path / "not" / "yet")
    assert str(tmp_path) in check.detail
    monkeypatch.setattr(doctor, "_DISK_GIB", 1e9)
    assert doctor.check_disk(tmp_path).status == "warn"
    monkeypatch.setattr(doctor.os, "access", lambda folder, mode: False)
    assert doctor.check_disk(tmp_path).status == "missing"


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GiB available" in doctor.check_memory().detail
    monkeypatch.setattr(doctor, "MEMORY_GIB", 1e9)
    assert doctor.check_memory().status == "warn"


def test_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    absent = doctor.check_command("adb", ("version",), "to measure")
    assert (absent.status, absent.required) == ("missing", False)
    assert doctor.check_docker().detail == "not on PATH"
    _program(tmp_path, "adb", "echo Android Debug Bridge 1.0.41; echo more", monkeypatch)
    assert doctor.check_command("adb", ("version",), "to measure").detail == "Android Debug Bridge 1.0.41"
    _program(tmp_path, "docker", "echo cannot connect >&2; exit 1", monkeypatch)
    check = doctor.check_docker()
    assert (check.status, check.detail) == ("warn", "the engine does not answer: cannot connect")


def test_attached_devices_are_listed_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [check.status for check in doctor.check_adb()] == ["missing"]
    listed = """
case "$1" in
version) echo Android Debug Bridge 1.0.41 ;;
devices) echo "* daemon started successfully"
  echo "List of devices attached"
  echo "1A2B   device usb:1-1 product:oriole model:Pixel_6 device:oriole transport_id:3"
  echo "3C4D   unauthorized usb:1-2 transport_id:4" ;;
esac"""
    _program(tmp_path, "adb", listed, monkeypatch)
    found = [(check.name, check.status, check.detail) for check in doctor.check_adb()]
    assert found == [
        ("adb", "ok", "Android Debug Bridge 1.0.41"),
        ("Android device", "ok", "serial 1A2B, Pixel_6"),
        ("Android device", "warn", "serial 3C4D: unauthorized"),
    ]
    assert doctor.check_adb()[2].advice == "unlock it and allow USB debugging"
    _program(tmp_path, "adb", "echo List of devices attached", monkeypatch)
    (_, none) = doctor.check_adb()
    assert (none.status, none.detail, none.required) == ("missing", "adb lists none", False)


def test_devices_that_cannot_be_told_apart_or_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    listed = """
case "$1" in
version) echo Android Debug Bridge 1.0.41 ;;
devices) echo "List of devices attached"
  echo "1A2B   device usb:1-1 product:oriole"
  echo "1A2B   device usb:1-2 product:oriole"
  echo "????????????   no permissions (missing udev rules?); see [http://x] usb:1-3" ;;
esac"""
    _program(tmp_path, "adb", listed, monkeypatch)
    one, _, nameless = doctor.check_adb()[1:]
    assert one.status == "warn" and "2 devices have this serial" in one.advice and "usb:1-1" in one.advice
    assert nameless.detail.endswith(": no permissions") and "udev rule" in nameless.advice
