"""The report of a device that measures no time: what each file needs of it, or why it does not run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from components.latency_benchmark.backends.base import FootprintBackend, MeasurementFailed, ModelUnderTest
from schemas.latency_reports import LatencyReport

_log = logging.getLogger("tinytrill.latency_benchmark")


def footprint_report(
    backend: FootprintBackend, models: Sequence[ModelUnderTest], failures: Mapping[str, str]
) -> LatencyReport:
    """Runs each file once; one that does not run costs no other.

    Args:
      backend: The device.
      models: The files.
      failures: Why files could not even be tried, by key.

    Raises:
      DeviceLost: If the device cannot be reached.
    """
    machine = backend.machine()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    _log.info("asking %d variants what they need of %s (%s)", len(models), machine.name, machine.runtime)
    found, refused = [], dict(failures)
    for model in models:
        try:
            found.append(backend.footprint(model))
        except MeasurementFailed as error:
            _log.warning("%s", error)
            refused[model.key] = str(error)
    return LatencyReport(
        machine=machine,
        started=started,
        sessions=0,
        rounds=0,
        reference=None,
        measurements=[],
        footprints=found,
        failures=refused,
    )
