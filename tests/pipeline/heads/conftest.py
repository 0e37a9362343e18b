"""A student's file beside its report, and folders of labelled clips."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from components.common.modeling import flatbuffer
from components.common.store.publishing import make_once
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tflite_reports import TfliteReport, TfliteVariant

RATE = 16_000

Sound = np.ndarray[Any, np.dtype[np.float32]]
MANIFEST = ("file", "label", "speaker_id", "split", "fold")


def write_student(folder: Path, content: bytes, front_end: FrontEndSpec | None = None) -> Path:
    """A converter's output of one ``wave`` file."""
    folder.mkdir(parents=True, exist_ok=True)
    model = flatbuffer.parse(content)
    variant = TfliteVariant(
        name="wave-float32", input="wave", precision="float32", file="wave-float32.tflite", golden="",
        sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), inputs=flatbuffer.inputs(model),
        outputs=flatbuffer.outputs(model), operators={}, int8_tensors=[], parity=None, behaviour=[],
        accepted=True,
    )  # fmt: skip
    (folder / variant.file).write_bytes(content)
    TfliteReport(
        candidate_id="tiny", spec=StudentSpec(), front_end=front_end or FrontEndSpec(), parameters=1,
        variants=[variant],
    ).save(folder)  # fmt: skip
    return folder / variant.file


@pytest.fixture(scope="session")
def student(shared_folder: Path) -> Path:
    """A student that averages log-mels over time: 64 dimensions."""
    from tests.components.noss_evaluator.networks import mean_tflite

    target = shared_folder / "head-student"

    def make(folder: Path) -> None:
        write_student(folder, mean_tflite("wave"))

    make_once(target, make)
    return target / "wave-float32.tflite"


def sound(pitch: float, seed: int, seconds: float = 1.6) -> Sound:
    """A tone in noise; the lower one is loud at the beginning, the higher one at the end."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    loud = time < seconds / 2 if pitch < 1000 else time >= seconds / 2
    tone = 0.3 * np.sin(2 * np.pi * pitch * generator.uniform(0.98, 1.02) * time) * loud
    heard: Sound = (tone + 0.02 * generator.normal(size=len(time))).astype(np.float32)
    return heard


PITCHES = {"cough": 500.0, "other": 2500.0}


def write_clips(
    folder: Path, count: int = 10, speakers: int = 0, labels: tuple[str, ...] = ("cough", "other")
) -> Path:
    """One folder a label, below it one a speaker if there are any."""
    for number, label in enumerate(labels):
        pitch = PITCHES.get(label, 900.0 + 700 * number)
        for index in range(count):
            below = folder / label / f"s{index % speakers}" if speakers else folder / label
            below.mkdir(parents=True, exist_ok=True)
            soundfile.write(below / f"{index:02d}.wav", sound(pitch, 1000 * number + index), RATE)
    return folder


def write_manifest(folder: Path, rows: list[tuple[str, str, str]], start: int = 0) -> Path:
    """Clips of (label, speaker, split), each with a sound of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MANIFEST)
        for index, (label, speaker, split) in enumerate(rows, start=start):
            soundfile.write(
                folder / f"{index}.wav", sound(PITCHES.get(label.casefold(), 1500.0), index, 0.5), RATE
            )
            writer.writerow((f"{index}.wav", label, speaker, split, ""))
    return folder
