"""What devices need on this machine is looked for before a run, and a change of it is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.devices import check_devices, device_digest, resolve_devices
from pipeline.configuration.resolved import ResolvedRun
from pipeline.local.layout import RunLayout
from pipeline.preflight.tasks import demands
from schemas.devices import AdbDevice, Device, HostDevice, ReplayDevice
from schemas.latency_reports import LatencyReport


def phone(folder: Path) -> AdbDevice:
    return AdbDevice(serial="a", benchmark_model=str(folder / "tool"), adb=str(folder / "adb"))


def test_relative_places_start_at_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somewhere/me")
    devices = resolve_devices(
        {
            "phone": AdbDevice(serial="a", benchmark_model="tools/benchmark_model"),
            "old": ReplayDevice(report="~/record"),
            "host": HostDevice(),
        }
    )
    assert [device.model_dump(include={"benchmark_model", "report"}) for device in devices.values()] == [
        {"benchmark_model": f"{tmp_path}/tools/benchmark_model"},
        {"report": "/somewhere/me/record"},
        {},
    ]


def test_what_is_absent_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / LatencyReport.FILE).write_text("{}")
    devices: dict[str, Device] = {
        "phone": phone(tmp_path),
        "old": ReplayDevice(report=str(tmp_path)),
        "host": HostDevice(),
    }
    with pytest.raises(ConfigError) as error:
        check_devices(devices, "latency.devices")
    tool, adb, record = str(error.value).splitlines()
    assert tool.startswith(
        f"latency.devices.phone.benchmark_model: there is no file {tmp_path}/tool; accepted"
    )
    assert adb.startswith(f"latency.devices.phone.adb: there is no command '{tmp_path}/adb'; accepted")
    assert record.startswith(f"latency.devices.old.report: {tmp_path} has no samples.npz; accepted")


def test_what_is_there_is_accepted(tmp_path: Path) -> None:
    for name in ("tool", "adb", LatencyReport.FILE, LatencyReport.SAMPLES):
        (tmp_path / name).touch(mode=0o755)
    check_devices({"phone": phone(tmp_path), "old": ReplayDevice(report=str(tmp_path))}, "latency.devices")


def test_a_run_asks_for_them_before_it_starts(tmp_path: Path) -> None:
    config = load_config("demo", [f"latency.devices={{old: {{backend: replay, report: {tmp_path}/none}}}}"])
    with pytest.raises(
        ConfigError, match=r"latency\.devices\.old\.report: .* no latency_report\.json and no"
    ):
        ResolvedRun.of(config, RunLayout(tmp_path)).check()


@pytest.mark.parametrize("file", ["tool", LatencyReport.SAMPLES])
def test_a_changed_file_changes_the_digest(tmp_path: Path, file: str) -> None:
    device = phone(tmp_path) if file == "tool" else ReplayDevice(report=str(tmp_path))
    (tmp_path / file).write_text("one")
    before = device_digest(device, tmp_path / "none")
    assert before == device_digest(device, tmp_path / "none")
    (tmp_path / file).write_text("another")
    assert device_digest(device, tmp_path / "none") != before


@pytest.mark.parametrize("field", ["failure", "lost"])
def test_a_device_that_was_gone_is_asked_again(tmp_path: Path, field: str) -> None:
    def report(execution: int, failure: str) -> None:
        folder = tmp_path / str(execution)
        folder.mkdir()
        (folder / LatencyReport.FILE).write_text(f'{{"{field}": "{failure}"}}')

    assert device_digest(HostDevice(), tmp_path) == ""
    report(7, "the phone does not answer")
    gone = device_digest(HostDevice(), tmp_path)
    assert gone != ""
    # Answered from the cache once it was measured, until it is gone again.
    report(12, "")
    assert device_digest(HostDevice(), tmp_path) == gone
    report(15, "the phone does not answer")
    assert device_digest(HostDevice(), tmp_path) not in ("", gone)


def test_a_budget_of_any_kind_is_told_before_a_run() -> None:
    board = "{backend: micro, budgets: [{arena_kib: 256, flash_kib: 1024}, {mega_macs: 4}]}"
    phone = "{backend: replay, report: r, budgets: [{real_time_factor: 0.02}, {milliseconds: 8}]}"
    config = load_config("demo", [f"latency.devices={{board: {board}, phone: {phone}}}"])
    assert list(demands(config)) == [
        "budget on board: arena 256 KiB, flash 1024 KiB",
        "budget on board: 4 M multiply-accumulates",
        "budget on phone: p95 real-time factor 0.02",
        "budget on phone: p95 8 ms",
    ]
