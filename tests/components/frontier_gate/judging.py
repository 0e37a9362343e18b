"""Short ways to a verdict on made-up reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.common.frontier.settings import GateDemands
from components.common.tracking.registered import RegisteredVersion
from components.frontier_gate.points import teacher_result
from components.frontier_gate.verdict import reach_verdict
from schemas.comparison_reports import NossComparison
from schemas.students import StudentSpec
from schemas.verdicts import DeviceVerdict, FrontierPoint, Standing, Verdict
from tests.made_up_runs import Run, make_comparison, write_samples
from tests.students import mobilenet

SMALL, TINY, LARGE = (mobilenet(size) for size in ("small", "tiny", "large"))
NOWHERE = Path("no-samples-here")


def verdict_of(
    run: Run,
    *,
    registered: Sequence[RegisteredVersion] = (),
    samples: Path | None = None,
    comparison: NossComparison | None = None,
    **settings: Any,
) -> Verdict:
    """The verdict on a run; bootstrap draws are made only if there is a folder for them.

    What is registered is so for every device.
    """
    if samples:
        for report in run.noss:
            for result in report.results:
                write_samples(result, samples / result.model)
    return reach_verdict(
        run.converted,
        [(report, samples / f"{_model(report.results)}" if samples else NOWHERE) for report in run.noss],
        run.latencies,
        teacher_result(run.teacher),
        [report.results[0] for report in run.baselines],
        comparison or make_comparison(run),
        GateDemands(**settings),
        "test",
        {latency.machine.profile: registered for latency in run.latencies},
    )


def device_of(run: Run, **options: Any) -> DeviceVerdict:
    """The decision on the one device of a run."""
    (device,) = verdict_of(run, **options).devices
    return device


def point_of(device: DeviceVerdict, spec: StudentSpec, variant: str = "wave-float32") -> FrontierPoint:
    """A student's point."""
    return next(p for p in device.points if p.point_id == f"{spec.candidate_id}/{variant}")


def registered_from(
    run: Run,
    version: str = "1",
    aliases: tuple[str, ...] = (),
    variant: int = 0,
    samples: Path | None = None,
    **changes: Any,
) -> RegisteredVersion:
    """A run's first point, as the registry keeps it after a push; ``changes`` are of its standing."""
    verdict = verdict_of(run, samples=samples)
    device = verdict.devices[0]
    standing = Standing(
        machine=device.machine,
        point=device.points[variant].model_copy(update={"goals": []}),
        run_name="earlier",
        reference_sha256=verdict.reference_on(device.machine),
        benchmark_digest=verdict.benchmark_digest,
        synthetic=verdict.synthetic,
    )
    return RegisteredVersion("tinytrill-host", version, aliases, standing.model_copy(update=changes))


def _model(results: Sequence[Any]) -> str:
    return results[0].model if results else "none"
