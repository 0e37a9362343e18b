"""Corpora in PANNs' layout for the benchmark of the ingestion."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from tests.components.audio_ingest.corpora import HEADER, row

FORMS = ("44100.wav", "44100.flac", "44100.mp3", "48000.ogg")


def link_corpus(root: Path, files: Sequence[Path], seconds: float) -> Path:
    """A corpus whose train split is these files under other names, and whose eval split is the first of them.

    Args:
      root: Made here.
      files: Sound files; a file may come several times.
      seconds: What is taken of each.
    """
    (root / "audios/train").mkdir(parents=True)
    (root / "audios/eval").mkdir()
    rows = []
    for number, file in enumerate(files):
        ytid = f"clip{number:07d}"
        os.symlink(file.resolve(), root / f"audios/train/Y{ytid}{file.suffix}")
        rows.append(row(ytid, end=30.0 + seconds))
    os.symlink(files[0].resolve(), root / f"audios/eval/Yeval0000000{files[0].suffix}")
    (root / "balanced_train_segments.csv").write_text(HEADER + "".join(rows))
    (root / "eval_segments.csv").write_text(HEADER + row("eval0000000", end=30.0 + seconds))
    return root


def real_clips(shared: Path, count: int) -> list[Path]:
    """The first clips of the evaluation part of the real corpus; none if it is not here."""
    return sorted((shared / "data/mini_audioset/audios/eval_segments").glob("*"))[:count]


def write_stereo(folder: Path, form: str, seconds: float = 10.0, variants: int = 4) -> list[Path]:
    """Stereo files of tones in noise, as AudioSet's clips are long and wide.

    Args:
      folder: Where to.
      form: Rate and extension, as ``44100.flac``.
      seconds: Length.
      variants: How many different ones.
    """
    rate, extension = int(form.partition(".")[0]), form.partition(".")[2]
    rng, time = np.random.default_rng(0), np.arange(round(seconds * int(rate))) / rate
    files = []
    for number in range(variants):
        tones = [0.3 * np.sin(2 * np.pi * hertz * time) for hertz in (220 + 50 * number, 3000 + 70 * number)]
        sound = np.stack(tones, axis=1) + rng.normal(0, 0.05, (len(time), 2))
        path = folder / f"{rate}-{number}.{extension}"
        if extension == "ogg":  # its encoder in libsndfile cannot take much at once
            with soundfile.SoundFile(path, "w", rate, 2) as file:
                for start in range(0, len(sound), rate):
                    file.write(sound[start : start + rate])
        else:
            soundfile.write(path, sound, rate)
        files.append(path)
    return files


def write_tiny(folder: Path, variants: int = 50) -> list[Path]:
    """Files of 0.2 s."""
    rng, files = np.random.default_rng(0), []
    for number in range(variants):
        files.append(folder / f"tiny-{number}.wav")
        soundfile.write(files[-1], rng.normal(0, 0.1, 3_200), 16_000)
    return files
