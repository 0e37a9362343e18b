from __future__ import annotations

import pytest

from components.latency_benchmark.backends import android
from components.latency_benchmark.backends.base import Sensors
from tests.components.latency_benchmark.backends.phone import RECORDINGS


def told(battery: str = "", service: str = "", zones: str = "") -> Sensors:
    texts = [(RECORDINGS / f"{name}.txt").read_text() if name else "" for name in (battery, service)]
    return android.sensors(f"{texts[0]}tinytrill-thermal\n{texts[1]}tinytrill-zones\n{zones}")


def test_facts() -> None:
    facts = android.facts((RECORDINGS / "getprop.txt").read_text())
    assert (facts.name, facts.soc) == ("Google Pixel 6", "Google Tensor")
    assert facts.os == "Android 14, google/oriole/oriole:14/AP2A.240705.004/11875680:user/release-keys"


def test_facts_before_android_12_name_the_platform() -> None:
    facts = android.facts(
        "[ro.product.manufacturer]: [samsung]\n[ro.product.model]: [SM-G960F]\n"
        "[ro.board.platform]: [exynos5]\n[ro.build.version.release]: [10]\n"
    )
    assert (facts.name, facts.soc, facts.os) == ("samsung SM-G960F", "exynos5", "Android 10")


def test_a_device_that_tells_nothing_still_has_a_name() -> None:
    assert android.facts("") == android.Facts("Android device", "", "Android")


def test_temperatures_of_now_not_of_the_cache() -> None:
    """Neither what is 0 (not measured) nor volts nor a sensor of unknown kind."""
    state = told("battery_31", "thermalservice_cool")
    assert state.temperatures_c == {"battery": 31.2, "BIG": 41.5, "G3D": 36.0, "VIRTUAL-SKIN": 31.8}
    assert state.throttled is False
    assert android.outside_temperature(state) == 31.8


def test_throttling_is_any_status_above_none() -> None:
    assert told("battery_31", "thermalservice_throttled").throttled is True


def test_before_android_10_the_kernels_zones_are_read() -> None:
    zones = "38500 cpu-0-0-usr\n412 gpuss-0\n29 skin-therm\n42 tsens_other\n0 cpu-dead\n"
    state = told("battery_31", zones=zones)
    assert state.temperatures_c == {"battery": 31.2, "cpu-0-0-usr": 38.5, "gpuss-0": 41.2, "skin-therm": 29.0}
    assert state.throttled is None
    assert "cpu-0-0-usr" not in told("battery_31", "thermalservice_cool", zones).temperatures_c


def test_load_where_proc_may_be_read() -> None:
    told = "tinytrill-zones\n38500 cpu-0-0-usr\ntinytrill-load\n5.25 4.10 3.90 2/1843 20411\n"
    assert android.sensors(f"tinytrill-thermal\n{told}").load == 5.25
    assert android.sensors("tinytrill-thermal\ntinytrill-zones\ntinytrill-load\n").load is None


def test_a_skin_sensor_is_known_by_its_type() -> None:
    state = android.sensors(
        "tinytrill-thermal\nCurrent temperatures from HAL:\n"
        "Temperature{mValue=35.5, mType=3, mName=xo-therm, mStatus=0}\ntinytrill-zones\n"
    )
    assert android.outside_temperature(state) == 35.5


@pytest.mark.parametrize(
    "output", ["", "Permission Denial", "tinytrill-thermal\nCan't find service\ntinytrill-zones"]
)
def test_what_cannot_be_read_is_left_out(output: str) -> None:
    assert android.sensors(output) == Sensors({}, None)
    assert android.outside_temperature(Sensors()) is None
