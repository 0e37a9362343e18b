"""What the devices of a run need on this machine: tools, and records of earlier measurements."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from components.common.audio.fingerprint import fingerprint
from pipeline.configuration.config_file import ConfigError
from schemas.devices import AdbDevice, Device, ReplayDevice
from schemas.latency_reports import LatencyReport


def resolve_devices(devices: Mapping[str, Device], root: str | Path = "") -> dict[str, Device]:
    """The devices with absolute places; relative ones start at ``root``, or else the working folder."""
    return {name: _resolved(device, Path(root)) for name, device in devices.items()}


def check_devices(devices: Mapping[str, Device], key: str) -> None:
    """Refuses devices whose files or tools are not here; whether a device is plugged in is not asked.

    Args:
      devices: Resolved, by name.
      key: Where they stand in the configuration, for messages.

    Raises:
      ConfigError: Listing each fault with its key, its value and what is accepted.
    """
    faults = [
        f"{key}.{name}.{fault}"
        for name, device in devices.items()
        for fault in (
            _faults_of_adb(device)
            if isinstance(device, AdbDevice)
            else _faults_of_replay(device)
            if isinstance(device, ReplayDevice)
            else []
        )
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def device_digest(device: Device, reports: Path) -> str:
    """Fingerprint of the files behind a device's figures, and of the last time it was gone or told nothing.

    The report of such a time says so; it must not be answered from the cache for ever.

    Args:
      device: Resolved.
      reports: Folder of its reports so far, one folder a report; need not be there.
    """
    files: list[str | Path] = []
    if isinstance(device, AdbDevice):
        files = [device.benchmark_model]
    elif isinstance(device, ReplayDevice):
        files = list(_record(device))
    failed = [
        int(file.parent.name)
        for file in reports.glob(f"*/{LatencyReport.FILE}")
        if file.parent.name.isdigit() and _incomplete(file)
    ]
    return f"{fingerprint(files) if files else ''}{f' after {max(failed)}' if failed else ''}"


def _incomplete(report: Path) -> bool:
    told = json.loads(report.read_text(encoding="utf-8"))
    return bool(told.get("failure") or told.get("lost"))


def _resolved(device: Device, root: Path) -> Device:
    if isinstance(device, AdbDevice):
        return device.model_copy(update={"benchmark_model": _absolute(device.benchmark_model, root)})
    if isinstance(device, ReplayDevice):
        return device.model_copy(update={"report": _absolute(device.report, root)})
    return device


def _absolute(place: str, root: Path) -> str:
    return os.path.abspath(root / Path(place).expanduser())


def _faults_of_adb(device: AdbDevice) -> list[str]:
    faults = []
    if not Path(device.benchmark_model).is_file():
        faults.append(
            f"benchmark_model: there is no file {device.benchmark_model}; accepted: TFLite's "
            "benchmark_model, built for the device"
        )
    if shutil.which(device.adb) is None:
        faults.append(
            f"adb: there is no command {device.adb!r}; accepted: a command on PATH or the place of adb, "
            "which Android's platform tools hold"
        )
    return faults


def _faults_of_replay(device: ReplayDevice) -> list[str]:
    absent = [file.name for file in _record(device) if not file.is_file()]
    if not absent:
        return []
    return [
        f"report: {device.report} has no {' and no '.join(absent)}; accepted: the folder of a recorded "
        f"report, which holds {LatencyReport.FILE} and {LatencyReport.SAMPLES}"
    ]


def _record(device: ReplayDevice) -> list[Path]:
    return [Path(device.report) / name for name in (LatencyReport.FILE, LatencyReport.SAMPLES)]
