"""What is said of each report: a few lines for a card, and all facts for those who look closer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.distillation_reports import DistillationSetInfo
from schemas.footprints import Footprint
from schemas.ingest_reports import IngestReport
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.noss_reports import NossModelResult
from schemas.noss_task_sets import NossTaskSet
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteVariant
from schemas.trained_teacher import TrainedTeacherInfo
from schemas.verdicts import DeviceVerdict, FrontierPoint

NOT_STATED = "not stated"
_TASKS_SHOWN = 3


@dataclass(frozen=True)
class Summary:
    """What is said of a node.

    Attributes:
      title: A few words.
      lines: What a person wants to know first.
      facts: Everything else, in order.
    """

    title: str
    lines: list[str]
    facts: dict[str, str] = field(default_factory=dict)


def corpus(report: IngestReport) -> Summary:
    """The clips a student learns from."""
    clips = sum(split.clips for split in report.splits.values())
    hours = sum(split.hours for split in report.splits.values())
    left_out = sum(sum(split.quarantined.values()) for split in report.splits.values())
    facts = {
        name: f"{counted(split.clips, 'clip')}, {split.hours:.2f} h; "
        + (", ".join(f"{n} {reason}" for reason, n in split.quarantined.items()) or "none left out")
        for name, split in report.splits.items()
    }
    return Summary(
        "Corpus",
        [
            f"{counted(clips, 'clip')}, {hours:.2f} h",
            "synthesised" if report.synthetic else f"{left_out:,} left out",
            f"licence {_licences(report.licences)}",
        ],
        {
            "source": report.source,
            "licence": _licences(report.licences),
            "digest": report.digest,
            **facts,
        },
    )


def tasks(tasks: NossTaskSet) -> Summary:
    """The tasks that judge."""
    clips = sum(sum(task.n_used.values()) for task in tasks.tasks)
    facts = {
        task.record.name: ", ".join(f"{split} {n}" for split, n in task.n_used.items())
        + f"; clips {task.data_digest}, record {task.digest}; licence {task.record.licence or NOT_STATED}"
        for task in tasks.tasks
    }
    absent = {task.name: f"not here: {task.reason}" for task in tasks.unavailable}
    return Summary(
        "NOSS tasks",
        [
            f"{counted(len(tasks.tasks), 'task')}, {counted(clips, 'clip')}",
            ", ".join(task.record.name for task in tasks.tasks),
        ],
        {**facts, **absent},
    )


def trained_teacher(info: TrainedTeacherInfo) -> Summary:
    """A teacher that the run trained."""
    return Summary(
        "Teacher",
        [
            "trained by this pipeline",
            f"{info.parameters / 1e6:.2f} M weights",
            f"{info.network.embedding_dim} dimensions",
        ],
        {
            "objective": info.objective,
            "triplet accuracy": f"{info.triplet_accuracy:.3f}",
            "best epoch": f"{info.best_epoch} of {len(info.epochs)}",
            "clips": ", ".join(f"{name} {n}" for name, n in info.clips.items()),
            "seed": str(info.seed),
        },
    )


def windows(info: DistillationSetInfo) -> Summary:
    """What a student learns: sound, and the teacher's answer to it."""
    return Summary(
        "Distillation set",
        [
            counted(sum(info.windows.values()), "window"),
            f"{info.target_dim} dimensions",
            f"from {info.teacher}",
        ],
        {
            "windows": ", ".join(f"{name} {n}" for name, n in info.windows.items()),
            "augmented": ", ".join(f"{name} {n}" for name, n in info.augmented.items()),
            "digest": info.digest,
            "teacher": info.teacher,
            "teacher sha256": info.teacher_digest,
            "teacher licence": info.teacher_licence or NOT_STATED,
        },
    )


def student(info: StudentInfo) -> Summary:
    """A trained student."""
    phases = list(dict.fromkeys(epoch.phase for epoch in info.epochs))
    return Summary(
        info.candidate_id,
        [
            f"{info.parameters / 1e6:.2f} M weights",
            f"{counted(len(info.epochs), 'epoch')}: {', '.join(phases)}",
            f"explains {info.target_variance_explained:.0%} of the teacher",
        ],
        {
            "best epoch": str(info.best_epoch),
            "steps": f"{info.steps:,}, {info.total_steps:,} with those of the candidates it started from"
            if info.total_steps
            else f"{info.steps:,}",
            "seed": str(info.seed),
            "warm start": info.warm_start or "none",
            **info.spec.levels(info.front_end),
        },
    )


def tflite_file(variant: TfliteVariant) -> Summary:
    """One TFLite file."""
    facts = {
        "sha256": variant.sha256,
        "bytes": f"{variant.bytes:,}",
        "inputs": ", ".join(f"{t.name} {t.dtype} {t.shape}" for t in variant.inputs),
        "outputs": ", ".join(f"{t.name} {t.dtype} {t.shape}" for t in variant.outputs),
    }
    if variant.parity:
        facts["parity"] = (
            f"cosine {variant.parity.cosine_mean:.4f} on {counted(variant.parity.n, 'window')}, "
            f"at least {variant.parity.cosine_min:.4f}"
        )
    lines = [f"{variant.bytes / 2**20:.2f} MiB", f"sha256 {variant.sha256[:12]}…"]
    if variant.parity:
        lines.insert(1, f"parity {variant.parity.cosine_mean:.4f}")
    return Summary(variant.name, lines, facts if variant.accepted else {**facts, "refused": variant.reason})


def noss(result: NossModelResult) -> Summary:
    """How good a file is."""
    best = sorted(result.tasks, key=lambda task: task.task)
    shown = len(best) if len(best) <= _TASKS_SHOWN else _TASKS_SHOWN - 1
    facts = {
        task.task: f"{task.metric} {task.value:.3f} [{task.low:.3f}, {task.high:.3f}], "
        f"{counted(task.n_test, 'clip')}, chance {task.chance:.3f}"
        for task in best
    }
    return Summary(
        "NOSS",
        [
            f"mean {result.mean:.3f}",
            f"[{result.mean_low:.3f}, {result.mean_high:.3f}]",
            *(f"{task.task} {task.score:.3f}" for task in best[:shown]),
            *([f"and {len(best) - shown} more tasks"] if len(best) > shown else []),
        ],
        {"sha256": result.sha256, **facts},
    )


def latency(report: LatencyReport, measured: LatencyMeasurement) -> Summary:
    """How fast a file is on one device."""
    machine = report.machine
    typical = measured.p50_ms if measured.statistic == "median" and measured.p50_ms else measured.mean_ms
    name = "p50" if measured.statistic == "median" else "mean"
    return Summary(
        f"Latency on {machine.profile}",
        [
            f"{name} {typical:.3g} ms",
            f"[{measured.spread_low_ms:.3g}, {measured.spread_high_ms:.3g}]",
            machine.name,
            "a device" if machine.is_device else "a host, no device",
        ],
        {
            "sha256": measured.sha256,
            "machine": f"{machine.name}, {machine.os}",
            "runtime": f"{machine.runtime}, {machine.delegate}, {counted(machine.threads, 'thread')}",
            "runs": f"{measured.n} in {counted(measured.sessions, 'session')}",
            "ratio to the reference": f"{measured.ratio:.3f} "
            f"[{measured.ratio_low:.3f}, {measured.ratio_high:.3f}]",
            "valid": "yes" if measured.valid else f"no: {'; '.join(measured.reasons)}",
            "begun": report.started,
        },
    )


def footprint(report: LatencyReport, found: Footprint) -> Summary:
    """What a file needs of a board."""
    machine = report.machine
    return Summary(
        f"Footprint on {machine.profile}",
        [f"{found.arena_kib:.4g} KiB arena", f"{found.mega_macs:.3g} M multiply-accumulates", machine.name],
        {
            "sha256": found.sha256,
            "runtime": machine.runtime,
            "arena": f"{found.arena_bytes:,} bytes: {found.shared_bytes:,} shared, "
            f"{found.persistent_bytes:,} persistent",
            "flash": f"{found.bytes:,} bytes",
            "golden vectors": f"{found.windows}, largest difference {found.golden_difference:.3g} "
            f"{'steps' if found.step else 'of the largest value'}",
            "begun": report.started,
        },
    )


def decision(device: DeviceVerdict, point: FrontierPoint) -> Summary:
    """What the gate said of a file on one device."""
    met = sum(goal.met for goal in point.goals)
    blessed = point.blessed and not device.closed
    why = [f"the gate is closed: {reason}" for reason in device.closed] or point.reasons
    lines = [
        f"{point.quality_of_teacher:.1%} of the teacher",
        f"meets {met} of {counted(len(point.goals), 'goal')}" if point.goals else "no goals were set",
        "on the frontier" if point.on_frontier else f"beaten by {counted(len(point.dominated_by), 'point')}",
    ]
    facts = {
        "decision": "blessed" if blessed else f"not blessed: {'; '.join(why)}",
        "sha256": point.sha256,
        "quality": f"{point.quality:.4f} [{point.quality_low:.4f}, {point.quality_high:.4f}]",
        **(
            {"on a board": point.cost_words}
            if point.latency_ms is None
            else {
                "latency": f"{point.latency_ms:.4g} ms [{point.latency_low_ms:.4g}, "
                f"{point.latency_high_ms:.4g}]"
            }
        ),
        **{
            f"goal: {goal.goal}": goal.outcome + (f", {goal.value:.4g}" if goal.value is not None else "")
            for goal in point.goals
        },
    }
    if point.dominated_by:
        facts["beaten by"] = ", ".join(point.dominated_by)
    return Summary(f"{'Blessed' if blessed else 'Not blessed'} for {device.device}", lines, facts)


def counted(number: int, noun: str) -> str:
    """As in '1,204 clips'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _licences(licences: dict[str, str]) -> str:
    said: Iterable[str] = dict.fromkeys(licences.values())
    return ", ".join(said) or NOT_STATED
