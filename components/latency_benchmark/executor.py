"""Executor of the LatencyBenchmark: all variants timed in one session."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components import fan_in
from components.latency_benchmark import figures, subjects
from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.base import Subject
from components.latency_benchmark.reference import write_reference
from components.latency_benchmark.rounds import Session, measure
from components.latency_benchmark.settings import LatencySettings
from schemas.latency_reports import LatencyMeasurement, LatencyReport

VARIANTS_ROLE = "variants"
REPORT_KEY = "report"
SETTINGS = "settings"
SEED = "seed"
CODE_DIGEST = "code_digest"

_log = logging.getLogger("tinytrill.latency_benchmark")


class Executor(base_executor.BaseExecutor):
    """Times the accepted variants of all candidates and writes ``latency_report.json``."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Measures; a variant that cannot be measured has a reason in the report and no figure.

        Raises:
          RuntimeError: If the reference model itself cannot be measured.
        """
        benchmark(
            variant_uris=[artifact.uri for artifact in fan_in.gather(input_dict, VARIANTS_ROLE)],
            output_uri=artifact_utils.get_single_uri(output_dict[REPORT_KEY]),
            settings=LatencySettings.from_parameter(exec_properties[SETTINGS]),
            seed=exec_properties[SEED],
        )


def benchmark(
    variant_uris: list[str], output_uri: str, settings: LatencySettings, seed: int
) -> LatencyReport:
    """Times the variants in ``variant_uris`` and reports in ``output_uri``."""
    with tempfile.TemporaryDirectory(prefix="tinytrill-latency-") as scratch:
        found = subjects.find(variant_uris, Path(scratch), seed)
        for key, reason in found.failures.items():
            _log.warning("%s gets no latency: %s", key, reason)
        reference = write_reference(Path(output_uri), Path(scratch), seed)
        with open_backend(settings) as backend:
            machine = backend.machine()
            _log.info(
                "timing %d variants in %d rounds on %s (%s)",
                len(found.subjects),
                settings.rounds,
                machine.name,
                machine.runtime,
            )
            session = measure(backend, [reference, *found.subjects], settings, seed)
    if reference.key in session.failures:
        raise RuntimeError(f"the reference model cannot be measured: {session.failures[reference.key]}")
    report = LatencyReport(
        machine=machine,
        reference=_measurement(reference, reference, session, seed),
        rounds=settings.rounds,
        measurements=[
            _measurement(subject, reference, session, seed)
            for subject in found.subjects
            if subject.key not in session.failures
        ],
        failures={**found.failures, **session.failures},
    )
    report.save(output_uri)
    return report


def _measurement(subject: Subject, reference: Subject, session: Session, seed: int) -> LatencyMeasurement:
    samples = session.samples_us[subject.key]
    timing = figures.timing(samples, seed)
    ratio = figures.ratio(samples, session.samples_us[reference.key], seed)
    start = session.starts[subject.key]
    return LatencyMeasurement(
        candidate_id=subject.candidate_id,
        variant=subject.variant,
        sha256=subject.sha256,
        bytes=subject.bytes,
        n=timing.n,
        p50_ms=timing.p50_ms,
        p90_ms=timing.p90_ms,
        p99_ms=timing.p99_ms,
        mean_ms=timing.mean_ms,
        spread_low_ms=timing.spread.low,
        spread_high_ms=timing.spread.high,
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        init_ms=start.init_ms,
        first_ms=start.first_ms,
        peak_mib=start.peak_mib,
        samples_us=samples,
    )
