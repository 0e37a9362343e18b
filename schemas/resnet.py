"""The ResNet that teachers and students can be made of."""

from __future__ import annotations

from pydantic import Field

from schemas.settings import Settings


class ResNetSpec(Settings):
    """A ResNet of bottleneck blocks on log-mel patches; the defaults are TRILL's ResNet-50.

    He et al., "Deep Residual Learning for Image Recognition" (2016), table 1; Shor et al., "Towards
    Learning a Universal Non-Semantic Representation of Speech" (Interspeech 2020), section 3.2.
    """

    depths: tuple[int, ...] = Field(
        (3, 4, 6, 3), min_length=1, max_length=5, description="Blocks of each stage."
    )
    width: int = Field(
        64, ge=4, description="Channels of the stem and of the first stage's inner convolutions."
    )
    expansion: int = Field(4, ge=1, description="Outer channels of a block as a multiple of its inner ones.")
    embedding_dim: int = Field(512, ge=8, description="Dimensions of the embedding.")
    statistics_skip: bool = Field(
        False,
        description="The last map is averaged, and mean and deviation of the log-mels over time, and the "
        "deviation of their slopes, join it: little sound is enough to learn from them.",
    )
    batch_norm_momentum: float = Field(
        0.95, gt=0, lt=1, description="Of the moving averages; near 1 they never arrive in short trainings."
    )
