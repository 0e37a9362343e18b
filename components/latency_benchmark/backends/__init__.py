"""What models are measured on, behind one interface.

A back end is a module here, called as ``backend`` is in a configuration; its ``open_device(name, device,
settings)`` makes it.
"""

from __future__ import annotations

from typing import overload

from components.common.registry.modules import KindModules
from components.latency_benchmark.backends.base import Backend, FootprintBackend
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import AdbDevice, Device, HostDevice, MicroDevice, ReplayDevice

_KINDS = KindModules(__name__, __path__)


@overload
def open_backend(name: str, device: MicroDevice, settings: MeasurementSettings) -> FootprintBackend: ...
@overload
def open_backend(
    name: str, device: HostDevice | AdbDevice | ReplayDevice, settings: MeasurementSettings
) -> Backend: ...
@overload
def open_backend(name: str, device: Device, settings: MeasurementSettings) -> Backend | FootprintBackend: ...
def open_backend(name: str, device: Device, settings: MeasurementSettings) -> Backend | FootprintBackend:
    """The back end of a device: one that times, or one that tells what a file needs.

    Args:
      name: Of the device in the configuration; the reports call it by that.
      device: What it is and how it is reached.
      settings: How long and how often everything is timed.

    Raises:
      ValueError: If the device cannot be as it is described: a core that is not there, a record that is
        none.
    """
    backend: Backend | FootprintBackend = _KINDS[device.backend].open_device(name, device, settings)
    return backend
