"""What all models of a run were made from and judged by: the same for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.noss_reports import NossReport, TaskResult
from schemas.push_reports import Cost, Licences
from schemas.run_records import RecordedDataset
from schemas.secrets import redact

# Of MLflow; half of a sha256 still tells data sets apart.
DIGEST_CHARACTERS = 36


@dataclass(frozen=True)
class Origin:
    """Teacher, corpus and tasks.

    Attributes:
      windows: What the students learnt from.
      windows_uri: Where it lies.
      sources: What was taken in: the corpus, and the tasks.
      teacher: The teacher's results, which name the tasks.
    """

    windows: DistillationSetInfo
    windows_uri: str
    sources: Sequence[IngestReport]
    teacher: NossReport

    @property
    def corpus(self) -> list[IngestReport]:
        """Reports on the corpus."""
        return [report for report in self.sources if is_corpus(report)]

    @property
    def clips(self) -> int:
        """Clips of the corpus."""
        return sum(split.clips for report in self.corpus for split in report.splits.values())

    @property
    def hours(self) -> float:
        """Hours of the corpus."""
        return sum(split.hours for report in self.corpus for split in report.splits.values())

    @property
    def licences(self) -> Licences:
        """As far as they were stated; what was used and has none is there with an empty one."""
        corpus: dict[str, str] = {}
        for report in self.corpus:
            corpus |= report.licences or {"corpus": ""}
        stated = {name: licence for report in self.sources for name, licence in report.licences.items()}
        return Licences(
            teacher=self.windows.teacher_licence,
            corpus=corpus or {"corpus": ""},
            tasks={task.task: stated.get(task.task, "") for task in self._tasks()},
        )

    @property
    def teacher_tasks(self) -> dict[str, float]:
        """What the teacher has on each task, in the task's metric."""
        return {task.task: task.value for result in self.teacher.results[:1] for task in result.tasks}

    @property
    def embedding_cost(self) -> Cost:
        """What asking the teacher took, once for all students; workers' processor time is not measured."""
        return Cost(
            stage="the teacher's answers on the corpus, once for all students of the run",
            hours=self.windows.seconds / 3600,
        )

    def datasets(self) -> list[RecordedDataset]:
        """The corpus, the distillation set and each task; one whose digest is unknown is left out."""
        corpus = [
            RecordedDataset(
                name="corpus",
                digest=report.digest[:DIGEST_CHARACTERS],
                source=redact(report.source),
                context="corpus",
                profile={
                    "clips": sum(split.clips for split in report.splits.values()),
                    "hours": sum(split.hours for split in report.splits.values()),
                    "synthetic": str(report.synthetic).lower(),
                },
            )
            for report in self.corpus
        ]
        found_in = next((report.source for report in self.sources if not is_corpus(report)), "")
        tasks = [
            RecordedDataset(
                name=f"noss/{task.task}",
                digest=task.data_digest[:DIGEST_CHARACTERS],
                source=redact(found_in),
                context="evaluation",
                profile={
                    "version": task.task_version,
                    "clips": task.n_used,
                    "test_clips": task.n_test,
                    "classes": task.n_classes,
                    "synthetic": str(task.synthetic).lower(),
                },
            )
            for task in self._tasks()
        ]
        return [dataset for dataset in (*corpus, self.distillation_set(), *tasks) if dataset.digest]

    def distillation_set(self) -> RecordedDataset:
        """What every student learnt from."""
        return RecordedDataset(
            name="distillation_set",
            digest=self.windows.digest[:DIGEST_CHARACTERS],
            source=redact(self.windows_uri),
            context="distillation",
            profile={
                **{f"{split}_windows": count for split, count in self.windows.windows.items()},
                "target_dim": self.windows.target_dim,
                "teacher": self.windows.teacher,
                "teacher_digest": self.windows.teacher_digest,
            },
        )

    def _tasks(self) -> list[TaskResult]:
        return list({task.task: task for result in self.teacher.results for task in result.tasks}.values())


def is_corpus(report: IngestReport) -> bool:
    """Whether a report is on the corpus: a task's splits are named <task>/<split>, a corpus' are not."""
    return not any("/" in split for split in report.splits)
