"""The room and the time that a run takes, estimated from its tables and from its teacher's speed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from components.common.audio.framing import window_offsets
from components.student_trainer.phases import training_epochs
from pipeline.configuration.config import RunConfig
from pipeline.configuration.resolved import TEACHER
from pipeline.doctor import MEMORY_GIB, check_memory
from pipeline.local.layout import RunLayout
from pipeline.preflight.corpus import Table
from pipeline.preflight.teacher import AskedTeacher
from pipeline.preflight.training_time import seconds_per_window
from pipeline.terminal.words import counted

_RATE = 16_000
_PCM_BYTES = 2
_TARGET_BYTES = 2
_STORED_BYTES = 2  # of a log-mel, and of the target that is kept with it
# Measured on recordings, of 16-bit PCM.
_FLAC_SHARE = 0.5
_GIB = 2**30


def estimate(
    config: RunConfig, layout: RunLayout, tables: Sequence[Table], asked: Sequence[AskedTeacher]
) -> Iterator[str]:
    """The room on the disk and the time, as lines; none where the corpus is synthesised.

    Args:
      config: Resolved.
      layout: The run's folder; need not be there.
      tables: Of the corpus.
      asked: The teacher first, unless the run trains it.
    """
    if not tables:
        return
    clips = sum(table.taken for table in tables)
    seconds = sum(table.seconds for table in tables)
    windows = sum(_windows(table, config) for table in tables)
    teacher = next((one for one in asked if one.key == TEACHER), None)
    dim = teacher.dim if teacher else 0
    share = _FLAC_SHARE if config.distillation.storage == "flac" else 1.0
    window_bytes = share * _PCM_BYTES * config.distillation.window_samples + _TARGET_BYTES * dim
    candidates = config.students.expand()
    front_ends = {one.front_end_in(config.front_end) for one in candidates}
    # Of each window, once for all students that share a front end.
    stored = sum(one.mels * one.frames_in(config.distillation.window_samples) + dim for one in front_ends)
    disk = seconds * _RATE * _PCM_BYTES + windows * (window_bytes + _STORED_BYTES * stored)
    folder = layout.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    yield (
        f"disk: about {disk / _GIB:.3g} GiB for {clips:,} clips and {windows:,} windows, with log-mels of "
        f"{counted(len(front_ends), 'front end')}, if no clip is missing; {free / _GIB:.3g} GiB are free "
        f"under {folder}"
    )
    if disk > free:
        yield f"disk: WARNING: that is more than is free under {folder}; choose another --output, or a limit"
    yield f"memory: a run may take {MEMORY_GIB:g} GiB and what its teacher needs; {check_memory().detail}"
    epochs = config.training.epochs
    per_epoch = config.training.max_epoch_windows or windows
    batch = config.training.batch_size
    search = config.search
    steps = [
        (epochs if config.search else training_epochs(one, config.training))
        * max(1, min(per_epoch, windows) // batch)
        for one in candidates
    ]
    each = seconds_per_window(candidates, config.front_end)
    seconds = sum(
        count * batch * each[one.architecture, one.front_end_in(config.front_end)]
        for count, one in zip(steps, candidates, strict=True)
    )
    if search:
        training = (
            f"about {_duration(search.budget * seconds)} for the trainings of the search, "
            f"{search.budget:.1%} of {_duration(seconds)} for {counted(len(candidates), 'candidate')} in "
            "full (from the speed of each network on this machine now)"
        )
    else:
        training = (
            f"about {_duration(seconds)} to train {counted(len(candidates), 'candidate')} one after the "
            f"other, {sum(steps):,} steps (from the speed of each network on this machine now)"
        )
    if teacher:
        workers = config.execution.beam_workers
        asking = windows / max(teacher.windows_per_second * workers, 1e-9)
        yield f"time: about {_duration(asking)} for the teacher to answer all windows, then {training}"
    else:
        yield f"time: a teacher to be trained first, then {training}"


def _duration(seconds: float) -> str:
    if seconds < 2 * 60:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 3600:.3g} hours" if seconds >= 2 * 3600 else f"{seconds / 60:.3g} minutes"


def _windows(table: Table, config: RunConfig) -> int:
    if not table.taken:
        return 0
    samples = max(1, round(table.seconds / table.taken * _RATE))
    distillation = config.distillation
    each = len(window_offsets(samples, distillation.window_samples, distillation.hop_samples))
    copies = 1.0 + (distillation.augment.copies if table.split == "train" else 0.0)
    return round(table.taken * each * copies)
