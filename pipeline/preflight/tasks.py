"""The tasks: their clips listed, some of them decoded, and what the gate demands of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.common.audio.errors import AudioError
from components.common.audio.sounds import decode_files
from components.common.frontier.settings import GateSettings, Goal
from components.noss_ingest.plan import request_of
from components.noss_ingest.rows import SourceMissing, TaskRow
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.sources import TaskSources
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.gate_checks import unknown_tasks
from schemas.noss_tasks import TfdsSource

_DECODED = 3
_SHOWN = 10


@dataclass(frozen=True)
class SeenTask:
    """A task that is asked for.

    Attributes:
      name: Of the task.
      rows: Its clips, with splits; empty if TensorFlow Datasets keeps them, which reads them in the run.
      here: Whether its sound is here.
    """

    name: str
    rows: Sequence[TaskRow] = ()
    here: bool = True


def read_tasks(sources: TaskSources, settings: NossIngestSettings) -> list[SeenTask]:
    """Lists the clips of all tasks that are here, and decodes some of each.

    Args:
      sources: The tasks that are asked for.
      settings: How their clips are decoded.

    Raises:
      ConfigError: If what is there is malformed, or none of the clips that were tried can be read.
    """
    seen = []
    try:
        for task in sources.tasks:
            name = task.record.name
            try:
                if isinstance(task.source, TfdsSource):
                    seen.append(SeenTask(name))
                    continue
                if not task.listed[0]:
                    raise ConfigError(f"task {name}: there are no clips in its folder's manifest")
            except SourceMissing:
                seen.append(SeenTask(name, here=task.may_be_fetched))
                continue
            _check_readable(name, task.rows, settings)
            seen.append(SeenTask(name, task.rows))
    except ValueError as error:
        raise ConfigError(f"{sources.key}: {error}") from error
    return seen


def in_words(seen: Sequence[SeenTask]) -> Iterator[str]:
    """The tasks in a line or two."""
    here = [f"{one.name} ({len(one.rows):,} clips)" if one.rows else one.name for one in seen if one.here]
    yield f"tasks: {', '.join(here)}"
    absent = [one.name for one in seen if not one.here]
    if absent:
        yield f"tasks not here, left out: {', '.join(absent)} (noss ls says how to get them)"


def check_goals(gate: GateSettings, seen: Sequence[SeenTask]) -> None:
    """Refuses demands on tasks or slices that the run will not have.

    Raises:
      ConfigError: Listing each fault with its place and what is accepted, one a line.
    """
    here = {one.name: one for one in seen if one.here}
    faults = list(unknown_tasks(gate, here, "the tasks whose sound is here"))
    for index, goal in enumerate(gate.goals):
        if goal.slice and goal.task in here:
            faults += _unknown_slice(f"gate.goals.{index}.slice", goal, here[goal.task])
    if faults:
        raise ConfigError("\n".join(faults))


def demands(config: RunConfig) -> Iterator[str]:
    """Each goal and budget, and where it is judged."""
    devices = ", ".join(config.latency.devices)
    for goal in config.gate.goals:
        against = "" if goal.kind == "threshold" else f" against {goal.against}"
        share = " of it" if goal.relative else ""
        of = f" of {goal.task}" if goal.task else ""
        of += f" where {goal.slice.feature} is {goal.slice.value}" if goal.slice else ""
        where = ", ".join(goal.devices) or devices
        yield f"goal: {goal.metric}{of}, {goal.kind} {goal.limit:g}{share}{against}, judged on {where}"
    for name, device in config.latency.devices.items():
        for budget in device.budgets:
            yield f"budget on {name}: {', '.join(budget.words)}"


def _unknown_slice(place: str, goal: Goal, task: SeenTask) -> Iterator[str]:
    assert goal.slice is not None
    column = {"class": "label", "speaker": "speaker_id", "sex": "sex", "age": "age"}.get(goal.slice.feature)
    if column is None or not task.rows:
        return
    values = sorted({getattr(row, column) for row in task.rows if row.split == "test"} - {""})
    known = goal.slice.value in values if goal.slice.feature in ("class", "speaker") else bool(values)
    if not known:
        shown = ", ".join(values[:_SHOWN]) + (" ..." if len(values) > _SHOWN else "")
        yield (
            f"{place}: no test clip of {task.name} has the {goal.slice.feature} {goal.slice.value!r}; there "
            f"are {shown or 'none with any'}"
        )


def _check_readable(name: str, rows: Sequence[TaskRow], settings: NossIngestSettings) -> None:
    files = [row for row in rows if row.path]
    chosen = [files[index * len(files) // _DECODED] for index in range(_DECODED)] if files else []
    there = [row for row in chosen if Path(row.path).is_file()]
    heard = list(decode_files([request_of(row, name, settings.max_seconds) for row in there], settings))
    if chosen and all(isinstance(one, AudioError) for one in heard):
        reason = heard[0] if heard else f"there is no file {chosen[0].path}"
        raise ConfigError(
            f"task {name}: none of {len(chosen)} clips that were tried can be read, the first at "
            f"{chosen[0].place}: {reason}; noss validate lists every fault of a task's folder"
        )
