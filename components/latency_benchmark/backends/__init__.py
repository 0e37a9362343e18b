"""What models are timed on, behind one interface.

A back end is a module here, called as ``backend`` is in a configuration; its ``open_device(name, device,
settings)`` makes it.
"""

from __future__ import annotations

from components.common.registry.modules import KindModules
from components.latency_benchmark.backends.base import Backend
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import Device

_KINDS = KindModules(__name__, __path__)


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
    backend: Backend = _KINDS[device.backend].open_device(name, device, settings)
    return backend
