"""Made-up tasks and clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.common.store.shards import shard_path, write_shard
from components.noss_evaluator.clips import SPLITS, Entry
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_evaluator.tasks import NossTask, gather_tasks
from schemas.noss_task_sets import IngestedTask, NossTaskSet
from schemas.noss_tasks import ManifestSource, TaskRecord
from schemas.records import NossClip

PER_SPLIT = {"train": 24, "validation": 8, "test": 16}


def make_entries(
    task: str, per_split: dict[str, int], classes: Sequence[str] = ("a", "b"), speakers: int = 0
) -> list[Entry]:
    """Clips whose labels (and speakers) take turns; every clip has its own sound."""
    entries: list[Entry] = []
    for split in SPLITS:
        for i in range(per_split[split]):
            speaker = f"s{i % speakers}" if speakers else ""
            label = classes[i % len(classes)]
            entries.append(Entry(f"{task}/{split}{i:04d}", task, split, label, speaker, len(entries)))
    return entries


def make_task_set(entries: Sequence[Entry | NossClip], **record: Any) -> NossTaskSet:
    """A record for each task of clips; ``record``: what it says beside name and source."""
    tasks = []
    for name in sorted({entry.task for entry in entries}):
        used = {s: sum(e.task == name and e.split == s for e in entries) for s in SPLITS}
        made = TaskRecord(name=name, sources=(ManifestSource(file=f"{name}/manifest.csv"),), **record)
        tasks.append(
            IngestedTask(
                record=made,
                digest=made.digest,
                data_digest="d" * 16,
                source=name,
                n_original={split: n + 1 for split, n in used.items()},
                n_used=used,
                synthetic=made.synthetic,
            )
        )
    return NossTaskSet(tasks=tasks)


def make_task(
    entries: Sequence[Entry], settings: NossEvaluatorSettings | None = None, **record: Any
) -> NossTask:
    """The one task of ``entries``."""
    (task,) = gather_tasks(entries, make_task_set(entries, **record), settings or NossEvaluatorSettings())
    return task


def make_clip(
    task: str, split: str, index: int, audio: np.ndarray, label: str, speaker: str = ""
) -> NossClip:
    return NossClip(f"{task}/{split}{index}", audio, task, split, label, speaker, "", 16_000)


def tone(pitch: float, seed: int, seconds: float = 0.5) -> np.ndarray:
    """A tone in noise, int16 at 16 kHz."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    noise = np.random.default_rng(seed).normal(0, 0.02, len(time))
    return ((0.3 * np.sin(2 * np.pi * pitch * time) + noise) * 32767).astype(np.int16)


def write_examples(folder: Path, clips: Sequence[NossClip]) -> None:
    """Writes clips as the shards of an Examples artifact, two a split, and their tasks' records."""
    make_task_set(clips, synthetic=True).save(folder)
    for split in SPLITS:
        own = [clip.to_example() for clip in clips if clip.split == split]
        for shard in range(2):
            write_shard(shard_path(str(folder), split, shard, 2), own[shard::2])


def tone_tasks() -> list[NossClip]:
    """'pitch' (low or high) and 'voice' (its speaker), which uses the same sounds."""
    clips: list[NossClip] = []
    for split, count in PER_SPLIT.items():
        for i in range(count):
            high = i % 2 == 1
            audio = tone(2000.0 if high else 400.0, seed=len(clips), seconds=0.4 if i % 3 else 2.2)
            speaker = f"s{i % 4}"
            clips.append(make_clip("pitch", split, i, audio, "high" if high else "low", speaker))
            clips.append(make_clip("voice", split, i, audio, speaker, speaker))
    return clips
