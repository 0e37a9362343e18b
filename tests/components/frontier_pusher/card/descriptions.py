"""Descriptions of made-up models, and the code on their cards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.push_reports import Licences, ModelDescription
from schemas.students import FrontEndSpec
from schemas.verdicts import Blessing
from tests.made_up_runs import Made, make_run
from tests.pushed_runs import SMALL, make_points

FRONT_END = FrontEndSpec()


def make_description(
    kind: str = "wave", devices: Mapping[str, float] | None = None, synthetic: bool = False, **changes: Any
) -> ModelDescription:
    """A float32 file of one student, blessed for each device.

    Args:
      kind: wave, core or stream.
      devices: See :func:`tests.made_up_runs.make_run`; none: the host alone.
      synthetic: What is said of the sound.
      **changes: Fields that are to be otherwise.
    """
    run = make_run(
        {SMALL: [Made(0.75, 5.0, f"{kind}-float32")]}, devices=devices or {"host": 1.0}, synthetic=synthetic
    )
    variant, quality = run.converted[0].variants[0], run.noss[0].results[0]
    key = f"{SMALL.candidate_id}/{variant.name}"
    description = ModelDescription(
        point_id=key,
        candidate_id=SMALL.candidate_id,
        variant=variant.name,
        input=variant.input,
        precision=variant.precision,
        sha256=variant.sha256,
        bytes=variant.bytes,
        parameters=123_456,
        spec=SMALL,
        front_end=FRONT_END,
        window_samples=FRONT_END.window_samples,
        hop_samples=FRONT_END.frames * FRONT_END.hop_samples,
        inputs=variant.inputs,
        outputs=variant.outputs,
        parity=variant.parity,
        quality=quality,
        blessings=[
            Blessing(machine=latency.machine, point=make_points(run, latency, [key])[0])
            for latency in run.latencies
        ],
        teacher="a made-up teacher",
        teacher_digest="t" * 64,
        licences=Licences(
            teacher="Apache-2.0", corpus={"made-up corpus": "CC-BY-4.0"}, tasks={"language": "CC0-1.0"}
        ),
        clips=1200,
        hours=3.25,
        synthetic=synthetic,
        run_name="test-run",
        run_key="k" * 32,
    )
    return description.model_copy(update=changes)


def code_blocks(card: str, language: str) -> list[str]:
    """The code on a card, block by block."""
    return re.findall(rf"^```{language}\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
