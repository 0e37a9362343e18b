"""Runs whose every variant is blessed, judged by the gate and pushed to one store: champions to choose from.

Of the waveform models of the first run TINY is fast and STRONG is good; SMALL is beaten by STRONG, WEAK by
SMALL and STRONG. The second run was timed against another reference model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from components.common.frontier.settings import GateDemands
from components.common.tracking.names import POINT_TAG
from components.frontier_gate.points import teacher_result
from components.frontier_gate.verdict import reach_verdict
from components.frontier_pusher.executor import Executor
from components.frontier_pusher.settings import PusherSettings
from pipeline.configuration.config_file import load_config
from pipeline.configuration.sources import resolve
from pipeline.local.layout import RunLayout
from schemas.students import StudentSpec
from schemas.verdicts import Verdict
from tests.made_up_runs import Made, Run, make_comparison, make_run, write_run
from tests.pushed_runs import make_golden
from tests.students import mobilenet

NAME = "tinytrill-host"
SMALL, TINY, WEAK, STRONG = (
    mobilenet(size, width, embedding_width=64)
    for size, width in (("small", 1.0), ("tiny", 1.0), ("large", 1.0), ("large", 2.0))
)
OTHER = mobilenet("small", 2.0, embedding_width=64)
CORE = "core-float32"


def push_runs(root: Path, tiny_files: Mapping[str, bytes], uri: str) -> None:
    """Judges and pushes both runs.

    Args:
      root: An empty folder; files of the store come to lie there.
      tiny_files: Fixture of tests/conftest.py.
      uri: Of the store.
    """
    first = make_run(
        {
            SMALL: [_made(tiny_files, 0.75, 5.0), _made(tiny_files, 0.75, 4.0, CORE)],
            TINY: [_made(tiny_files, 0.70, 2.0)],
            WEAK: [_made(tiny_files, 0.72, 6.0)],
            STRONG: [_made(tiny_files, 0.80, 4.5)],
        }
    )
    second = make_run({OTHER: [_made(tiny_files, 0.85, 3.0)]})
    timed = second.latencies[0]
    assert timed.reference is not None
    reference = timed.reference.model_copy(update={"sha256": "0" * 64})
    second.latencies[0] = timed.model_copy(update={"reference": reference})
    for name, run in (("first", first), ("second", second)):
        _push(root / name, run, uri, name)


def number(client: Any, spec: StudentSpec, variant: str = "wave-float32") -> str:
    """The version of a student's file."""
    (found,) = (
        str(version.version)
        for version in client.search_model_versions(f"name = '{NAME}'")
        if version.tags[POINT_TAG] == f"{spec.candidate_id}/{variant}"
    )
    return found


def _made(tiny_files: Mapping[str, bytes], quality: float, ms: float, name: str = "wave-float32") -> Made:
    """A variant with a file of its own: what follows a TFLite file's content is not read."""
    content = tiny_files[f"{name.split('-')[0]}-1"] + f"{quality} {ms}".encode()
    return Made(quality, ms, name, content=content, golden=make_golden(content))


def _push(root: Path, run: Run, uri: str, run_name: str) -> None:
    inputs = write_run(run, root / "in")
    folder = root / "in" / "verdict"
    comparison = make_comparison(run)
    verdict = reach_verdict(
        run.converted,
        [(report, root / "no-samples") for report in run.noss],
        run.latencies,
        teacher_result(run.teacher),
        [],
        comparison,
        GateDemands(),
        run_name,
    )
    _all_blessed(verdict).save(folder)
    comparison.save(folder / Verdict.BENCHMARK)
    for name in (Verdict.PICTURE, Verdict.PAGE):
        (folder / name).write_text("made up")
    settings = PusherSettings(
        destination=str(root / "pushed"),
        tracking_uri=uri,
        artifact_location=(root / "mlartifacts").as_uri() if uri.startswith("sqlite") else "",
        experiment=run_name,
        outbox=str(root / "outbox"),
        if_unreachable="stop",
    )
    output = root / "out"
    output.mkdir()
    judged = SimpleNamespace(uri=str(folder), id=1, type_name="FrontierVerdict")
    Executor().Do(
        {**inputs, "verdict": [judged]},
        {"pushed": [SimpleNamespace(uri=str(output))]},
        {
            "settings": settings.to_parameter(),
            "run_name": run_name,
            "config_json": resolve(load_config("demo"), RunLayout(root)).to_parameter(),
            "code_digest": "",
        },
    )


def _all_blessed(verdict: Verdict) -> Verdict:
    """So that what is beaten within the run may compete later."""
    devices = [
        device.model_copy(
            update={
                "points": [
                    point.model_copy(update={"blessed": True, "reasons": []}) for point in device.points
                ]
            }
        )
        for device in verdict.devices
    ]
    return verdict.model_copy(update={"devices": devices})
