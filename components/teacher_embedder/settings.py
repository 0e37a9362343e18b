"""Settings of the teacher's embedding and of the augmentation before it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.settings import Range, Settings, ordered
from schemas.teachers import TeacherSpec, TrainedTeacher

Positive = Annotated[float, Field(gt=0)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(ordered)]


class _Operation(Settings):
    """Something that is done to a share of the augmented windows."""

    probability: float = Field(0.5, ge=0, le=1, description="Share of the augmented windows it is done to.")


class SpeedChange(_Operation):
    """Faster and higher, or slower and lower, by resampling."""

    factor: PositiveRange = Field((0.8, 1.25), description="Speed factor; 1 leaves the window as it is.")


class ShortCut(_Operation):
    """A short piece of the window somewhere in digital silence, as a lone short word."""

    probability: float = Field(0.15, ge=0, le=1, description="Share of the augmented windows it is done to.")
    seconds: PositiveRange = Field((0.25, 0.7), description="Length of the piece in seconds.")


class Reverberation(_Operation):
    """A room: exponentially decaying noise as impulse response."""

    probability: float = Field(0.25, ge=0, le=1, description="Share of the augmented windows it is done to.")
    rt60_s: PositiveRange = Field((0.1, 0.6), description="Seconds until the room is 60 dB quieter.")
    direct_db: Range = Field((-3.0, 12.0), description="Level of the direct sound over the room's in dB.")


class Mixing(_Operation):
    """Another window of the same shard underneath."""

    probability: float = Field(0.35, ge=0, le=1, description="Share of the augmented windows it is done to.")
    snr_db: Range = Field((0.0, 20.0), description="Level of the window over the other one in dB.")


class Noise(_Operation):
    """White or pink noise underneath, each as often."""

    probability: float = Field(0.35, ge=0, le=1, description="Share of the augmented windows it is done to.")
    snr_db: Range = Field((5.0, 35.0), description="Level of the window over the noise in dB.")


class Gain(_Operation):
    """Louder or quieter; a window that would clip is made just loud enough not to."""

    probability: float = Field(0.7, ge=0, le=1, description="Share of the augmented windows it is done to.")
    db: Range = Field((-15.0, 6.0), description="Gain in dB.")


class AugmentSettings(Settings):
    """Extra windows of the train split; the teacher is given the same sound as the student."""

    copies: float = Field(
        0.0, ge=0, le=100, description="Extra windows for each window, may be a fraction; 0: none."
    )
    speed: SpeedChange = Field(default_factory=SpeedChange, description="Change of speed and pitch.")
    short_cut: ShortCut = Field(default_factory=ShortCut, description="Short pieces in silence.")
    reverberation: Reverberation = Field(default_factory=Reverberation, description="Rooms.")
    mixing: Mixing = Field(default_factory=Mixing, description="Other clips underneath.")
    noise: Noise = Field(default_factory=Noise, description="Noise underneath.")
    gain: Gain = Field(default_factory=Gain, description="Level.")


class TeacherEmbedderSettings(Settings):
    """Which windows are cut and what is asked of whom."""

    teacher: TeacherSpec = Field(default_factory=TrainedTeacher, description="The teacher that is distilled.")
    window_samples: int = Field(
        15_600, ge=1, description="Samples of a window: what a patch of the students' front end needs."
    )
    hop_samples: int = Field(15_360, ge=1, description="Samples between the windows of a clip.")
    silence_peak: float = Field(
        1e-4, ge=0, lt=1, description="Windows that never leave this share of full scale are left out."
    )
    matching: Literal["local", "global"] = Field(
        "local",
        description="What the teacher is given for a window's target. local: the very window; "
        "global: its whole "
        "clip (both as in TRILLsson).",
    )
    batch_size: int = Field(64, ge=1, description="Windows per call of the teacher.")
    storage: Literal["pcm16", "flac"] = Field(
        "pcm16",
        description="How windows are stored. flac: less than half as large, but slower to write and to read.",
    )
    noss_duplicates: Literal["remove", "keep"] = Field(
        "remove",
        description="Clips that are, or sound like, a clip that a NOSS task tests: remove leaves them "
        "out and counts them.",
    )
    augment: AugmentSettings = Field(
        default_factory=AugmentSettings, description="Extra windows of the train split."
    )

    @model_validator(mode="after")
    def _targets_belong_to_what_is_heard(self) -> Self:
        if self.matching == "global" and self.augment.copies:
            raise ValueError(
                f"matching 'global' takes the target of the unchanged clip, but augment.copies is "
                f"{self.augment.copies}: use matching 'local', or 0 copies"
            )
        return self
