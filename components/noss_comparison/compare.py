"""What separates the models: differences on the same clips, with intervals of the differences.

Two models that answered the same clips are compared by the bootstrap they share: the same draws of clips,
the difference of the two scores in each (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 8). That interval is narrower than what the intervals of the two scores suggest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from components.common.statistics.bootstrap import Samples, paired_interval, read_samples
from components.noss_comparison.rows import best_variants
from components.noss_comparison.settings import NossComparisonSettings
from schemas.comparison_reports import LeftOut, ModelSlices, NossComparison, PairedDifference
from schemas.noss_reports import ModelKind, NossModelResult, NossReport, TfmaSummary
from schemas.noss_task_sets import NossTaskSet
from schemas.settings import UnreadableReport

_LOG = logging.getLogger("tinytrill.noss_comparison")

_ORDER: tuple[ModelKind, ...] = ("control", "baseline", "reference", "teacher", "student")
_FLOAT = "float32"


@dataclass(frozen=True)
class _Model:
    """A model's result, where it lies, and by which protocol it was made."""

    result: NossModelResult
    folder: Path
    protocol: str

    @property
    def file_name(self) -> str:
        return self.result.variant or self.result.model


@dataclass(frozen=True)
class _Compared:
    """A model that can be compared; ``samples`` are its bootstrapped scores ``(tasks, resamples)``."""

    model: _Model
    samples: Samples

    @property
    def result(self) -> NossModelResult:
        return self.model.result


def compare(
    reports: Sequence[tuple[NossReport, Path]],
    task_set: NossTaskSet,
    settings: NossComparisonSettings | None = None,
) -> NossComparison:
    """Compares all models that answered the clips of a task set by one protocol.

    Args:
      reports: Each report with the folder it lies in, which holds its samples and TFMA evaluations.
      task_set: The tasks and clips that count.
      settings: How much is compared.

    Raises:
      ValueError: If no model can be compared.
    """
    settings = settings or NossComparisonSettings()
    left_out = [LeftOut(model=_refused_name(report, variant), reason=f"was refused: {reason}")
                for report, _ in reports for variant, reason in report.refused.items()]  # fmt: skip
    compared: list[_Compared] = []
    models = [
        _Model(result, folder, report.protocol) for report, folder in reports for result in report.results
    ]
    for model in _rule_givers_first(models):
        try:
            compared.append(_admit(model, task_set, compared))
        except _NotComparable as reason:
            left_out.append(LeftOut(model=model.result.name, reason=str(reason)))
    if not compared:
        why = "; ".join(f"{one.model} {one.reason}" for one in left_out) or "the reports hold no result"
        raise ValueError(f"no model can be compared: {why}")

    protocol = compared[0].model.protocol
    compared.sort(key=lambda one: (_ORDER.index(one.result.kind), -one.result.mean, one.result.name))
    teacher = next((one for one in compared if one.result.kind == "teacher"), None)
    bests = {result.name for result in best_variants([one.result for one in compared])}
    candidates = [one for one in compared if one.result.kind == "student" and one.result.name in bests]
    best = candidates[: settings.candidates]
    tasks = [task.record.name for task in task_set.tasks]
    return NossComparison(
        tasks=task_set.tasks,
        unavailable=task_set.unavailable,
        protocol=protocol,
        models=[one.result for one in compared],
        against_teacher=[_difference(one, teacher, tasks) for one in compared if one is not teacher]
        if teacher
        else [],
        against_baselines=[
            _difference(one, other, tasks)
            for one in compared
            if one.result.kind == "student"
            for other in compared
            if other.result.kind in ("baseline", "reference")
        ],
        against_float=list(_against_float(compared, tasks)),
        between_students=[_difference(one, other, tasks) for one, other in combinations(best, 2)],
        paired_candidates=len(best),
        candidates=len(candidates),
        not_comparable=left_out,
        slices=[found for one in compared if (found := _slices(one.model))],
    )


def _against_float(compared: Sequence[_Compared], tasks: Sequence[str]) -> Iterator[PairedDifference]:
    """What each file of a student lost against its float32 file, with the same input if there is one."""
    files = {(one.result.model, one.result.variant): one for one in compared if one.result.variant}
    for (model, variant), one in files.items():
        kind, _, precision = variant.rpartition("-")
        siblings = [
            other
            for (of, name), other in sorted(files.items(), key=lambda item: item[0][1] != f"{kind}-{_FLOAT}")
            if of == model and name.endswith(f"-{_FLOAT}")
        ]
        if precision != _FLOAT and siblings:
            yield _difference(one, siblings[0], tasks)


class _NotComparable(ValueError):
    """Why a model is left out."""


def _rule_givers_first(models: Sequence[_Model]) -> list[_Model]:
    """The teacher's protocol is the one that the others must share; without a teacher, the first's."""
    return sorted(models, key=lambda model: model.result.kind != "teacher")


def _admit(model: _Model, task_set: NossTaskSet, compared: Sequence[_Compared]) -> _Compared:
    """Takes a model in, or says why it cannot be compared."""
    result = model.result
    found = {task.task: task for task in result.tasks}
    wanted = {task.record.name: task for task in task_set.tasks}
    if odd := sorted(found.keys() ^ wanted.keys()):
        raise _NotComparable(f"was measured on {sorted(found)}, not on {sorted(wanted)}: {odd} differ")
    for name, task in wanted.items():
        if found[name].task_digest != task.digest:
            raise _NotComparable(
                f"was measured on another record of {name!r}: digest {found[name].task_digest or 'none'}, "
                f"here {task.digest}"
            )
        if found[name].data_digest != task.data_digest:
            raise _NotComparable(
                f"was measured on other clips of {name!r}: digest {found[name].data_digest or 'none'}, "
                f"here {task.data_digest}"
            )
    samples = _samples(model, list(wanted))
    if compared:
        _hold_to_the_rules(model, samples, compared)
    return _Compared(model, samples)


def _hold_to_the_rules(model: _Model, samples: Samples, compared: Sequence[_Compared]) -> None:
    first = compared[0]
    if model.result.name in {one.result.name for one in compared}:
        raise _NotComparable("has the name of another model, which is in the comparison")
    if model.protocol != first.model.protocol:
        raise _NotComparable(
            f"was measured by another protocol than {first.result.name}: {model.protocol!r}, "
            f"not {first.model.protocol!r}"
        )
    if model.result.code_version != first.result.code_version:
        raise _NotComparable(
            f"was measured by another version of the code than {first.result.name}: "
            f"{model.result.code_version or 'unknown'}, not {first.result.code_version or 'unknown'}"
        )
    metrics = {task.task: task.metric for task in first.result.tasks}
    deciding = {task.task for task in first.result.deciding}
    if {task.task for task in model.result.deciding} != deciding:
        raise _NotComparable(
            f"has a mean of other tasks than {first.result.name}: of "
            f"{', '.join(sorted(task.task for task in model.result.deciding))}, "
            f"not of {', '.join(sorted(deciding))}"
        )
    for task in model.result.tasks:
        if task.metric != metrics[task.task]:
            raise _NotComparable(
                f"was measured by {task.metric} on {task.task!r}, {first.result.name} by {metrics[task.task]}"
            )
    if samples.shape != first.samples.shape:
        raise _NotComparable(
            f"has {samples.shape[1]} bootstrap samples, {first.result.name} has {first.samples.shape[1]}: "
            "they are not of the same draws"
        )


def _samples(model: _Model, tasks: Sequence[str]) -> Samples:
    """Bootstrapped scores ``(tasks, resamples)``."""
    path = model.folder / NossReport.SAMPLES / f"{model.file_name}.npz"
    place = f"{NossReport.SAMPLES}/{path.name}"
    try:
        by_task = read_samples(path)
        samples = np.stack([by_task[task] for task in tasks])
    except FileNotFoundError:
        raise _NotComparable(f"has no bootstrap samples: {place} is not there") from None
    except (KeyError, ValueError) as error:
        raise _NotComparable(f"has bootstrap samples that cannot be read: {place}: {error}") from error
    if samples.ndim != 2 or not samples.size or not np.isfinite(samples).all():
        raise _NotComparable(f"has bootstrap samples that are not finite numbers, one list a task: {place}")
    return samples


def _difference(one: _Compared, other: _Compared, tasks: Sequence[str]) -> PairedDifference:
    apart = one.result.mean - other.result.mean
    deciding = [tasks.index(task.task) for task in other.result.deciding]
    low, high = paired_interval(one.samples[deciding].mean(axis=0), other.samples[deciding].mean(axis=0))
    scores = [{task.task: task.score for task in each.result.tasks} for each in (one, other)]
    return PairedDifference(
        model=one.result.name,
        against=other.result.name,
        difference=apart,
        low=min(low, apart),
        high=max(high, apart),
        tasks={
            task: _held(scores[0][task] - scores[1][task], *paired_interval(one.samples[i], other.samples[i]))
            for i, task in enumerate(tasks)
        },
    )


def _held(apart: float, low: float, high: float) -> tuple[float, float, float]:
    """A difference and its interval, widened to hold it."""
    return apart, min(low, apart), max(high, apart)


def _slices(model: _Model) -> ModelSlices | None:
    """A model's TFMA evaluation, if it has one that can be read."""
    folder = model.folder / NossReport.TFMA / model.file_name
    if not (folder / TfmaSummary.FILE).is_file():
        return None
    try:
        return ModelSlices(model=model.result.name, tfma=TfmaSummary.load(folder))
    except UnreadableReport as error:
        _LOG.warning("%s has no slices: %s", model.result.name, error)
        return None


def _refused_name(report: NossReport, variant: str) -> str:
    return f"{report.results[0].model}/{variant}" if report.results else variant
