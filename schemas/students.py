"""What a student is made of: the typed parameters of one candidate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.settings import Settings

Size = Literal["tiny", "small", "large"]
Pooling = Literal["gap", "flatten"]


class FrontEndSpec(Settings):
    """The log-mel front end, the same in training, in TFLite and in evaluation."""

    sample_rate: int = Field(16_000, gt=0, description="Samples a second of the waveform.")
    frame_samples: int = Field(400, gt=0, description="Length of a frame in samples (25 ms).")
    hop_samples: int = Field(160, gt=0, description="Samples between frames (10 ms).")
    fft_size: int = Field(512, gt=0, description="Points of the Fourier transform.")
    mels: int = Field(64, gt=0, description="Mel bands of a frame.")
    lower_hz: float = Field(125.0, ge=0, description="Lower edge of the mel bands in Hz.")
    upper_hz: float = Field(7500.0, gt=0, description="Upper edge of the mel bands in Hz.")
    log_offset: float = Field(0.001, gt=0, description="Added to a mel magnitude before the logarithm.")
    frames: int = Field(96, gt=0, description="Frames of a patch: what the network sees at once.")

    @property
    def window_samples(self) -> int:
        """Samples that one patch needs (15,600 by default: 0.975 s)."""
        return (self.frames - 1) * self.hop_samples + self.frame_samples


class StudentSpec(Settings):
    """One candidate: a MobileNetV3 student as FRILL describes it (Interspeech 2021, section 3)."""

    size: Size = Field("small", description="MobileNetV3 size: tiny, small or large.")
    width: float = Field(1.0, gt=0, le=4, description="Width multiplier ('alpha') of all channels.")
    pooling: Pooling = Field(
        "gap", description="gap: global average over the last map; flatten: keep its time-frequency order."
    )
    embedding_width: int = Field(2048, ge=8, le=16384, description="Dimensions of the embedding.")
    svd_rank: int = Field(
        0, ge=0, description="Rank of the compressed bottleneck; 0 leaves the bottleneck a full matrix."
    )
    qat: bool = Field(False, description="Quantisation-aware training of the bottleneck (int8).")

    statistics_skip: bool = Field(
        False,
        description="Join the patch's log-mel mean and deviation to the pooled features: level and timbre, "
        "which a teacher of events or words may have dropped, reach the embedding directly.",
    )

    @property
    def candidate_id(self) -> str:
        """Readable and unique; never parsed back, parameters travel as this record."""
        parts = [self.size, f"w{self.width:g}", self.pooling, f"e{self.embedding_width}"]
        if self.svd_rank:
            parts.append(f"svd{self.svd_rank}")
        if self.qat:
            parts.append("qat")
        if self.statistics_skip:
            parts.append("stat")
        return "-".join(parts)
