"""What models are timed on, behind one interface."""

from __future__ import annotations

from components.latency_benchmark.backends.base import Backend
from components.latency_benchmark.settings import LatencySettings


def open_backend(settings: LatencySettings) -> Backend:
    """The back end that the settings name."""
    from components.latency_benchmark.backends.host import HostBackend

    return {"host": HostBackend}[settings.backend](settings)
