"""Who speaks: eSpeak's voice variants with a pitch and a rate of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.corpus_synthesizer.espeak import Voice

FEMALE = (
    "f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "anika", "aunty", "belinda", "grandma",
    "linda", "steph", "steph2", "steph3",
)  # fmt: skip
MALE = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Andy", "Denis", "Diogo", "Hugo", "Lee", "Marco",
    "antonio", "michel", "miguel", "sandro", "travis", "victor",
)  # fmt: skip

_PITCHES = (5, 95)

# Varieties in which a speaker may say an English text.
ENGLISH = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp")


@dataclass(frozen=True)
class Speaker:
    """A voice that can be told from others.

    Attributes:
      speaker_id: Readable and unique, such as ``f3-07``.
      variant: eSpeak's voice variant.
      female: Whether the variant is a woman's.
      pitch: Base pitch, 0 to 99.
      words_per_minute: Usual speaking rate.
      english: The variety of English that the speaker speaks.
    """

    speaker_id: str
    variant: str
    female: bool
    pitch: int
    words_per_minute: int
    english: str

    def voice(self, rng: np.random.Generator, language: str) -> Voice:
        """The speaker's voice for one utterance, which is a little different each time."""
        return Voice(
            self.english if language == "en" else language,
            self.variant,
            int(self.words_per_minute * rng.uniform(0.8, 1.25)),
            int(np.clip(self.pitch + rng.normal(0, 8), 0, 99)),
            int(rng.integers(20, 90)),
        )


def draw_speakers(rng: np.random.Generator, count: int, pitches: int = 1) -> list[Speaker]:
    """Draws different speakers, men and women in turn.

    Args:
      rng: Source of randomness.
      count: How many.
      pitches: How many speakers share a voice variant and differ by pitch.
    """
    pools = [_shuffled(rng, MALE), _shuffled(rng, FEMALE)]
    speakers = []
    for index in range(count):
        place, step = divmod(index, pitches)
        female = place % 2 == 1
        variant = pools[female][place // 2 % len(pools[female])]
        pitch = _PITCHES[0] + (_PITCHES[1] - _PITCHES[0]) * (step + rng.uniform(0.25, 0.75)) / pitches
        speakers.append(
            Speaker(
                f"{variant}-{index:02d}",
                variant,
                female,
                round(pitch),
                int(rng.integers(140, 211)),
                ENGLISH[int(rng.integers(len(ENGLISH)))],
            )
        )
    return speakers


def split_speakers(speakers: Sequence[Speaker], shares: dict[str, float]) -> dict[str, list[Speaker]]:
    """Gives each split speakers of its own, at least one each, in proportion to ``shares``."""
    splits: dict[str, list[Speaker]] = {}
    start = 0
    for index, (name, share) in enumerate(shares.items()):
        left = len(shares) - index - 1
        count = max(1, round(share * len(speakers))) if left else len(speakers) - start
        end = min(start + count, len(speakers) - left)
        splits[name] = list(speakers[start:end])
        start = end
    return splits


def _shuffled(rng: np.random.Generator, names: tuple[str, ...]) -> list[str]:
    return [names[index] for index in rng.permutation(len(names))]
