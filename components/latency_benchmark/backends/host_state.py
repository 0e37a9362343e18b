"""What this machine tells of itself: its processor, the cores one may use, temperatures, throttling."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import psutil

CPU_INFO = Path("/proc/cpuinfo")
CPUS = Path("/sys/devices/system/cpu")

_log = logging.getLogger("tinytrill.latency_benchmark")


def processor() -> str:
    """Name of the processor, and how many cores it shows."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def allowed_cores() -> list[int]:
    """The cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def choose_cores(wanted: Sequence[int] | Literal["last", "any"], threads: int) -> list[int] | None:
    """The cores to keep to; None for any.

    Args:
      wanted: Their numbers; 'last' for as many of the last ones as there are threads (the first serve most
        interrupts); 'any'.
      threads: Threads that are to run on them.

    Raises:
      ValueError: If a core is not there or may not be used.
    """
    if wanted == "any":
        return None
    allowed = allowed_cores()
    if isinstance(wanted, str):
        cores = allowed[-threads:]
    else:
        cores = sorted(set(wanted))
        missing = [core for core in cores if core not in allowed]
        if missing or not cores:
            raise ValueError(
                f"cores {list(wanted)}: {missing or 'none is named'}; this process may use {allowed}"
            )
    if len(cores) < threads:
        _log.warning("%d threads share the cores %s", threads, cores)
    return cores


def temperatures_c() -> dict[str, float]:
    """Degrees Celsius by sensor; empty where the system shows none."""
    if not hasattr(psutil, "sensors_temperatures"):
        return {}
    return {
        f"{chip} {reading.label or number}": float(reading.current)
        for chip, readings in psutil.sensors_temperatures().items()
        for number, reading in enumerate(readings)
    }


def load() -> float | None:
    """Processes that run or wait to run, averaged over a minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


class ThrottleCount:
    """How often the processor has held back its clock because of heat, as Linux counts it on x86."""

    def __init__(self) -> None:
        self._last = self._read()

    def rose(self) -> bool | None:
        """Whether it did so since the last call, or since this began; None where it is not counted."""
        before, self._last = self._last, self._read()
        return None if before is None or self._last is None else self._last > before

    @staticmethod
    def _read() -> int | None:
        try:
            counts = [
                int(path.read_text()) for path in CPUS.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
            ]
        except (OSError, ValueError):
            return None
        return sum(counts) if counts else None
