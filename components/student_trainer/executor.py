"""Trains one student and writes it down."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from components.common.modeling.checkpoint import Checkpoints
from components.common.modeling.student import save_weights
from components.common.store.arrays import UnreadableWeights
from components.common.store.computed import key_of
from components.common.store.publishing import forget_unused, make_once, mark_used
from components.common.tfx.executors import TaskExecutor
from components.student_trainer.component import StudentTrainer
from components.student_trainer.distribution import Workers
from components.student_trainer.settings import Siblings
from components.student_trainer.training import Training
from components.student_trainer.warm_start import NothingToStartFrom, Start, save_heads
from components.student_trainer.window_store import open_store
from schemas.distillation_reports import DistillationSetInfo
from schemas.search_reports import SearchReport
from schemas.settings import UnreadableReport
from schemas.student_reports import LEAST_EXPLAINED, StudentInfo

log = logging.getLogger("tinytrill.student_trainer")


class Executor(TaskExecutor[StudentTrainer]):
    """Opens the windows, trains, saves."""

    def run(self, task: StudentTrainer) -> None:
        """Trains the student of the given parameters; an interrupted training goes on.

        A training that ends in numbers that are not finite is a result: a description with the reason and
        without weights. So is a candidate that a search leaves out. What a search lets train is kept in the
        scratch folder too: a later search, whose decision is another artifact, finds it there.
        """
        workers = Workers.join()
        windows_uri, model_uri = task.windows.uri, task.model.uri
        front_end = task.spec.front_end_in(task.front_end)
        start_uri = task.start.uri if task.start else ""
        scratch, code = task.scratch_dir, task.code_digest
        training = Training(
            spec=task.spec,
            front_end=front_end,
            settings=task.settings,
            target_info=DistillationSetInfo.load(windows_uri),
            train=open_store(windows_uri, "train", front_end, Path(scratch), code),
            held_out=open_store(windows_uri, "eval", front_end, Path(scratch), code),
            seed=task.seed,
            checkpoints=Checkpoints.of(scratch, _identity(task, start_uri)),
            workers=workers,
            followed=task.siblings is None,
        )
        if why := _left_out(task):
            log.info("%s: %s", task.spec.candidate_id, why)
            training.failed(why).model_copy(update={"left_out": True}).save(model_uri)
            return
        try:
            training.start = Start.read(start_uri) if start_uri else None
        except (NothingToStartFrom, UnreadableReport, UnreadableWeights) as error:
            _write_down(training, f"{training.spec.candidate_id}: nothing to start from: {error}", model_uri)
            return
        kept = _kept(task, training)
        if kept and kept.is_dir():
            log.info("%s: was trained before", task.spec.candidate_id)
            mark_used(kept)
            shutil.copytree(kept, model_uri, dirs_exist_ok=True)
            return
        try:
            trained = training.run()
        except FloatingPointError as error:
            _write_down(training, str(error), model_uri, task.siblings)
            return
        info = trained.info
        if task.siblings:
            info = info.model_copy(update={"screen": training.screen(trained.student, task.siblings)})
        say_if_untaught(info)
        if workers.is_chief:
            Path(model_uri).mkdir(parents=True, exist_ok=True)
            save_weights(trained.student, model_uri)
            save_heads(trained.heads, model_uri)
            info.save(model_uri)
            if kept:
                _keep(model_uri, kept)
            training.checkpoints.remove()


def _left_out(task: StudentTrainer) -> str:
    """Why a search leaves the candidate out; empty if it does not, or there is no search."""
    if task.decision is None:
        return ""
    return SearchReport.load(task.decision.uri).left_out(task.spec.candidate_id)


def _kept(task: StudentTrainer, training: Training) -> Path | None:
    """Where a search keeps the trained student; None without a search."""
    if task.decision is None:
        return None
    start = training.start.digest if training.start else ""
    return Path(task.scratch_dir) / "students" / _identity(task, start)


def say_if_untaught(info: StudentInfo) -> None:
    """Warns of a student that explains next to nothing of its held-out targets."""
    if info.learnt_nothing:
        log.warning(
            "%s: learnt next to nothing: it explains %.1f %% of the variance of its held-out targets, less "
            "than %.0f %%",
            info.candidate_id,
            100 * info.target_variance_explained,
            100 * LEAST_EXPLAINED,
        )


def _keep(model_uri: str, kept: Path) -> None:
    def copy(partial: Path) -> None:
        shutil.copytree(model_uri, partial)

    forget_unused(kept.parent, "*")
    make_once(kept, copy)


def _write_down(training: Training, failure: str, model_uri: str, siblings: Siblings | None = None) -> None:
    """Writes a candidate down as failed."""
    log.warning("%s", failure)
    if training.workers.is_chief:
        screen = training.screen(None, siblings) if siblings else None
        training.failed(failure).model_copy(update={"screen": screen}).save(model_uri)
        training.checkpoints.remove()


def _identity(task: StudentTrainer, start: str) -> str:
    """What makes two trainings the same: a checkpoint is never taken from another one.

    Args:
      task: The training.
      start: What it starts from: a folder, or a digest of the weights.
    """
    settings = [part.to_parameter() for part in (task.spec, task.settings, task.front_end)]
    return key_of(task.windows.uri, start, settings, task.seed, task.code_digest)
