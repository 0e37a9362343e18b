"""Settings of the latency benchmark."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.devices import DEVICE_NAME, Device, HostDevice
from schemas.latency_reports import MAX_INTERRUPTION
from schemas.settings import Settings

DeviceName = Annotated[str, StringConstraints(pattern=DEVICE_NAME)]


class MeasurementSettings(Settings):
    """How long and how often everything is timed, and when a figure may not be believed."""

    sessions: int = Field(
        3, ge=3, le=100, description="Sessions; each starts afresh and times every variant and the reference."
    )
    rounds: int = Field(
        10, ge=3, le=1000, description="Rounds of a session; each runs every variant once, in random order."
    )
    min_runs: int = Field(50, ge=3, description="Timed invocations of a variant in a session, at least.")
    min_seconds: float = Field(
        1.0, ge=0, le=600, description="Timed seconds of a variant in a session, at least."
    )
    warmup_runs: int = Field(3, ge=1, le=1000, description="Untimed invocations of a variant in each round.")
    warmup_seconds: float = Field(
        0.1, ge=0, le=60, description="Untimed seconds of a variant before its first round of a session."
    )
    max_disagreement: float = Field(
        0.1,
        gt=0,
        description="A model's ratio to the reference model may be as uncertain, as a share: half the width "
        "of its 95 % interval over the sessions of all attempts.",
    )
    max_reference_drift: float = Field(
        0.25, gt=0, description="The reference model's sessions may differ by this share."
    )
    max_interruption: float = Field(
        MAX_INTERRUPTION,
        gt=0,
        le=1,
        description="The host is busy when interruptions take more than this share of the reference model's "
        "time in a session; 1: no limit.",
    )
    attempts: int = Field(
        3, ge=1, le=10, description="Times a variant is measured in all while it is invalid; sessions add up."
    )
    profile_runs: int = Field(
        20, ge=0, description="Invocations with the operators timed, apart from the others; 0: none."
    )
    timeout_s: float = Field(
        120.0, gt=0, description="Longest wait for one variant's part of a round; then it has failed."
    )
    max_loaded_mib: int = Field(
        2048, ge=1, description="Memory for variants kept loaded between rounds; the others load each round."
    )


class LatencySettings(MeasurementSettings):
    """What the variants are timed on, and how."""

    devices: dict[DeviceName, Device] = Field(
        default_factory=lambda: dict[DeviceName, Device](host=HostDevice()),
        min_length=1,
        description="Each device by a name; each gets a frontier of its own.",
    )

    def measurement(self) -> MeasurementSettings:
        """The settings without the devices: a new device must not have the others measured again."""
        return MeasurementSettings(**self.model_dump(exclude={"devices"}))
