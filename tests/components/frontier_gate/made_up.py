"""Verdicts on made-up runs, for tests of what shows them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.common.frontier.settings import GateDemands
from components.frontier_gate import page
from components.frontier_gate.verdict import reach_verdict
from schemas.students import StudentSpec
from schemas.verdicts import FrontierPoint, RegisteredPoint, Verdict
from tests.made_up_runs import Made, Run, make_comparison, make_run, write_samples
from tests.students import mobilenet


def verdict_on(run: Run, settings: GateDemands | None = None) -> Verdict:
    """The verdict, with bootstrap draws of all files."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(number)) for number in range(len(run.noss))]
        for report, place in zip(run.noss, places, strict=True):
            for result in report.results:
                write_samples(result, place)
        return reach_verdict(
            run.converted,
            list(zip(run.noss, places, strict=True)),
            run.latencies,
            run.teacher.results[0],
            [report.results[0] for report in run.baselines],
            make_comparison(run),
            settings or GateDemands(),
            "made up",
        )


def frill_run(precisions: Sequence[str] = ("float32", "float16", "dynamic", "int8"), **options: Any) -> Run:
    """FRILL's 144 students, with both inputs in each precision: 1,152 points on a device."""
    random = np.random.default_rng(3)
    candidates: dict[StudentSpec, list[Made]] = {}
    sizes = {"tiny": 0.5, "small": 1.0, "large": 2.2}
    for size, scale in sizes.items():
        for width in (0.5, 0.75, 1.0, 1.25, 1.5, 2.0):
            for pooling in ("gap", "flatten"):
                for rank in (0, 100):
                    for qat in ("none", "bottleneck"):
                        spec = mobilenet(size, width, pooling=pooling, svd_rank=rank, qat=qat)
                        quality = 0.62 + 0.05 * np.log1p(scale * width) + random.normal(0, 0.01)
                        ms = 1.5 * (scale * width) ** 0.8 * (0.9 if rank else 1) * random.uniform(0.9, 1.1)
                        candidates[spec] = [
                            Made(
                                quality - 0.002 * i,
                                ms * (1 - 0.1 * i) + 0.4 * (kind == "wave"),
                                f"{kind}-{precision}",
                                0.015,
                                int(5e6 * scale * width / (i + 1)),
                            )
                            for kind in ("wave", "core")
                            for i, precision in enumerate(precisions)
                        ]
    return make_run(candidates, **options)


def registered(point: FrontierPoint, *, slower: float = 1.3, competes: bool = True) -> RegisteredPoint:
    """A registered champion of a point's quality, so many times as slow."""
    ratio = point.cost * slower
    return RegisteredPoint(
        registered_model="tinytrill-host",
        version="3",
        aliases=["champion"],
        point_id="older/" + point.variant,
        run_name="an older run",
        input=point.input,
        sha256="9" * 64,
        quality=point.quality,
        quality_low=point.quality - 0.02,
        quality_high=point.quality + 0.02,
        latency_ms=99.0,
        latency_ratio=ratio,
        latency_ratio_low=ratio * 0.98,
        latency_ratio_high=ratio * 1.02,
        bytes=2_000_000,
        peak_mib=7.0,
        competes=competes,
        reason="" if competes else "measured on another machine",
        beaten_by=[point.point_id] if competes else [],
    )


def material_of(run: Run, verdict: Verdict, settings: GateDemands | None = None) -> page.Material:
    """All that the page tells of."""
    return page.Material(
        verdict=verdict,
        converted=run.converted,
        noss=run.noss,
        latencies=run.latencies,
        teacher=run.teacher.results[0],
        baselines=[report.results[0] for report in run.baselines],
        students=run.students,
        comparison=make_comparison(run),
        settings=settings or GateDemands(),
        configuration='{"seed": 7}',
    )
