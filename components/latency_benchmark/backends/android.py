"""What an Android device tells of itself: what it is, how warm it is, and whether it throttles."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.latency_benchmark.backends.base import Sensors

# One command for all sensors: each call of adb costs more than what is read.
SENSORS_COMMAND = (
    "dumpsys battery; echo tinytrill-thermal; dumpsys thermalservice; echo tinytrill-zones; "
    'for zone in /sys/class/thermal/thermal_zone*; do echo "$(cat $zone/temp) $(cat $zone/type)"; done '
    "2>/dev/null; echo tinytrill-load; cat /proc/loadavg 2>/dev/null"
)

_PROPERTY = re.compile(r"^\[([^\]]+)\]: \[(.*)\]$", re.MULTILINE)
_BATTERY = re.compile(r"^\s*temperature: (-?\d+)\s*$", re.MULTILINE)
_STATUS = re.compile(r"^\s*Thermal Status: (\d+)\s*$", re.MULTILINE)
_TEMPERATURE = re.compile(r"Temperature\{mValue=([-\d.]+), mType=(-?\d+), mName=([^,]+),")
_FROM_HAL = "Current temperatures from HAL"
_ZONE = re.compile(r"^(-?\d+) (\S*(?:cpu|gpu|soc|skin|batt)\S*)\s*$", re.MULTILINE | re.IGNORECASE)
_LOAD = re.compile(r"^(\d+\.\d+) \d+\.\d+ \d+\.\d+ ", re.MULTILINE)
_OUTSIDE = re.compile(r"batt|skin", re.IGNORECASE)

# android.os.Temperature: CPU, GPU, BATTERY, SKIN and NPU; the other types are currents and voltages too.
_TYPES = {0, 1, 2, 3, 9}
_SKIN = 3


@dataclass(frozen=True)
class Facts:
    """What a device is.

    Attributes:
      name: Manufacturer and model.
      soc: System on chip; empty if not reported.
      os: Android's release and the build's fingerprint.
    """

    name: str
    soc: str
    os: str


def facts(properties: str) -> Facts:
    """Reads the output of ``getprop``. Before Android 12 the system on chip is the board's platform."""
    told = dict(_PROPERTY.findall(properties))

    def first(*names: str) -> str:
        return next((told[name] for name in names if told.get(name)), "")

    maker = first("ro.product.manufacturer", "ro.product.brand")
    model = first("ro.product.model", "ro.product.device")
    soc = " ".join(filter(None, (told.get("ro.soc.manufacturer"), told.get("ro.soc.model"))))
    release = first("ro.build.version.release")
    build = first("ro.build.fingerprint", "ro.build.display.id")
    return Facts(
        name=f"{maker} {model}".strip() or "Android device",
        soc=soc or first("ro.board.platform", "ro.hardware.chipname", "ro.hardware"),
        os=", ".join(filter(None, (f"Android {release}".strip(), build))),
    )


def sensors(output: str) -> Sensors:
    """Reads the output of ``SENSORS_COMMAND``.

    Android counts from status 1 (light) on as throttling. Its thermal service exists from Android 10 on; the
    kernel's own zones are read where it reports no temperature.
    """
    battery, _, rest = output.partition("tinytrill-thermal")
    service, _, rest = rest.partition("tinytrill-zones")
    zones, _, average = rest.partition("tinytrill-load")
    load = _LOAD.search(average)
    celsius: dict[str, float] = {}
    if found := _BATTERY.search(battery):
        celsius["battery"] = int(found.group(1)) / 10
    _, _, now = service.partition(_FROM_HAL)
    for value, kind, name in _TEMPERATURE.findall(now or service):
        if int(kind) in _TYPES:
            plain = name.strip()
            skin = int(kind) == _SKIN and not _OUTSIDE.search(plain)
            celsius[f"skin {plain}" if skin else plain] = float(value)
    if celsius.keys() <= {"battery"}:
        for value, name in _ZONE.findall(zones):
            celsius.setdefault(name, _degrees(int(value)))
    status = _STATUS.search(service)
    return Sensors(
        {name: value for name, value in celsius.items() if 0 < value < 150},
        int(status.group(1)) > 0 if status else None,
        float(load.group(1)) if load else None,
    )


def outside_temperature(state: Sensors) -> float | None:
    """The warmest of battery and skin, which change slowly; None where neither can be read."""
    return max((value for name, value in state.temperatures_c.items() if _OUTSIDE.search(name)), default=None)


def _degrees(value: int) -> float:
    """Kernels tell degrees, tenths or thousandths of them."""
    if abs(value) >= 1000:
        return value / 1000
    return value / 10 if abs(value) >= 150 else float(value)
