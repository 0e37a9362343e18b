"""What a NOSS result says that cannot be true, of itself and beside the teacher's."""

from __future__ import annotations

from collections import Counter

from schemas import faults
from schemas.comparison_reports import NossComparison, PairedDifference
from schemas.noss_reports import NossModelResult, NossReport, ProbeRun, TaskResult
from schemas.noss_tasks import SMALLER_IS_BETTER

# What must be the same of a model's and the teacher's figures on a task, or they answered other questions.
_SHARED = (
    "task_version",
    "task_digest",
    "data_digest",
    "metric",
    "synthetic",
    "n_train",
    "n_validation",
    "n_test",
    "n_classes",
)


def result_faults(result: NossModelResult) -> list[str]:
    """What a result says of itself that cannot be true; empty if it can."""
    if found := faults.malformed(result):
        return found
    if not result.tasks:
        return ["evaluated on no task"]
    mean = {"mean": result.mean, "mean_low": result.mean_low, "mean_high": result.mean_high}
    scores = {task.task: task.score for task in result.tasks}
    if found := faults.not_finite({**mean, **scores}):
        return found
    found = [
        f"{task} is there {count} times"
        for task, count in Counter(task.task for task in result.tasks).items()
        if count > 1
    ]
    found += faults.no_shares({**mean, **scores})
    found += faults.outside("mean", result.mean, result.mean_low, result.mean_high)
    if not result.deciding:
        return [*found, "none of its tasks enters the mean"]
    together = sum(task.score for task in result.deciding) / len(result.deciding)
    found += faults.differs("mean", result.mean, together, "its tasks' scores have the mean")
    counts = {"embedding_dim": result.embedding_dim, "clips": result.clips, "windows": result.windows}
    found += faults.not_above_zero(counts)
    if result.kind == "student":
        found += faults.no_sha256("sha256", result.sha256)
    return found + [f"{task.task}: {words}" for task in result.tasks for words in task_faults(task)]


def task_faults(task: TaskResult) -> list[str]:
    """What the figures on one task cannot be; empty if they can."""
    figures = {
        "value": task.value,
        "low": task.low,
        "high": task.high,
        "score": task.score,
        "chance": task.chance,
        **{str(metric): value for metric, value in task.metrics.items()},
    }
    if found := faults.not_finite({**figures, "d_prime": task.d_prime}):
        return found
    found = faults.no_shares(figures)
    found += faults.outside("value", task.value, task.low, task.high)
    expected = 1 - task.value if task.metric in SMALLER_IS_BETTER else task.value
    found += faults.differs("score", task.score, expected, f"its {task.metric} makes it")
    if task.metric in task.metrics:
        found += faults.differs(task.metric, task.metrics[task.metric], task.value, "its value is")
    found += _count_faults(task)
    found += faults.no_digest("data_digest", task.data_digest)
    found += faults.no_digest("task_digest", task.task_digest)
    return found + _run_faults(task)


def beside_teacher(result: NossModelResult, teacher: NossModelResult) -> list[str]:
    """How a result's tasks differ from the teacher's, with which it is compared; empty if they do not."""
    theirs = {task.task: task for task in teacher.tasks}
    found = [
        f"{task.task}: it enters the mean of one of the two and not that of the other"
        for task in result.tasks
        if task.task in theirs and bool(task.shown_only) != bool(theirs[task.task].shown_only)
    ]
    return found + [
        f"{task.task}: {name} is {getattr(task, name)!r}, the teacher's {getattr(theirs[task.task], name)!r}"
        for task in result.tasks
        if task.task in theirs
        for name in _SHARED
        if getattr(task, name) != getattr(theirs[task.task], name)
    ]


def report_faults(report: NossReport) -> list[str]:
    """What a whole report says that cannot be true, or why its rules decide nothing; empty if they may."""
    found = [] if report.protocol else ["it names no protocol"]
    for check in report.sanity:
        if not check.passed or not check.value <= check.limit:
            found.append(
                f"its protocol leaks: {check.check} scores {check.value:.4g} on {check.task}, "
                f"at most {check.limit:.4g}"
            )
    return found


def faults_in_report(result: NossModelResult, report: NossReport) -> list[str]:
    """How a result contradicts the rest of its report; empty if it does not."""
    found = report_faults(report)
    if [one.name for one in report.results].count(result.name) > 1:
        found.append("it is reported more than once")
    if result.variant in report.refused:
        found.append(f"it is also reported to be refused: {report.refused[result.variant]}")
    if result.kind != "student":
        found.append(f"it is the result of a {result.kind}")
    return found


def comparison_faults(
    result: NossModelResult, teacher: NossModelResult, comparison: NossComparison
) -> list[str]:
    """How the comparison of all models contradicts a model's result; empty if it does not."""
    found = [
        f"the comparison has other figures of it: mean {one.mean:.6g} of sha256 {one.sha256[:12] or 'none'}"
        for one in comparison.models
        if one.name == result.name and _deciding(one) != _deciding(result)
    ]
    differences = [one for one in comparison.against_teacher if one.model == result.name]
    if len(differences) > 1:
        found.append(f"it is compared with the teacher {len(differences)} times")
    if differences and result.name in {one.model for one in comparison.not_comparable}:
        found.append("it is compared with the teacher, and called not comparable")
    found += [
        words for one in differences for words in _difference_faults(one, result, teacher, "the teacher")
    ]
    others = {model.name: model for model in comparison.models}
    beside = [one for one in comparison.against_baselines if one.model == result.name]
    for one in beside:
        if one.against not in others:
            found.append(f"it is compared with {one.against!r}, which the comparison has no figures of")
        else:
            found += _difference_faults(one, result, others[one.against], one.against)
    if len({one.against for one in beside}) < len(beside):
        found.append("it is compared with a baseline more than once")
    return found


def _deciding(result: NossModelResult) -> tuple[object, ...]:
    """What decides of a result: means, scores and their intervals."""
    tasks = sorted((task.task, task.score, task.low, task.high) for task in result.tasks)
    return result.sha256, result.mean, result.mean_low, result.mean_high, tasks


def _difference_faults(
    one: PairedDifference, result: NossModelResult, other: NossModelResult, name: str
) -> list[str]:
    """What is wrong with the difference of a result from another one, called ``name``."""
    figures = {"difference": one.difference, "low": one.low, "high": one.high}
    of_tasks = {f"{task}[{i}]": end for task, ends in one.tasks.items() for i, end in enumerate(ends)}
    if found := faults.malformed(one) or faults.not_finite({**figures, **of_tasks}):
        return [f"against {name}: {words}" for words in found]
    found = faults.no_shares(figures, least=-1.0)
    found += faults.outside("difference", one.difference, one.low, one.high)
    found += faults.differs("difference", one.difference, result.mean - other.mean, "the means differ by")
    if one.against != other.name:
        found.append(f"it is the difference from {one.against!r}, not from {other.name!r}")
    return [f"against {name}: {words}" for words in found]


def _count_faults(task: TaskResult) -> list[str]:
    found = faults.not_above_zero(
        {"n_train": task.n_train, "n_validation": task.n_validation, "n_test": task.n_test}
    )
    if task.n_classes < 2:
        found.append(f"{task.n_classes} classes")
    if not 0 <= task.n_speakers_test <= max(task.n_test, 0):
        found.append(f"{task.n_speakers_test} speakers of {task.n_test} test clips")
    if task.n_used and task.n_test > task.n_used:
        found.append(f"{task.n_test} test clips of {task.n_used} that were used")
    if task.n_original and task.n_used > task.n_original:
        found.append(f"{task.n_used} clips used of {task.n_original}")
    return found


def _run_faults(task: TaskResult) -> list[str]:
    found = [words for run in task.runs for words in _probe_faults(run)]
    if not task.runs or found:
        return found
    # A run on whose test clips the metric is not defined is left out of the mean.
    told = [run.value for run in task.runs if run.value == run.value]
    if not told:
        return ["its value is defined in none of its runs"]
    return faults.differs("value", task.value, sum(told) / len(told), "its runs have the mean")


def _probe_faults(run: ProbeRun) -> list[str]:
    place = f"run {run.seed}{f', fold {run.fold}' if run.fold else ''}"
    counts = {"n_train": run.n_train, "n_validation": run.n_validation, "n_test": run.n_test}
    found = faults.not_above_zero(counts)
    if run.value == run.value:
        found += faults.no_shares({"value": run.value})
    return [f"{place}: {words}" for words in found]
