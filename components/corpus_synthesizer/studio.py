"""Texts and voices to clips: eSpeak, a room, noise."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from components.common.audio.resample import FloatAudio
from components.corpus_synthesizer.acoustics import Acoustics, Session, scale_to_peak
from components.corpus_synthesizer.espeak import ESPEAK_RATE, Espeak, Voice
from components.corpus_synthesizer.languages import sentence
from components.corpus_synthesizer.settings import SynthesizerSettings
from components.corpus_synthesizer.voices import Speaker, draw_speakers

_BABBLERS = 6
_BABBLE_SECONDS = 12
_PAUSE_SECONDS = (0.1, 0.5)


def random_source(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for each thing that is named, so that one does not shift another."""
    keys = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, *keys])


class Studio:
    """Records clips of one part of the corpus; made by :func:`open_studio`.

    Attributes:
      acoustics: What happens to a clip.
    """

    def __init__(self, espeak: Espeak, acoustics: Acoustics) -> None:
        """Takes a loaded eSpeak."""
        self._espeak = espeak
        self.acoustics = acoustics

    def monologue(
        self, rng: np.random.Generator, session: Session, speaker: Speaker, language: str, seconds: float
    ) -> FloatAudio:
        """Sentences of a speaker for exactly ``seconds``, at 22,050 Hz."""
        wanted = round(seconds * ESPEAK_RATE)
        speech = _speak_for(self._espeak, rng, speaker, language, wanted)
        return self.acoustics.record(rng, session, speech)

    def utterance(self, rng: np.random.Generator, session: Session, text: str, voice: Voice) -> FloatAudio:
        """A text, at 22,050 Hz."""
        return self.acoustics.record(rng, session, self._espeak.say(text, voice))

    def word(
        self, rng: np.random.Generator, session: Session, text: str, voice: Voice, seconds: float
    ) -> FloatAudio:
        """A word somewhere within ``seconds``, at 22,050 Hz; what does not fit is cut off."""
        frame = np.zeros(round(seconds * ESPEAK_RATE), np.float32)
        spoken = trim(self._espeak.say(text, voice))[: len(frame)]
        start = int(rng.integers(len(frame) - len(spoken) + 1))
        frame[start : start + len(spoken)] = spoken
        return self.acoustics.record(rng, session, frame)


@contextmanager
def open_studio(settings: SynthesizerSettings, part: str, seed: int) -> Iterator[Studio]:
    """A studio whose clips depend on the seed and on the part's own clips only.

    Raises:
      EspeakError: If eSpeak NG cannot be loaded.
    """
    rng = random_source(seed, part, "studio")
    with Espeak(int(rng.integers(2**31))) as espeak:
        acoustics = Acoustics(
            settings.noisy_share,
            settings.snr_db,
            settings.room_share,
            settings.rt60_s,
            _babble(espeak, rng, settings.languages),
            ESPEAK_RATE,
        )
        yield Studio(espeak, acoustics)


def trim(audio: FloatAudio, floor: float = 0.01) -> FloatAudio:
    """Without the quiet at both ends; ``floor`` is a share of the peak."""
    loud = np.flatnonzero(np.abs(audio) > floor * np.max(np.abs(audio), initial=0.0))
    return audio[loud[0] : loud[-1] + 1] if len(loud) else audio


def _speak_for(
    espeak: Espeak, rng: np.random.Generator, speaker: Speaker, language: str, samples: int
) -> FloatAudio:
    voice = speaker.voice(rng, language)
    parts: list[FloatAudio] = []
    while sum(map(len, parts)) < samples:
        parts.append(trim(espeak.say(sentence(rng, language), voice)))
        parts.append(np.zeros(round(rng.uniform(*_PAUSE_SECONDS) * ESPEAK_RATE), np.float32))
    return np.concatenate(parts)[:samples]


def _babble(espeak: Espeak, rng: np.random.Generator, languages: tuple[str, ...]) -> FloatAudio:
    samples = _BABBLE_SECONDS * ESPEAK_RATE
    babble = np.zeros(samples, np.float32)
    for index, speaker in enumerate(draw_speakers(rng, _BABBLERS)):
        speech = _speak_for(espeak, rng, speaker, languages[index % len(languages)], samples)
        babble += scale_to_peak(speech, 1.0)
    return scale_to_peak(babble, 1.0)
