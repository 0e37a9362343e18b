"""Settings of the teacher's training."""

from __future__ import annotations

from pydantic import Field

from schemas.resnet import ResNetSpec
from schemas.settings import Settings


class TeacherTrainerSettings(Settings):
    """How a teacher is trained: triplets of windows, two of one clip and one of another."""

    network: ResNetSpec = Field(default_factory=ResNetSpec, description="The network.")
    epochs: int = Field(20, ge=1, description="Passes over the clips; each gives one pair of windows a pass.")
    batch_clips: int = Field(32, ge=2, description="Clips a step; the others of the step are the negatives.")
    learning_rate: float = Field(1e-3, gt=0, description="First learning rate of Adam.")
    final_rate: float = Field(
        0.05, ge=0, le=1, description="Last learning rate as a share of the first (cosine decay)."
    )
    margin: float = Field(
        0.2,
        gt=0,
        le=4,
        description="How much farther than the positive a negative shall be (squared distance).",
    )
    max_distance_s: float = Field(
        10.0, gt=0, description="Seconds between the two windows of a clip at most."
    )
    shuffle_clips: int = Field(1024, ge=1, description="Clips held in memory to draw the order from.")
