"""Three tasks in the form of NOSS: folders with a record and a manifest of their clips."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.common.audio.resample import TARGET_RATE, FloatAudio
from components.corpus_synthesizer.acoustics import Session
from components.corpus_synthesizer.espeak import ESPEAK_RATE
from components.corpus_synthesizer.languages import OTHER_WORDS, sentence
from components.corpus_synthesizer.settings import KEYWORD, LANGUAGE, SPEAKER, SynthesizerSettings
from components.corpus_synthesizer.sound_file import write_sound
from components.corpus_synthesizer.studio import Studio, open_studio, random_source
from components.corpus_synthesizer.voices import Speaker, draw_speakers, split_speakers
from schemas.noss_tasks import MANIFEST_FILE, RECORD_FILE, ManifestSource, TaskRecord

UNKNOWN = "_unknown_"

_COLUMNS = ("file", "label", "speaker_id", "split", "fold")
_SPLIT_SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
_TASK_SPEAKERS = 30
_LANGUAGE_SECONDS = 3.0
_WORD_SECONDS = 1.0

_logger = logging.getLogger("tinytrill.corpus_synthesizer")


@dataclass(frozen=True)
class TaskClip:
    """A clip of a task.

    Attributes:
      label: Its class.
      speaker_id: Who speaks.
      split: train, validation or test.
      audio: ``(samples,)`` at 22,050 Hz.
    """

    label: str
    speaker_id: str
    split: str
    audio: FloatAudio


def write_tasks(folder: Path, settings: SynthesizerSettings, seed: int) -> None:
    """Writes a sub-folder for each task; the same seed gives the same bytes.

    Raises:
      EspeakError: If eSpeak NG cannot be loaded or does not speak.
    """
    for record in _records(settings):
        with open_studio(settings, record.name, seed) as studio:
            clips = _write_task(folder / record.name, record, _TASKS[record.name](settings, studio, seed))
        _logger.info("task %s: %d clips", record.name, clips)


def _records(settings: SynthesizerSettings) -> list[TaskRecord]:
    def record(name: str, title: str, **more: Any) -> TaskRecord:
        source = ManifestSource(file=f"{name}/{MANIFEST_FILE}")
        return TaskRecord(
            name=name, title=title, licence="synthetic", synthetic=True, sources=(source,), **more
        )

    disjoint = {"speaker": "known", "speaker_disjoint": True}
    return [
        record(LANGUAGE, "Which language is spoken", labels=settings.languages, **disjoint),
        record(SPEAKER, "Who speaks", speaker="label"),
        record(KEYWORD, "Which word is said", labels=(*settings.keywords, UNKNOWN), **disjoint),
    ]


def _write_task(folder: Path, record: TaskRecord, clips: Iterator[TaskClip]) -> int:
    (folder / "audio").mkdir(parents=True)
    rows: list[tuple[str, ...]] = []
    for index, clip in enumerate(clips):
        name = f"audio/{clip.label}_{index:05d}.flac"
        write_sound(folder / name, clip.audio, ESPEAK_RATE, TARGET_RATE)
        rows.append((name, clip.label, clip.speaker_id, clip.split, ""))
    # Without sources it is the manifest beside it, wherever the folder is put.
    content = record.model_dump(mode="json", exclude_defaults=True, exclude={"sources"})
    (folder / RECORD_FILE).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with (folder / MANIFEST_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([_COLUMNS, *rows])
    return len(rows)


def _languages(settings: SynthesizerSettings, studio: Studio, seed: int) -> Iterator[TaskClip]:
    """Which language is spoken, as in VoxForge; each split has speakers of its own."""
    speakers = _speakers_by_split(seed, LANGUAGE)
    for language in settings.languages:
        for index, split in enumerate(_splits(settings.language_clips)):
            rng = random_source(seed, LANGUAGE, language, index)
            speaker = speakers[split][int(rng.integers(len(speakers[split])))]
            session = _session(studio, seed, LANGUAGE, split, speaker)
            audio = studio.monologue(rng, session, speaker, language, _LANGUAGE_SECONDS)
            yield TaskClip(language, speaker.speaker_id, split, audio)


def _speakers(settings: SynthesizerSettings, studio: Studio, seed: int) -> Iterator[TaskClip]:
    """Who speaks, as in VoxCeleb's identification task; the splits differ in what is said."""
    for speaker in draw_speakers(random_source(seed, SPEAKER, "speakers"), settings.speakers, pitches=2):
        for index, split in enumerate(_splits(settings.speaker_clips)):
            rng = random_source(seed, SPEAKER, speaker.speaker_id, index)
            session = _session(studio, seed, SPEAKER, split, speaker)
            audio = studio.utterance(rng, session, sentence(rng, "en"), speaker.voice(rng, "en"))
            yield TaskClip(speaker.speaker_id, speaker.speaker_id, split, audio)


def _keywords(settings: SynthesizerSettings, studio: Studio, seed: int) -> Iterator[TaskClip]:
    """Which word is said, as in Speech Commands: one second each; each split has speakers of its own."""
    speakers = _speakers_by_split(seed, KEYWORD)
    others = [word for word in OTHER_WORDS if word not in settings.keywords]
    for label in (*settings.keywords, UNKNOWN):
        for index, split in enumerate(_splits(settings.keyword_clips)):
            rng = random_source(seed, KEYWORD, label, index)
            speaker = speakers[split][int(rng.integers(len(speakers[split])))]
            word = others[int(rng.integers(len(others)))] if label == UNKNOWN else label
            session = _session(studio, seed, KEYWORD, split, speaker)
            audio = studio.word(rng, session, word, speaker.voice(rng, "en"), _WORD_SECONDS)
            yield TaskClip(label, speaker.speaker_id, split, audio)


_TASKS: dict[str, Callable[[SynthesizerSettings, Studio, int], Iterator[TaskClip]]] = {
    LANGUAGE: _languages,
    SPEAKER: _speakers,
    KEYWORD: _keywords,
}


def _session(studio: Studio, seed: int, task: str, split: str, speaker: Speaker) -> Session:
    """A speaker is recorded in one session for each split, so that none is in two splits."""
    return studio.acoustics.session(random_source(seed, task, split, speaker.speaker_id, "session"))


def _speakers_by_split(seed: int, task: str) -> dict[str, list[Speaker]]:
    speakers = draw_speakers(random_source(seed, task, "speakers"), _TASK_SPEAKERS)
    return split_speakers(speakers, _SPLIT_SHARES)


def _splits(clips: int) -> list[str]:
    """The split of each clip of a class; every split gets at least one."""
    held_out = {split: max(1, round(_SPLIT_SHARES[split] * clips)) for split in ("validation", "test")}
    return ["train"] * (clips - sum(held_out.values())) + [
        split for split, count in held_out.items() for _ in range(count)
    ]
