"""Who is recorded with what: a speaker's clips of one split share a session, and no other clips do."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.corpus_synthesizer import tasks
from components.corpus_synthesizer.acoustics import Acoustics, Session
from components.corpus_synthesizer.settings import SynthesizerSettings

_BABBLE = np.ones(1000, np.float32)


class _SilentStudio:
    """Notes the session of each clip in place of recording it."""

    def __init__(self) -> None:
        self.acoustics = Acoustics(1.0, (0.0, 5.0), 1.0, (0.1, 0.3), _BABBLE, 22_050)
        self.sessions: list[Session] = []

    def monologue(self, rng: np.random.Generator, session: Session, *text: Any) -> np.ndarray:
        self.sessions.append(session)
        return np.zeros(220, np.float32)

    utterance = word = monologue


@pytest.mark.parametrize("task", ["keyword", "language", "speaker"])
def test_a_session_is_one_speakers_in_one_split(
    task: str, small: SynthesizerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studios: dict[str, _SilentStudio] = defaultdict(_SilentStudio)

    @contextmanager
    def open_studio(settings: SynthesizerSettings, part: str, seed: int) -> Iterator[_SilentStudio]:
        yield studios[part]

    monkeypatch.setattr(tasks, "open_studio", open_studio)
    tasks.write_tasks(tmp_path, small, 20)
    with (tmp_path / task / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    microphones = [session.microphone for session in studios[task].sessions]
    assert len(rows) == len(microphones)
    by_place = defaultdict(set)
    for row, microphone in zip(rows, microphones, strict=True):
        by_place[row["speaker_id"], row["split"]].add(microphone)
    assert {len(found) for found in by_place.values()} == {1}
    assert len({microphone for found in by_place.values() for microphone in found}) == len(by_place)
