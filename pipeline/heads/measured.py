"""A head, trained and measured by the benchmark's strict protocol: chosen on validation, tested once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from components.noss_evaluator.folds import Part, parts_of
from components.noss_evaluator.metrics import Answers
from components.noss_evaluator.probes.fitted import FittedProbe
from components.noss_evaluator.probes.scaling import Matrix
from components.noss_evaluator.settings import NossEvaluatorSettings, StrictProtocol
from components.noss_evaluator.strict import Run, fit_part, run_part, summarise
from components.noss_evaluator.tasks import NossTask, TaskEvaluation, class_indices, sounds_of
from pipeline.configuration.config_file import ConfigError
from pipeline.heads.embedded import Embedded
from pipeline.heads.sigmoids import calibrate, fit_sigmoids
from schemas.head_reports import Sigmoid

# A split that is given stays, and so do drawn folds: nothing is drawn anew for other seeds.
PROTOCOL = NossEvaluatorSettings(
    strict=StrictProtocol(
        probes=("linear", "lda", "mlp"),
        c_grid=(1e-3, 1e-2, 1e-1, 1.0, 10.0),
        seeds=1,
        min_test_speakers=1,
    ),
    resamples=1000,
)


@dataclass(frozen=True)
class Measured:
    """A head and what it was measured to be.

    Attributes:
      probe: What goes into the file.
      windows: Each window judged alone.
      clips: Each clip judged by the mean of its windows' scores.
      trained_on: Which clips the probe was fitted on and chosen by, in words.
      measured_by: Which clips the figures rest on, in words.
      sigmoids: That calibrate the scores, one a label; empty: none were asked for.
      calibrated: The windows with scores calibrated by sigmoids that were fitted without them; None: none
        were asked for.
    """

    probe: FittedProbe
    windows: TaskEvaluation
    clips: TaskEvaluation
    trained_on: str
    measured_by: str
    sigmoids: list[Sigmoid]
    calibrated: TaskEvaluation | None


def train_and_measure(embedded: Embedded, seed: int, calibrated: bool = False) -> Measured:
    """Trains on train, chooses on validation and measures on test, window by window.

    Where splits are given, the head that is measured is the one that ships. Where folds were drawn, each fold
    is tested by a head that was made without it, and the one that ships is made in the same way from all.

    Args:
      embedded: The clips.
      seed: Of the bootstrap.
      calibrated: Whether scores are to be calibrated.

    Raises:
      ConfigError: If a head cannot be trained, judged or calibrated on these clips.
    """
    task = embedded.by_window
    try:
        parts = parts_of(task, PROTOCOL.strict, seed)
        for part in parts:
            _check_train(task, part)
        started = time.perf_counter()
        runs = [run_part(task, part, embedded.windows, PROTOCOL.strict) for part in parts]
        seconds = time.perf_counter() - started
        windows = summarise(task, runs, PROTOCOL.resamples, seed, seconds)
        clips = summarise(
            embedded.task, [_by_clip(embedded, run) for run in runs], PROTOCOL.resamples, seed, seconds
        )
        probe, trained_on, measured_by = _shipped(task, runs, embedded.windows)
    except ValueError as error:
        raise ConfigError(f"--task: {error}") from error
    sigmoids: list[Sigmoid] = []
    by_sigmoids = None
    if calibrated:
        try:
            sigmoids, runs = _calibrated(task, runs, embedded.windows)
        except ValueError as error:
            raise ConfigError(f"--calibrate: {error}; accepted: more clips, or scores as they are") from error
        by_sigmoids = summarise(task, runs, PROTOCOL.resamples, seed)
    return Measured(probe, windows, clips, trained_on, measured_by, sigmoids, by_sigmoids)


def _check_train(task: NossTask, part: Part) -> None:
    absent = sorted(set(task.classes) - {clip.label for clip in part.train})
    if absent:
        raise ValueError(
            f"no clip of {', '.join(map(repr, absent))} is left to train by when fold {part.fold!r} is "
            "tested; accepted: more speakers of each label, or splits of your own"
        )


def _calibrated(task: NossTask, runs: Sequence[Run], windows: Matrix) -> tuple[list[Sigmoid], list[Run]]:
    """The sigmoids that ship, and the runs calibrated by sigmoids that were fitted without their answers."""
    if len(runs) == 1:  # given splits: by validation
        (run,) = runs
        held_out = run.part.validation
        answers = Answers(
            class_indices(task.classes, held_out), run.probe.probabilities(windows[sounds_of(held_out)])
        )
        sigmoids = _fitted(task, [answers])
        return sigmoids, [_by_sigmoids(run, sigmoids)]
    answers_of = [run.answers for run in runs]
    return _fitted(task, answers_of), [
        _by_sigmoids(run, _fitted(task, [one for one in answers_of if one is not run.answers]))
        for run in runs
    ]


def _fitted(task: NossTask, answers: Sequence[Answers]) -> list[Sigmoid]:
    scores = np.concatenate([one.probabilities for one in answers])
    return fit_sigmoids(scores, np.concatenate([one.truth for one in answers]), task.classes)


def _by_sigmoids(run: Run, sigmoids: Sequence[Sigmoid]) -> Run:
    return replace(
        run,
        answers=replace(run.answers, probabilities=calibrate(run.answers.probabilities, sigmoids)),
    )


def _by_clip(embedded: Embedded, run: Run) -> Run:
    """A run's answers about clips: the mean of the scores of each one's windows."""
    said: dict[int, Matrix] = {
        window.sound: row for window, row in zip(run.part.test, run.answers.probabilities, strict=True)
    }
    tested = {window.clip_id.rpartition("#")[0] for window in run.part.test}
    clips = tuple(clip for clip in embedded.task.clips if clip.clip_id in tested)
    means = np.stack(
        [
            np.mean([said[row] for row in embedded.windows_of(clip)], axis=0, dtype=np.float64)
            for clip in clips
        ]
    ).astype(np.float32)
    truth = class_indices(embedded.task.classes, clips)
    part = replace(run.part, test=clips)
    return Run(part, run.probe, Answers(truth, means, embedded.task.positive))


def _shipped(task: NossTask, runs: Sequence[Run], windows: Matrix) -> tuple[FittedProbe, str, str]:
    if task.ingested.record.split.rule != "folds":
        (run,) = runs
        return (
            run.probe,
            "the clips of train; chosen by those of validation",
            "the clips of test, which this very head was asked about once",
        )
    held_out = runs[0].part.fold
    part = Part(
        seed=0,
        fold="",
        train=tuple(clip for clip in task.clips if clip.group != held_out),
        validation=tuple(clip for clip in task.clips if clip.group == held_out),
        test=(),
    )
    _check_train(task, part)
    return (
        fit_part(task, part, windows, PROTOCOL.strict),
        f"the clips of all folds but {held_out}; chosen by those of fold {held_out}",
        f"all clips, by {len(runs)} heads made in the same way, each without the fold that it was asked "
        "about (cross-validation)",
    )


def confusion(evaluation: TaskEvaluation) -> list[list[int]]:
    """How often each label was answered as which: a row a label, a column an answer."""
    classes = evaluation.task.classes
    table = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(table, (class_indices(classes, evaluation.tested), evaluation.predicted), 1)
    return [[int(cell) for cell in row] for row in table]
