"""The bootstrap draws behind the quality of a run's points: draw i of every point is of the same clips."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from components.common.frontier.scales import Floats
from components.common.statistics.bootstrap import read_samples
from schemas.noss_reports import NossReport

MEAN = ""

# A twentieth of what counts as a difference at least, and 32767 of them are more than any score.
_STEP = 1e-4


def read_draws(
    noss: Sequence[tuple[NossReport, Path]],
    tasks: Collection[str],
    unreadable: dict[str, str] | None = None,
) -> dict[str, dict[str, Floats]]:
    """Draws by point and task, :data:`MEAN` for the mean over the tasks that decide.

    A variant whose draws are not there is left out: it is compared by its own interval, which is wider.

    Args:
      noss: Each report with the folder that holds its samples.
      tasks: The single tasks that are wanted besides the mean.
      unreadable: Takes, by point, why its draws cannot be read; None: that is an error.

    Raises:
      ValueError: If a file of draws cannot be read or holds something else.
    """
    found: dict[str, dict[str, Floats]] = {}
    for report, folder in noss:
        for result in report.results:
            path = folder / NossReport.SAMPLES / f"{result.variant or result.model}.npz"
            if not path.is_file():
                continue
            try:
                found[result.name] = _read(path, tasks, [task.task for task in result.deciding])
            except ValueError as error:
                if unreadable is None:
                    raise
                unreadable[result.name] = str(error)
    return found


def pack(draws: Floats) -> str:
    """Draws ``(resamples,)`` of a score as text, rounded to ten thousandths."""
    steps = np.clip(np.rint(draws / _STEP), -32768, 32767).astype("<i2")
    return base64.b64encode(steps.tobytes()).decode()


def unpack(text: str) -> dict[str, Floats]:
    """Draws of the mean as :func:`pack` wrote them; none if there are none, or the text is something else."""
    try:
        stored = base64.b64decode(text, validate=True)
    except binascii.Error:
        return {}
    if not stored or len(stored) % 2:
        return {}
    return {MEAN: np.frombuffer(stored, "<i2").astype(np.float64) * _STEP}


def paired_with(draws: Mapping[str, Floats], own: Sequence[Mapping[str, Floats]]) -> Mapping[str, Floats]:
    """The draws of a registered model, if they are as many as those of this run; else none."""
    resamples = {len(one[MEAN]) for one in own if MEAN in one}
    return draws if {len(drawn) for drawn in draws.values()} <= resamples else {}


def _read(path: Path, tasks: Collection[str], deciding: Sequence[str]) -> dict[str, Floats]:
    try:
        by_task = read_samples(path)
        scores = np.stack(list(by_task.values()))
        mean = np.mean([by_task[task] for task in deciding], axis=0)
    except KeyError as error:
        raise ValueError(f"{path}: bootstrap draws of task {error} are not there") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: bootstrap draws cannot be read: {error}") from error
    if scores.ndim != 2 or not scores.size or not np.isfinite(scores).all():
        raise ValueError(
            f"{path}: bootstrap draws are not finite numbers, one list for each of {list(by_task)}"
        )
    return {MEAN: mean, **{name: row for name, row in by_task.items() if name in tasks}}
