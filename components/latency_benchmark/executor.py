"""Executor of the LatencyBenchmark: all variants measured together on one device."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from components.common.tfx.executors import TaskExecutor
from components.latency_benchmark import models_under_test
from components.latency_benchmark.attempts import Measured, measure
from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.base import (
    Backend,
    DeviceLost,
    FootprintBackend,
    MeasurementFailed,
    ModelUnderTest,
)
from components.latency_benchmark.component import LatencyBenchmark
from components.latency_benchmark.finished import FinishedSessions, identity
from components.latency_benchmark.footprints import footprint_report
from components.latency_benchmark.reference import write_reference
from components.latency_benchmark.report import make_report, not_reached
from components.latency_benchmark.samples import write_samples
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import Device, ReplayDevice
from schemas.latency_reports import LatencyReport, OperatorTime

_log = logging.getLogger("tinytrill.latency_benchmark")


class Executor(TaskExecutor[LatencyBenchmark]):
    """Times the accepted variants of all candidates; writes ``latency_report.json`` and ``samples.npz``."""

    def run(self, task: LatencyBenchmark) -> None:
        """Measures; what cannot be measured, even the whole device, has a reason in the report."""
        benchmark(
            variant_uris=[variants.uri for variants in task.variants],
            output_uri=task.report.uri,
            name=task.name,
            device=task.device,
            settings=task.settings,
            seed=task.seed,
            scratch_dir=task.scratch_dir,
            digests=(task.code_digest, task.data_digest),
        )


def benchmark(
    variant_uris: list[str],
    output_uri: str,
    name: str,
    device: Device,
    settings: MeasurementSettings,
    seed: int = 0,
    scratch_dir: str = "",
    digests: Sequence[str] = (),
) -> LatencyReport:
    """Measures the variants in ``variant_uris`` on a device and reports in ``output_uri``.

    A device that measures no time tells what each file needs of it, without sessions, samples or a reference
    model. Otherwise finished sessions stay in ``scratch_dir`` until the measurement is complete: one that was
    killed, or whose device was lost, goes on from there when it is run again, and says when each session
    began.

    Args:
      variant_uris: Folders of ``TfliteVariants``.
      output_uri: Folder of the report, the samples and the reference model.
      name: The device's name in the configuration.
      device: What it is.
      settings: How long and how often.
      seed: Of the orders, the inputs and the bootstrap.
      scratch_dir: Folder that outlives the run; empty: nothing is kept.
      digests: Of the code and of the device's own files; what others have timed is not taken.
    """
    with tempfile.TemporaryDirectory(prefix="tinytrill-latency-") as temporary:
        found = models_under_test.find(variant_uris, Path(temporary), seed)
        for key, reason in found.failures.items():
            _log.warning("%s gets no figures: %s", key, reason)
        compares_with = output_uri if device.MEASURES_TIME else temporary
        reference = write_reference(Path(compares_with), Path(temporary), seed)
        parameters = [name, device.to_parameter(), settings.to_parameter(), str(seed), *digests]
        try:
            with open_backend(name, device, settings) as backend:
                if isinstance(backend, FootprintBackend):
                    report = footprint_report(backend, found.models, found.failures)
                    report.save(output_uri)
                    return report
                machine = backend.machine()
                _log.info("timing %d variants on %s (%s)", len(found.models), machine.name, machine.runtime)
                key = identity(parameters, machine, [reference, *found.models])
                # A record is read faster than kept, and its sessions have to be read in their order.
                keep = bool(scratch_dir) and not isinstance(device, ReplayDevice)
                finished = FinishedSessions(Path(scratch_dir) / "latency" / key if keep else None)
                measured = measure(backend, reference, found.models, settings, seed, finished)
                operators = _profile(backend, measured, found.models, settings.profile_runs)
        except DeviceLost as error:
            machine, finished = not_reached(name, device), FinishedSessions(None)
            measured, operators = Measured(lost=str(error)), {}
    report = make_report(
        machine, measured, reference, found.models, settings, seed, found.failures, operators
    )
    if report.failure:
        _log.error("%s: nothing was measured: %s", name, report.failure)
    records = [record for session in measured.sessions for record in session.records]
    write_samples(output_uri, records)
    report.save(output_uri)
    if not measured.lost:
        finished.remove()
    return report


def _profile(
    backend: Backend, measured: Measured, models: list[ModelUnderTest], runs: int
) -> dict[str, list[OperatorTime]]:
    """Where the time of the valid models goes, by key; a model that cannot be profiled has no entry."""
    found: dict[str, list[OperatorTime]] = {}
    if not runs or measured.lost:
        return found
    valid = [model for model in models if measured.is_valid(model.key)]
    _log.info("timing the operators of %d models", len(valid))
    for model in valid:
        try:
            found[model.key] = backend.profile(model, runs)
        except DeviceLost as error:
            _log.warning("no operators are timed from %s on: %s", model.key, error)
            break
        except MeasurementFailed as error:
            _log.warning("the operators of %s are not timed: %s", model.key, error)
    return found
