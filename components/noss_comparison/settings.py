"""Settings of ``NossComparison``."""

from __future__ import annotations

from pydantic import Field

from schemas.settings import Settings


class NossComparisonSettings(Settings):
    """How much is compared."""

    candidates: int = Field(
        40,
        ge=2,
        description="Candidates that are compared in pairs and drawn in the heat map, the best ones.",
    )
