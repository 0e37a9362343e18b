"""What the two ingesting components share in their settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.settings import Settings


class IntakeSettings(Settings):
    """Which clips are good enough, how many may be bad, and how they are packed."""

    # They decide which clips go where and when a run stops, not what a clip's record is.
    NOT_IN_RECORDS: ClassVar[frozenset[str]] = frozenset(
        {"max_bad_share", "max_missing_share", "shard_clips"}
    )

    min_seconds: float = Field(0.1, ge=0.01, le=60, description="Shorter clips are left out, in seconds.")
    silence_peak: float = Field(
        1e-4,
        ge=1e-5,
        lt=1,
        description="Clips that never leave this share of full scale are left out as silent.",
    )
    max_bad_share: float = Field(
        0.05, ge=0, le=1, description="The run stops if more of the clips found in a split than this are bad."
    )
    max_missing_share: float = Field(
        0.5, ge=0, le=1, description="The run stops if more of the rows of a split than this have no file."
    )
    decode_timeout_seconds: float = Field(
        60.0,
        ge=0.1,
        le=3600,
        description="A clip whose decoding takes longer is left out as timed_out, in seconds.",
    )
    shard_clips: int = Field(512, ge=1, description="Clips of one TFRecord shard.")

    def record_parameter(self) -> str:
        """What the record of a requested clip depends on; a subclass decides which clips are requested."""
        return self.model_dump_json(include=set(IntakeSettings.model_fields) - self.NOT_IN_RECORDS)
