"""Made-up reports of the benchmark, with bootstrap samples that are paired as real ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.noss_reports import (
    Fidelity,
    ModelKind,
    NossModelResult,
    NossReport,
    PaperResult,
    ProbeRun,
    RobustnessResult,
    TaskResult,
)
from schemas.noss_task_sets import IngestedTask, NossTaskSet, UnavailableTask
from schemas.noss_tasks import ManifestSource, Metric, Obtain, TaskRecord

RESAMPLES = 400
PROTOCOL = "strict: chosen on validation"


def make_task_set(
    names: Sequence[str], *, synthetic: bool = True, **records: Mapping[str, Any]
) -> NossTaskSet:
    """Tasks as they were taken in; ``records``: what a task's record says beside its name, by task."""
    tasks = []
    for name in names:
        record = TaskRecord(name=name, sources=(ManifestSource(file="m.csv"),), **records.get(name, {}))
        tasks.append(
            IngestedTask(
                record=record,
                digest=record.digest,
                data_digest=f"data of {name}",
                source=f"a folder of {name}",
                n_original={"train": 100, "validation": 50, "test": 60},
                n_used={"train": 99, "validation": 50, "test": 60},
                synthetic=synthetic,
            )
        )
    obtain = Obtain(command="tfds build <x>", page="https://example.org/voxforge", note="100 GB")
    return NossTaskSet(
        tasks=tasks,
        unavailable=[UnavailableTask(name="voxforge", reason="no folder VoxForge", obtain=obtain)],
    )


def make_model(
    task_set: NossTaskSet,
    model: str,
    mean: float,
    variant: str = "",
    kind: ModelKind = "student",
    *,
    metrics: Mapping[str, Metric] | None = None,
    extras: bool = False,
    **changes: Any,
) -> NossModelResult:
    """A model whose scores lie around ``mean``, each model a little otherwise."""
    own = np.random.default_rng([len(model), *model.encode(), *variant.encode()])
    results = []
    for i, task in enumerate(task_set.tasks):
        metric = (metrics or {}).get(task.record.name, task.record.metric)
        score = float(np.clip(mean + 0.1 * np.sin(i * 1.7) + own.normal(0, 0.015), 0.02, 0.98))
        value = 1 - score if metric == "equal_error_rate" else score
        runs = [
            ProbeRun(
                seed=seed, fold="", probe=("linear", "lda", "knn")[seed], parameter=10.0**-seed,
                validation=score + 0.01, value=value, n_train=99, n_validation=50, n_test=60,
            )
            for seed in range(3)
        ]  # fmt: skip
        results.append(
            TaskResult(
                task=task.record.name, task_digest=task.digest, data_digest=task.data_digest, metric=metric,
                value=value, low=value - 0.04, high=value + 0.04, score=score, d_prime=1.5, validation=score,
                chance=0.2, runs=runs, n_train=99, n_validation=50, n_test=60, n_classes=5,
                n_speakers_test=6, synthetic=task.synthetic,
            )
        )  # fmt: skip
    average = float(np.mean([result.score for result in results]))
    made = NossModelResult(
        model=model, kind=kind, variant=variant, sha256="ab" * 32, embedding_dim=8, tasks=results,
        mean=average, mean_low=average - 0.02, mean_high=average + 0.02, mean_d_prime=1.5, clips=210,
        windows=300, embed_seconds=1.5, licence="Apache-2.0",
    )  # fmt: skip
    if extras:
        papers = [
            PaperResult(
                task=result.task, metric="accuracy", best_on_test=result.score + 0.02,
                chosen_on_validation=result.score, scores=[],
            )
            for result in results
        ]  # fmt: skip
        changes |= {
            "paper": papers,
            "fidelity": Fidelity(cosine=0.91, cka=0.83, neighbour_overlap=0.55, neighbours=10, n=60),
            "robustness": [RobustnessResult(condition="noise 10 dB", mean=0.4, change=-0.1, tasks={}, n=60)],
        }
    return made.model_copy(update=changes)


def write_report(
    folder: Path, results: Sequence[NossModelResult], *, protocol: str = PROTOCOL, **changes: Any
) -> tuple[NossReport, Path]:
    """A report in its folder, with samples around each score: the draws are the same for all models."""
    report = NossReport(protocol=protocol, results=list(results), **changes)
    report.save(folder)
    for result in results:
        samples: dict[str, Any] = {}
        for i, task in enumerate(result.tasks):
            shared = np.random.default_rng(i).normal(0, 0.02, RESAMPLES)
            own = np.random.default_rng([i, *result.name.encode()]).normal(0, 0.004, RESAMPLES)
            samples[task.task] = (task.score + shared + own).astype(np.float32)
        write_samples(folder, result.variant or result.model, samples)
    return report, folder


def write_samples(folder: Path, name: str, samples: Mapping[str, Any]) -> None:
    """The bootstrapped scores of one model, by task, beside its report."""
    (folder / NossReport.SAMPLES).mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / NossReport.SAMPLES / f"{name}.npz",
        tasks=np.array(list(samples)),
        scores=np.stack(list(samples.values())),
    )
