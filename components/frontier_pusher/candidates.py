"""What the pusher knows of each candidate, and what it says of a blessed variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx import types

from components import fan_in
from schemas.noss_reports import NossReport
from schemas.reports import (
    DistillationSetInfo,
    ModelDescription,
    StudentInfo,
    TfliteReport,
    TfliteVariant,
)
from schemas.verdicts import Blessing, Verdict

VARIANTS_ROLE = "variants"
STUDENT_ROLE = "student"
NOSS_ROLE = "noss"


@dataclass(frozen=True)
class Candidate:
    """Everything of one candidate.

    Attributes:
      folder: Of its TFLite files.
      student_folder: Of its training.
      noss_folder: Of its benchmark results.
    """

    folder: Path
    student_folder: Path
    noss_folder: Path
    converted: TfliteReport
    student: StudentInfo
    noss: NossReport

    def variant(self, name: str) -> TfliteVariant:
        """One of its files by the variant's name."""
        return next(variant for variant in self.converted.variants if variant.name == name)

    def description(
        self, blessings: Sequence[Blessing], verdict: Verdict, windows: DistillationSetInfo, run_key: str
    ) -> ModelDescription:
        """What is written beside one of its files.

        Args:
          blessings: Of the file, one a device, at least one.
          verdict: The gate's decision.
          windows: What the student learnt from.
          run_key: Names the pipeline run.

        Raises:
          ValueError: If the devices judged different files, or the benchmark has no result of it.
        """
        point = blessings[0].point
        judged = sorted({blessing.point.sha256 for blessing in blessings})
        if len(judged) > 1:
            raise ValueError(f"{point.point_id} is another file on each device: sha256 {', '.join(judged)}")
        quality = self.noss.result(point.variant)
        if quality is None:
            raise ValueError(f"{point.point_id} is blessed but {self.noss_folder} has no result of it")
        variant, front_end = self.variant(point.variant), self.converted.front_end
        return ModelDescription(
            point_id=point.point_id,
            candidate_id=point.candidate_id,
            variant=variant.name,
            input=variant.input,
            precision=variant.precision,
            sha256=point.sha256,
            bytes=variant.bytes,
            parameters=self.converted.parameters,
            spec=self.converted.spec,
            front_end=front_end,
            window_samples=front_end.window_samples,
            hop_samples=front_end.frames * front_end.hop_samples,
            inputs=variant.inputs,
            outputs=variant.outputs,
            parity=variant.parity,
            quality=quality,
            blessings=list(blessings),
            teacher=windows.teacher,
            teacher_digest=windows.teacher_digest,
            synthetic=verdict.synthetic,
            run_name=verdict.run_name,
            run_key=run_key,
        )


def read_candidates(input_dict: Mapping[str, list[types.Artifact]]) -> dict[str, Candidate]:
    """All candidates by their id."""
    uris = [
        [Path(artifact.uri) for artifact in fan_in.gather(input_dict, role)]
        for role in (VARIANTS_ROLE, STUDENT_ROLE, NOSS_ROLE)
    ]
    found = [
        Candidate(
            variants,
            student,
            noss,
            TfliteReport.load(str(variants)),
            StudentInfo.load(str(student)),
            NossReport.load(str(noss)),
        )
        for variants, student, noss in zip(*uris, strict=True)
    ]
    return {candidate.converted.candidate_id: candidate for candidate in found}


def blessings_by_point(verdict: Verdict) -> dict[str, list[Blessing]]:
    """What is to be pushed: each blessed point once, with every device it is blessed for."""
    found: dict[str, list[Blessing]] = {}
    for device, point in verdict.blessed:
        found.setdefault(point.point_id, []).append(Blessing(machine=device.machine, point=point))
    return found
