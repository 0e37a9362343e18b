"""Folders of tasks for ``noss run``, and quick settings to ask them by."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import soundfile

from pipeline.noss.run import BenchmarkRequest
from tests.components.noss_evaluator.helpers import tone

QUICK = ("evaluation.resamples=100", "evaluation.tfma.results=off", "evaluation.strict.seeds=1")
PER_SPLIT = {"train": 24, "validation": 8, "test": 16}
CLIPS = sum(PER_SPLIT.values())


def make_task(folder: Path, pitches: tuple[float, float], seed: int, seconds: float = 0.5) -> None:
    """Two pitches; the manifest is all there is."""
    (folder / "audio").mkdir(parents=True)
    rows = []
    for split, count in PER_SPLIT.items():
        for i in range(count):
            seed += 1
            name = f"audio/{split}{i}.wav"
            soundfile.write(folder / name, tone(pitches[i % 2], seed, seconds), 16_000)
            rows.append([name, ("low", "high")[i % 2], "", split, ""])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "label", "speaker_id", "split", "fold"], *rows])


def request(
    root: Path, output: Path, *models: str, overrides: tuple[str, ...] = (), **given: Any
) -> BenchmarkRequest:
    """What ``noss run`` makes of its arguments, with quick settings."""
    return BenchmarkRequest(models, output, overrides=(*QUICK, *overrides), root=str(root), **given)


def times_of_files(output: Path) -> dict[Path, int]:
    """When each JSON file of what a benchmark shows was written."""
    shown = (path for part in ("tasks", "models", "comparison") for path in output.glob(f"{part}/**/*.json"))
    return {path: path.stat().st_mtime_ns for path in shown}


def written_since(output: Path, before: dict[Path, int]) -> set[str]:
    """The parts of a benchmark, as in 'models/logmel', of which a file has been written since."""
    now = times_of_files(output)
    return {"/".join(path.relative_to(output).parts[:2]) for path in now if now[path] != before.get(path)}
