"""Tiny NOSS tasks for tests."""

from __future__ import annotations

from pathlib import Path

from tests.components.common.audio.sounds import sine, write_soundfile

HEADER = "file,label,speaker_id,split,fold\n"
SPLITS = ("train", "train", "validation", "test")


def make_task(folder: Path, clips_of_label: int = 4, first_hertz: int = 200) -> Path:
    """A task of two labels whose speakers are each in one split; every clip is another tone."""
    rows, hertz = [], first_hertz
    for label in ("high", "low"):
        for number in range(clips_of_label):
            split = SPLITS[number % 4]
            name = f"audio/{label}{number}.wav"
            write_soundfile(folder / name, sine(0.5, 8_000, hertz), 8_000)
            rows.append(f"{name},{label},{split}_speaker,{split},{number % 4}\n")
            hertz += 7
    (folder / "manifest.csv").write_text(HEADER + "".join(rows))
    return folder


def edit(folder: Path, old: str, new: str) -> Path:
    """Replaces text in the manifest, once."""
    manifest = folder / "manifest.csv"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    return manifest
