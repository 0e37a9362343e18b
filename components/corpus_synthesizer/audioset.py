"""The corpus in AudioSet's form: segments CSVs, and a file for nearly every row."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from components.common.audio.resample import FloatAudio
from components.corpus_synthesizer import labels
from components.corpus_synthesizer.acoustics import pink_noise, scale_to_peak, white_noise
from components.corpus_synthesizer.espeak import ESPEAK_RATE
from components.corpus_synthesizer.settings import SynthesizerSettings
from components.corpus_synthesizer.sound_file import write_sound
from components.corpus_synthesizer.studio import Studio, open_studio, random_source
from components.corpus_synthesizer.voices import Speaker, draw_speakers

TRAIN = "balanced_train"
EVAL = "eval"

_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ID_LENGTH = 11
_SPEAKERS = 48
_FORMATS = (
    (".ogg", (16_000, 24_000, 48_000)),
    (".flac", (16_000, 22_050, 24_000, 44_100)),
    (".ogg", (16_000, 48_000)),
    (".flac", (16_000, 32_000, 48_000)),
    (".wav", (8_000, 16_000, 22_050, 44_100)),
)
# Some published copies hold more than the segment; ingestion cuts what is too much.
_LONGER_EVERY = 25
_LONGER_SECONDS = 1.0
_DASH_EVERY = 40
_LOG_EVERY = 200

_logger = logging.getLogger("tinytrill.corpus_synthesizer")


class Fate(StrEnum):
    """What there is to a row."""

    SPEECH = "speech"
    OTHER = "other"
    MISSING = "missing"
    UNDECODABLE = "undecodable"
    SILENT = "silent"
    EMPTY = "empty"


_BAD = (Fate.UNDECODABLE, Fate.SILENT, Fate.EMPTY)


@dataclass(frozen=True)
class Row:
    """A row of a segments CSV.

    Attributes:
      ytid: An id in YouTube's form.
      start_s: Start of the segment in seconds.
      seconds: Its length.
      fate: What there is to it.
    """

    ytid: str
    start_s: float
    seconds: float
    fate: Fate


def write_corpus(folder: Path, settings: SynthesizerSettings, seed: int) -> None:
    """Writes labels, segments and clips of both splits; the same seed gives the same bytes.

    Raises:
      EspeakError: If eSpeak NG cannot be loaded or does not speak.
    """
    folder.mkdir(parents=True)
    labels.write_labels(folder)
    used: set[str] = set()
    for split, count in ((TRAIN, settings.corpus_clips), (EVAL, settings.eval_clips)):
        rows = plan_rows(settings, split, count, used, seed)
        audio_folder = folder / "audios" / f"{split}_segments"
        audio_folder.mkdir(parents=True)
        speakers = draw_speakers(random_source(seed, split, "speakers"), _SPEAKERS)
        mids = []
        with open_studio(settings, split, seed) as studio:
            for index, row in enumerate(rows):
                mids.append(_write_row(audio_folder, row, index, split, settings, speakers, studio, seed))
                if (index + 1) % _LOG_EVERY == 0:
                    _logger.info("corpus, %s: %d of %d clips", split, index + 1, count)
        _write_segments(folder / f"{split}_segments.csv", rows, mids, seed)
        _logger.info("corpus, %s: %d rows", split, count)


def plan_rows(settings: SynthesizerSettings, split: str, count: int, used: set[str], seed: int) -> list[Row]:
    """Draws the rows of a split; the shares of their fates are exact.

    Args:
      settings: With the shares.
      split: Name of the split.
      count: Rows to draw.
      used: Ids that are taken; those of the new rows are added.
      seed: Of the run.
    """
    rng = random_source(seed, split, "rows")
    bad = round(settings.bad_share * count)
    fates = [Fate.MISSING] * round(settings.missing_share * count)
    fates += [_BAD[index % len(_BAD)] for index in range(bad)]
    fates += [Fate.OTHER] * round(settings.other_share * count)
    fates = (fates + [Fate.SPEECH] * count)[:count]
    rows = []
    for index, position in enumerate(rng.permutation(count)):
        ytid = _draw_id(rng, used, dash=index % _DASH_EVERY == 0)
        seconds = round(float(rng.uniform(*settings.clip_seconds)), 3)
        rows.append(Row(ytid, 10.0 * int(rng.integers(30)), seconds, fates[position]))
    return rows


def _draw_id(rng: np.random.Generator, used: set[str], dash: bool) -> str:
    while True:
        letters = "".join(_ID_LETTERS[index] for index in rng.integers(len(_ID_LETTERS), size=_ID_LENGTH))
        ytid = "-" + letters[1:] if dash else letters
        if ytid not in used:
            used.add(ytid)
            return ytid


def _write_row(
    folder: Path,
    row: Row,
    index: int,
    split: str,
    settings: SynthesizerSettings,
    speakers: list[Speaker],
    studio: Studio,
    seed: int,
) -> tuple[str, ...]:
    """Writes the clip of a row, if it has one, and returns its labels."""
    rng = random_source(seed, split, row.ytid)
    extension, rates = _FORMATS[int(rng.integers(len(_FORMATS)))]
    rate = rates[int(rng.integers(len(rates)))]
    path = folder / f"Y{row.ytid}{extension}"
    seconds = row.seconds + (_LONGER_SECONDS if index % _LONGER_EVERY == 0 else 0.0)
    if row.fate is Fate.OTHER:
        audio, mids = _not_speech(rng, round(seconds * ESPEAK_RATE))
        write_sound(path, audio, ESPEAK_RATE, rate)
        return mids
    speaker = speakers[int(rng.integers(len(speakers)))]
    language = settings.languages[int(rng.integers(len(settings.languages)))]
    if row.fate is Fate.SPEECH:
        session = studio.acoustics.session(rng)
        audio = studio.monologue(rng, session, speaker, language, seconds)
        write_sound(path, audio, ESPEAK_RATE, rate)
    elif row.fate is Fate.SILENT:
        write_sound(path, np.zeros(round(seconds * ESPEAK_RATE), np.float32), ESPEAK_RATE, rate)
    elif row.fate is Fate.EMPTY:
        path.write_bytes(b"")
    elif row.fate is Fate.UNDECODABLE:
        # What a downloader leaves behind when the server answers with a page instead of sound.
        path.write_text("<html><body>429 Too Many Requests</body></html>\n", encoding="utf-8")
    return _speech_labels(rng, speaker.female)


def _speech_labels(rng: np.random.Generator, female: bool) -> tuple[str, ...]:
    choice = rng.random()
    if choice < 0.5:
        return (labels.SPEECH,)
    if choice < 0.8:
        return (labels.SPEECH, labels.FEMALE_SPEECH if female else labels.MALE_SPEECH)
    # Some rows have only the child, so a filter must know the ontology to find them.
    return (labels.NARRATION,) if choice < 0.9 else (labels.SPEECH_SYNTHESIZER,)


def _not_speech(rng: np.random.Generator, samples: int) -> tuple[FloatAudio, tuple[str, ...]]:
    kind = int(rng.integers(4))
    time_s = np.arange(samples) / ESPEAK_RATE
    low, high = np.sort(rng.uniform(200, 4000, size=2))
    if kind == 0:
        return white_noise(rng, samples) * np.float32(0.1), (labels.WHITE_NOISE,)
    if kind == 1:
        return scale_to_peak(pink_noise(rng, samples), 0.5), (labels.PINK_NOISE,)
    if kind == 2:
        return (0.5 * np.sin(2 * np.pi * low * time_s)).astype(np.float32), (labels.SINE_WAVE,)
    cycles = low * time_s + (high - low) / (2 * time_s[-1]) * time_s**2
    return (0.5 * np.sin(2 * np.pi * cycles)).astype(np.float32), (labels.CHIRP_TONE,)


def _write_segments(path: Path, rows: list[Row], mids: list[tuple[str, ...]], seed: int) -> None:
    unique = len({mid for row in mids for mid in row})
    lines = [
        f"# Segments csv of a synthesised corpus, seed {seed}",
        f"# num_ytids={len(rows)}, num_segs={len(rows)}, num_unique_labels={unique}, "
        f"num_positive_labels={sum(map(len, mids))}",
        "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    lines += [
        f'{row.ytid}, {row.start_s:.3f}, {row.start_s + row.seconds:.3f}, "{",".join(mids[index])}"'
        for index, row in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
