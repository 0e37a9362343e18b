"""What models are timed on, behind one interface."""

from __future__ import annotations

from components.latency_benchmark.backends.base import Backend
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import AdbDevice, Device, HostDevice


def open_backend(name: str, device: Device, settings: MeasurementSettings) -> Backend:
    """The back end of a device.

    Args:
      name: Of the device in the configuration; the reports call it by that.
      device: What it is and how it is reached.
      settings: How long and how often everything is timed.

    Raises:
      ValueError: If the device cannot be as it is described: a core that is not there, a record that is
        none.
    """
    if isinstance(device, HostDevice):
        from components.latency_benchmark.backends.host import HostBackend

        return HostBackend(name, device, settings)
    if isinstance(device, AdbDevice):
        from components.latency_benchmark.backends.adb import AdbBackend

        return AdbBackend(name, device, settings)
    from components.latency_benchmark.backends.replay import ReplayBackend

    return ReplayBackend(name, device, settings)
