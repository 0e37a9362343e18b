"""Settings of the teacher's training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.resnet import ResNetSpec
from schemas.settings import Range, Settings, ordered

Positive = Annotated[float, Field(gt=0)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(ordered)]


class Triplets(Settings):
    """TRILL: a window shall lie nearer to its clip's other window than to another clip's."""

    kind: Literal["triplets"] = Field("triplets", description="Which objective it is.")
    margin: float = Field(
        0.2,
        gt=0,
        le=4,
        description="How much farther than the positive a negative shall be (squared distance).",
    )


class Contrastive(Settings):
    """COLA: of all windows of the batch, the one of the same clip shall be told by a bilinear similarity."""

    kind: Literal["contrastive"] = Field("contrastive", description="Which objective it is.")
    projection: int = Field(
        512, ge=8, description="Dimensions in which windows are compared; the projection is not kept."
    )


Objective = Annotated[Triplets | Contrastive, Field(discriminator="kind")]


class Reverberation(Settings):
    """A room: a tail that decays exponentially."""

    probability: float = Field(0.5, ge=0, le=1, description="Share of the windows; 0: none.")
    rt60_s: PositiveRange = Field((0.1, 0.6), description="Seconds until the room is 60 dB quieter.")
    direct_db: Range = Field((-3.0, 12.0), description="Level of the direct sound over the room's in dB.")


class Noise(Settings):
    """A steady noise underneath, with a spectrum of its own for each window."""

    probability: float = Field(0.7, ge=0, le=1, description="Share of the windows; 0: none.")
    snr_db: Range = Field((0.0, 30.0), description="Level of the window over the noise in dB.")


class Equaliser(Settings):
    """A smooth frequency response, as of a microphone."""

    probability: float = Field(0.8, ge=0, le=1, description="Share of the windows; 0: none.")
    deviation_db: float = Field(6.0, gt=0, description="Standard deviation of a mel band's gain in dB.")
    curves: int = Field(6, ge=1, description="Cosines over the mel bands that the response is made of.")


class Band(Settings):
    """A line that carries a part of the frequencies only."""

    probability: float = Field(0.3, ge=0, le=1, description="Share of the windows; 0: none.")
    lower_hz: PositiveRange = Field((80.0, 400.0), description="Below it nothing comes through.")
    upper_hz: PositiveRange = Field((2500.0, 7000.0), description="Above it nothing comes through.")

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.lower_hz[1] >= self.upper_hz[0]:
            raise ValueError(
                f"band.lower_hz reaches {self.lower_hz[1]:g} Hz and band.upper_hz begins at "
                f"{self.upper_hz[0]:g} Hz: the lower edge must be below the upper one"
            )
        return self


class Level(Settings):
    """Louder or quieter."""

    probability: float = Field(0.8, ge=0, le=1, description="Share of the windows; 0: none.")
    db: Range = Field((-15.0, 6.0), description="Gain in dB.")


class Views(Settings):
    """What is changed in each of a clip's two windows, at random and independently."""

    reverberation: Reverberation = Field(default_factory=Reverberation, description="Rooms.")
    noise: Noise = Field(default_factory=Noise, description="Noise underneath.")
    equaliser: Equaliser = Field(default_factory=Equaliser, description="Microphones.")
    band: Band = Field(default_factory=Band, description="Narrow lines.")
    gain: Level = Field(default_factory=Level, description="Level.")


class TeacherTrainerSettings(Settings):
    """How a teacher is trained without labels: two windows of a clip belong together."""

    network: ResNetSpec = Field(default_factory=ResNetSpec, description="The network.")
    objective: Objective = Field(default_factory=Triplets, description="What makes windows belong together.")
    views: Views | None = Field(
        None,
        description="How the two windows are changed, so that the recording's channel is not the answer; "
        "none: they are left as they are, as in TRILL.",
    )
    epochs: int = Field(20, ge=1, description="Passes over the clips; each gives one pair of windows a pass.")
    batch_clips: int = Field(32, ge=2, description="Clips a step; the others of the step are the negatives.")
    learning_rate: float = Field(1e-3, gt=0, description="First learning rate of Adam.")
    final_rate: float = Field(
        0.05, ge=0, le=1, description="Last learning rate as a share of the first (cosine decay)."
    )
    min_distance_s: float | None = Field(
        None,
        ge=0,
        description="Seconds between the starts of the two windows of a clip at least; none: a window, so "
        "that they do not overlap.",
    )
    max_distance_s: float = Field(
        10.0, gt=0, description="Seconds between the starts of the two windows of a clip at most."
    )
    shuffle_clips: int = Field(1024, ge=1, description="Clips held in memory to draw the order from.")

    @model_validator(mode="after")
    def _distances_in_order(self) -> Self:
        if self.min_distance_s is not None and self.min_distance_s > self.max_distance_s:
            raise ValueError(
                f"min_distance_s {self.min_distance_s:g} must not be above max_distance_s "
                f"{self.max_distance_s:g}"
            )
        return self
