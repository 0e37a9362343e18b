"""What a person, a promotion or a later gate needs to know of a registered version."""

from __future__ import annotations

import json
from collections.abc import Mapping

from components.common.tracking.names import (
    CANDIDATE_TAG,
    DEVICE_TAG,
    EVIDENCE_TAG,
    FILES_TAG,
    POINT_TAG,
    RUN_KEY_TAG,
    RUN_NAME_TAG,
    SHA256_TAG,
    VERDICT_SHA256_TAG,
)
from schemas.plain_text import plain
from schemas.push_reports import ModelDescription
from schemas.verdicts import Blessing, FrontierPoint, Standing, Verdict


def version_tags(
    description: ModelDescription,
    blessing: Blessing,
    verdict: Verdict,
    verdict_sha256: str,
    files: Mapping[str, str],
    evidence: Mapping[str, str],
) -> dict[str, str]:
    """The tags of a version.

    Args:
      description: Of the pushed file.
      blessing: On the device whose registered model gets the version.
      verdict: Of its run.
      verdict_sha256: Of ``verdict.json``.
      files: sha256 of every file of the version, by name.
      evidence: sha256 of every file of the pipeline's run that a promotion goes by, by its place there.
    """
    machine, point = blessing.machine, blessing.point
    return {
        RUN_KEY_TAG: description.run_key,
        RUN_NAME_TAG: description.run_name,
        CANDIDATE_TAG: description.candidate_id,
        POINT_TAG: description.point_id,
        DEVICE_TAG: machine.profile,
        SHA256_TAG: description.sha256,
        FILES_TAG: json.dumps(files),
        VERDICT_SHA256_TAG: verdict_sha256,
        EVIDENCE_TAG: json.dumps(evidence),
        Standing.TAG: Standing.of(verdict, machine, point).model_dump_json(),
        "tinytrill.variant": description.variant,
        "tinytrill.input": description.input,
        "tinytrill.quality": f"{point.quality:.4f}",
        "tinytrill.quality_of_teacher": f"{point.quality_of_teacher:.4f}",
        **_cost(point),
        "tinytrill.machine": plain(machine.name),
        "tinytrill.is_device": str(machine.is_device).lower(),
        "tinytrill.bytes": str(description.bytes),
        "tinytrill.synthetic": str(description.synthetic).lower(),
        "tinytrill.teacher_digest": description.teacher_digest,
        "tinytrill.grid": verdict.search.summary if verdict.search else "exhaustive",
    }


def in_words(description: ModelDescription, blessing: Blessing) -> str:
    """A version in a sentence, as the registry shows it."""
    machine, point = blessing.machine, blessing.point
    return plain(
        f"{description.point_id}: mean NOSS score {point.quality:.3f} ({point.quality_of_teacher:.1%} "
        f"of the teacher), {point.cost_words} on {machine.profile} ({machine.name}, "
        f"{machine.kind}), {description.bytes / 2**20:.2f} MiB"
        + (", judged on synthetic sound" if description.synthetic else "")
        + f". Run {description.run_name}."
    )


def _cost(point: FrontierPoint) -> dict[str, str]:
    """What running it costs: time, or memory and arithmetic where none is measured."""
    figures = {
        f"tinytrill.latency_{point.typical}_ms": point.latency_ms,
        "tinytrill.latency_ratio": point.latency_ratio,
        "tinytrill.arena_kib": point.arena_kib,
        "tinytrill.mega_macs": point.mega_macs,
    }
    return {name: f"{value:.4g}" for name, value in figures.items() if value is not None}
