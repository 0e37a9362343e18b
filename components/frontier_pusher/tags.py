"""What a person, a promotion or a later gate needs to know of a registered version."""

from __future__ import annotations

from components.tracking.tracker import CANDIDATE_TAG, RUN_NAME_TAG
from schemas.reports import ModelDescription
from schemas.verdicts import FrontierPoint, Standing, Verdict

SHA256_TAG = "tinytrill.sha256"
POINT_TAG = "tinytrill.point"
PARENT_RUN_TAG = "tinytrill.pipeline_run_id"


def version_tags(description: ModelDescription, verdict: Verdict, parent_run_id: str) -> dict[str, str]:
    """The tags of a version; a figure of a device has the device's name at its end.

    Args:
      description: Of the version.
      verdict: Of its run.
      parent_run_id: The pipeline's run, which holds verdict and page.
    """
    point = description.blessings[0].point
    return {
        SHA256_TAG: description.sha256,
        POINT_TAG: description.point_id,
        CANDIDATE_TAG: description.candidate_id,
        RUN_NAME_TAG: description.run_name,
        PARENT_RUN_TAG: parent_run_id,
        "tinytrill.variant": description.variant,
        "tinytrill.input": description.input,
        "tinytrill.quality": f"{point.quality:.4f}",
        "tinytrill.quality_of_teacher": f"{point.quality_of_teacher:.4f}",
        "tinytrill.devices": ", ".join(b.machine.profile for b in description.blessings),
        "tinytrill.bytes": str(description.bytes),
        "tinytrill.synthetic": str(description.synthetic).lower(),
        "tinytrill.teacher_digest": description.teacher_digest,
        **_device_tags(description, verdict),
    }


def in_words(description: ModelDescription) -> str:
    """A version in a sentence, as the registry shows it."""
    point = description.blessings[0].point
    latencies = "; ".join(
        f"{b.point.latency_ms:.3g} ms {_typical(b.point)} on {b.machine.profile} ({b.machine.name}, "
        f"{'device' if b.machine.is_device else 'host, not a device'})"
        for b in description.blessings
    )
    return (
        f"{description.point_id}: mean NOSS score {point.quality:.3f} ({point.quality_of_teacher:.1%} "
        f"of the teacher), {latencies}, {description.bytes / 2**20:.2f} MiB"
        + (", judged on synthetic sound" if description.synthetic else "")
        + f". Run {description.run_name}."
    )


def _device_tags(description: ModelDescription, verdict: Verdict) -> dict[str, str]:
    """What was measured on each device, and the standing there, for later gates."""
    tags: dict[str, str] = {}
    for blessing in description.blessings:
        machine, point = blessing.machine, blessing.point
        device = machine.profile
        standing = Standing(
            machine=machine,
            point=point.model_copy(update={"goals": []}),
            run_name=verdict.run_name,
            reference_sha256=verdict.reference_sha256,
            benchmark_digest=verdict.benchmark_digest,
            synthetic=verdict.synthetic,
        )
        tags |= {
            f"tinytrill.latency_{_typical(point)}_ms.{device}": f"{point.latency_ms:.4g}",
            f"tinytrill.latency_ratio.{device}": f"{point.latency_ratio:.4g}",
            f"tinytrill.machine.{device}": machine.name,
            f"tinytrill.is_device.{device}": str(machine.is_device).lower(),
            f"{Standing.TAG}{device}": standing.model_dump_json(),
        }
    return tags


def _typical(point: FrontierPoint) -> str:
    return "p50" if point.statistic == "median" else "mean"
