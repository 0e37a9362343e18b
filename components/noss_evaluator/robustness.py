"""What is left when test clips are corrupted: the probes were trained on clean sound only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from components.common.audio.requests import stable_order
from components.noss_evaluator.clips import Entry
from components.noss_evaluator.corruptions import condition, corrupt
from components.noss_evaluator.settings import Corruption
from components.noss_evaluator.tasks import FittedRun, TaskEvaluation
from schemas.noss_reports import RobustnessResult
from schemas.records import NossClip

Matrix = np.ndarray[Any, np.dtype[np.float32]]


def choose_clips(evaluation: TaskEvaluation, limit: int) -> tuple[Entry, ...]:
    """At most so many tested clips of a task, but two of each probe at least: the same clips every time.

    Each probe has its share of them, and its classes take turns.
    """
    runs = evaluation.probes
    share = max(2, limit // len(runs))
    chosen = [clip for run in runs for clip in _classes_in_turn(run.tested)[:share]]
    return tuple(sorted(chosen, key=lambda clip: clip.clip_id))


def _classes_in_turn(clips: Sequence[Entry]) -> list[Entry]:
    taken: Counter[str] = Counter()
    turns: dict[str, int] = {}
    mixed = sorted(clips, key=lambda clip: stable_order(clip.clip_id))
    for clip in mixed:
        turns[clip.clip_id] = taken[clip.label]
        taken[clip.label] += 1
    return sorted(mixed, key=lambda clip: turns[clip.clip_id])


def disturbed_clips(
    clips: Iterable[NossClip], chosen: frozenset[str], corruptions: Sequence[Corruption]
) -> Iterator[NossClip]:
    """Each chosen clip once a corruption, under :func:`disturbed_id`.

    Args:
      clips: All clips.
      chosen: Ids of those to corrupt.
      corruptions: What is done to them.
    """
    for clip in clips:
        if clip.clip_id in chosen:
            for corruption in corruptions:
                audio = corrupt(clip.audio, corruption)
                yield replace(clip, clip_id=disturbed_id(clip.clip_id, corruption), audio=audio)


def disturbed_id(clip_id: str, corruption: Corruption) -> str:
    """Id of a corrupted clip: no two have the same."""
    return f"{clip_id}, {condition(corruption)}"


def measure_robustness(
    evaluations: Sequence[TaskEvaluation],
    chosen: Mapping[str, tuple[Entry, ...]],
    clean: Matrix,
    corrupted: Matrix,
    rows: Mapping[str, int],
    corruptions: Sequence[Corruption],
) -> list[RobustnessResult]:
    """Scores of one model on corrupted clips, and against the same clips clean.

    Args:
      evaluations: The model's tasks, with the probes that were fitted on clean sound.
      chosen: The clips that were corrupted, by task.
      clean: float32 ``(sounds, dim)`` of all sounds.
      corrupted: float32 ``(corrupted sounds, dim)``.
      rows: Row of ``corrupted`` by :func:`disturbed_id`.
      corruptions: In the order of the results.
    """

    def score(evaluation: TaskEvaluation, corruption: Corruption | None) -> float:
        def embeddings(clips: tuple[Entry, ...]) -> Matrix:
            if corruption is None:
                return clean[[clip.sound for clip in clips]]
            return corrupted[[rows[disturbed_id(clip.clip_id, corruption)] for clip in clips]]

        parts = _parts(evaluation.probes, chosen[evaluation.task.name])
        return float(np.mean([part.score(embeddings(part.tested)) for part in parts]))

    reference = {evaluation.task.name: score(evaluation, None) for evaluation in evaluations}
    results = []
    for corruption in corruptions:
        tasks = {evaluation.task.name: score(evaluation, corruption) for evaluation in evaluations}
        mean = float(np.mean(list(tasks.values())))
        results.append(
            RobustnessResult(
                condition=condition(corruption),
                mean=mean,
                change=mean - float(np.mean(list(reference.values()))),
                tasks=tasks,
                n=sum(map(len, chosen.values())),
            )
        )
    return results


def _parts(runs: Sequence[FittedRun], chosen: tuple[Entry, ...]) -> list[FittedRun]:
    """The runs, each with those of the chosen clips that it answers for."""
    wanted = {clip.clip_id for clip in chosen}
    return [replace(run, tested=tuple(one for one in run.tested if one.clip_id in wanted)) for run in runs]
