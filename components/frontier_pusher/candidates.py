"""What the pusher knows of each candidate, and what it says of a blessed variant."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx import types

from components.common.frontier.answer import answers, recommended_on
from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.origin import Origin
from schemas.noss_reports import NossReport
from schemas.push_reports import Cost, ModelDescription
from schemas.secrets import redact
from schemas.settings import UnreadableReport
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport, TfliteVariant
from schemas.training_reports import cpu_seconds_of
from schemas.verdicts import Blessing, Verdict

logger = logging.getLogger("tinytrill.frontier_pusher")

# id, uri and type of an artifact, by the name of the input.
Metadata = dict[str, dict[str, str | int]]


@dataclass(frozen=True)
class Candidate:
    """Everything of one candidate.

    Attributes:
      folder: Of its TFLite files.
      student_folder: Of its training.
      noss_folder: Of its benchmark results.
      metadata: What ML Metadata calls these.
    """

    folder: Path
    student_folder: Path
    noss_folder: Path
    converted: TfliteReport
    student: StudentInfo
    noss: NossReport
    metadata: Metadata

    @property
    def failure(self) -> str:
        """Why it has no student or no files; empty if it has, or a search left it out."""
        return "" if self.student.left_out else self.student.failure or self.converted.failure

    def variant(self, name: str) -> TfliteVariant:
        """One of its files by the variant's name."""
        return next(variant for variant in self.converted.variants if variant.name == name)

    def description(
        self, blessings: Sequence[Blessing], verdict: Verdict, origin: Origin, run_name: str, run_key: str
    ) -> ModelDescription:
        """What is written beside one of its files.

        Args:
          blessings: Of the file, one a device, at least one.
          verdict: The gate's decision.
          origin: What the student was made from and judged by.
          run_name: Name of the run.
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
            baselines_above=verdict.baselines_above(point),
            recommended_on=recommended_on(verdict, point.point_id),
            answers=[answer.sentence for answer in answers(verdict)],
            references=[verdict.teacher, *verdict.baselines],
            teacher_tasks=origin.teacher_tasks,
            costs=[origin.embedding_cost, *self._costs()],
            teacher=origin.windows.teacher,
            teacher_digest=origin.windows.teacher_digest,
            licences=origin.licences,
            target_variance_explained=self.student.target_variance_explained,
            total_steps=self.student.total_steps,
            clips=origin.clips,
            hours=origin.hours,
            synthetic=verdict.synthetic,
            run_name=run_name,
            run_key=run_key,
        )

    def _costs(self) -> list[Cost]:
        """Of its own training; candidates that it started from have theirs on their own cards."""
        epochs = self.student.epochs
        if not epochs:
            return []
        cpu = cpu_seconds_of(epochs)
        return [
            Cost(
                stage=f"training of this student, {len(epochs)} epochs",
                hours=sum(epoch.seconds for epoch in epochs) / 3600,
                cpu_hours=None if cpu is None else cpu / 3600,
            )
        ]


def read_candidates(task: FrontierPusher) -> dict[str, Candidate]:
    """The candidates by their id; one of which a report cannot be read is left out, and that is logged."""
    found: dict[str, Candidate] = {}
    for variants, student, noss in zip(task.variants, task.students, task.noss, strict=True):
        try:
            candidate = Candidate(
                Path(variants.uri),
                Path(student.uri),
                Path(noss.uri),
                TfliteReport.load(variants.uri),
                StudentInfo.load(student.uri),
                NossReport.load(noss.uri),
                metadata_of({"variants": variants, "student": student, "noss": noss}),
            )
        except UnreadableReport as error:
            logger.warning("a candidate is left out: %s", error)
            continue
        found[candidate.converted.candidate_id] = candidate
    return found


def metadata_of(artifacts: Mapping[str, types.Artifact]) -> Metadata:
    """What ML Metadata calls these artifacts, so that a run of MLflow's leads back to them."""
    return {
        name: {"id": artifact.id, "uri": redact(artifact.uri), "type": artifact.type_name}
        for name, artifact in artifacts.items()
    }


def blessings_by_point(verdict: Verdict) -> dict[str, list[Blessing]]:
    """What is to be pushed: each blessed point once, with every device it is blessed for."""
    found: dict[str, list[Blessing]] = {}
    for device, point in verdict.blessed:
        found.setdefault(point.point_id, []).append(Blessing(machine=device.machine, point=point))
    return found
