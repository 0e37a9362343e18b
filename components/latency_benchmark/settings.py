"""Settings of the latency benchmark."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.settings import Settings

BackendName = Literal["host"]
Delegate = Literal["xnnpack", "none"]


class LatencySettings(Settings):
    """Where and how long the variants are timed."""

    backend: BackendName = Field(
        "host", description="What the variants run on; host is this machine, never called a device."
    )
    rounds: int = Field(
        15,
        ge=3,
        le=1000,
        description="Rounds; each runs every variant and the reference once, in random order.",
    )
    runs_per_round: int = Field(30, ge=1, le=10_000, description="Timed invocations of a variant in a round.")
    warmup: int = Field(5, ge=1, le=1000, description="Untimed invocations of a variant before these.")
    threads: int = Field(1, ge=1, le=64, description="Threads of the interpreter.")
    delegate: Delegate = Field("xnnpack", description="XNNPACK kernels, or TFLite's own.")
    pin_core: bool = Field(True, description="Keep the timing process on as many cores as it has threads.")
    timeout_s: float = Field(
        120.0, gt=0, description="Longest wait for one variant's part of a round; then it has failed."
    )
    max_loaded_mib: int = Field(
        2048, ge=1, description="Memory for variants kept loaded between rounds; the others load each round."
    )
