"""Settings of CorpusSynthesizer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Settings

Language = Literal["de", "en", "es", "fr", "it", "ru"]
Range = tuple[float, float]

LANGUAGE, SPEAKER, KEYWORD = "language", "speaker", "keyword"
SYNTHETIC_TASKS = (LANGUAGE, SPEAKER, KEYWORD)

_LANGUAGES: tuple[Language, ...] = ("de", "en", "es", "fr", "it", "ru")
_KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")

Keyword = Annotated[str, Field(pattern=r"^[a-z]+$", description="An English word.")]


class SynthesizerSettings(Settings):
    """How much is spoken, by whom, and how clean it sounds."""

    corpus_clips: int = Field(660, ge=1, description="Rows of the corpus' train split.")
    eval_clips: int = Field(100, ge=1, description="Rows of the corpus' eval split.")
    clip_seconds: Range = Field(
        (2.0, 6.0), description="Shortest and longest clip of the corpus, in seconds."
    )
    languages: tuple[Language, ...] = Field(
        _LANGUAGES, min_length=2, description="Languages of the corpus, and classes of the task 'language'."
    )
    language_clips: int = Field(50, ge=5, description="Clips of each language in the task 'language'.")
    speakers: int = Field(10, ge=2, le=16, description="Classes of the task 'speaker'.")
    speaker_clips: int = Field(30, ge=5, description="Clips of each speaker in the task 'speaker'.")
    keywords: tuple[Keyword, ...] = Field(
        _KEYWORDS,
        min_length=2,
        description="Words of the task 'keyword', which also has the class _unknown_.",
    )
    keyword_clips: int = Field(30, ge=5, description="Clips of each class in the task 'keyword'.")
    noisy_share: float = Field(0.85, ge=0, le=1, description="Share of the clips with added noise.")
    snr_db: Range = Field((0.0, 25.0), description="Lowest and highest signal-to-noise ratio, in dB.")
    room_share: float = Field(0.5, ge=0, le=1, description="Share of the clips that sound in a room.")
    rt60_s: Range = Field((0.1, 0.5), description="Shortest and longest reverberation time, in seconds.")
    missing_share: float = Field(
        0.03,
        ge=0,
        le=0.5,
        description="Share of the corpus' rows that have no clip, as in every copy of AudioSet.",
    )
    bad_share: float = Field(
        0.02, ge=0, le=0.5, description="Share of the corpus' clips that are silent, empty or not decodable."
    )
    other_share: float = Field(
        0.04,
        ge=0,
        le=0.5,
        description="Share of the corpus' clips that are not speech, for the label filter.",
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for name in ("clip_seconds", "snr_db", "rt60_s"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is ({low:g}, {high:g}); accepted: (lowest, highest)")
        if not 0.5 <= self.clip_seconds[0] <= self.clip_seconds[1] <= 10:
            raise ValueError(f"clip_seconds is {self.clip_seconds}; accepted: within 0.5 to 10 s")
        if not 0 < self.rt60_s[0] <= self.rt60_s[1] <= 3:
            raise ValueError(f"rt60_s is {self.rt60_s}; accepted: above 0, at most 3 s")
        for name in ("languages", "keywords"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} is {values}; accepted: different ones")
        return self
