"""What a student is made of: the typed parameters of one candidate."""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, TypeAdapter, model_validator

from schemas.architecture import Architecture
from schemas.known_architectures import known_architectures
from schemas.settings import Settings

Pooling = Literal["gap", "flatten", "token"]
Qat = Literal["none", "bottleneck", "network"]


@cache
def _networks() -> TypeAdapter[Any]:
    one_of: Any = Annotated[_OneOfThem.choices(), Field(discriminator="name")]
    return TypeAdapter(one_of)


def _default() -> Architecture:
    return known_architectures()["mobilenet_v3"].model_validate({})


class _OneOfThem:
    """The schema of a network: that of those that are known, and which it is if none is named."""

    @staticmethod
    def choices() -> Any:
        """What may stand there, as a union: messages about faults name it."""
        return reduce(or_, known_architectures().values())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"default": _default().model_dump(mode="json"), **handler(_networks().core_schema)}


if TYPE_CHECKING:
    AnyArchitecture = Architecture
else:
    # Looked up when a student is read: by then all networks are known.
    AnyArchitecture = Annotated[
        Any, PlainValidator(lambda value: _networks().validate_python(value)), _OneOfThem
    ]


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
        return self.samples_of(self.frames)

    def samples_of(self, frames: int) -> int:
        """Samples that so many frames need."""
        return (frames - 1) * self.hop_samples + self.frame_samples

    def frames_in(self, samples: int) -> int:
        """Whole frames of so many samples."""
        return max((samples - self.frame_samples) // self.hop_samples + 1, 0)


class StudentSpec(Settings):
    """One candidate: an architecture, its pooling, and how its bottleneck and weights are compressed."""

    architecture: AnyArchitecture = Field(
        default_factory=_default,
        description="The network, by name, with its own parameters.",
    )
    pooling: Pooling = Field(
        "gap",
        description="gap: mean over the last map; flatten: keep its time-frequency order; token: the summary "
        "token(s) of a transformer.",
    )
    embedding_width: int = Field(2048, ge=8, le=16384, description="Dimensions of the embedding.")
    svd_rank: int = Field(
        0, ge=0, description="Rank of the compressed bottleneck; 0 leaves the bottleneck a full matrix."
    )
    svd_energy: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="In place of a rank: share of the full embedding's variance to keep.",
    )
    qat: Qat = Field(
        "none", description="Quantisation-aware training (int8): of nothing, the bottleneck, the network."
    )
    sparsity: float = Field(
        0.0, ge=0, lt=1, description="Share of the weights that magnitude pruning sets to zero."
    )
    statistics_skip: bool = Field(
        False,
        description="Join the patch's log-mel mean and deviation to the pooled features: level and timbre, "
        "which a teacher of events or words may have dropped, reach the embedding directly.",
    )
    taps: bool = Field(
        False,
        description="Join the pooled maps of earlier blocks to the pooled features, where the network names "
        "some (mobilenet_v3): what later blocks have no more.",
    )
    warm_start: str = Field(
        "", description="Id of the candidate whose trained weights this one starts from; empty: from scratch."
    )

    @model_validator(mode="after")
    def _compatible(self) -> Self:
        if self.svd_rank and self.svd_energy:
            raise ValueError("svd_rank and svd_energy exclude each other: give one of them")
        if self.taps and not self.architecture.taps:
            raise ValueError(f"taps: {self.architecture.name} names no layers to be tapped; leave taps out")
        if self.pooling == "token" and not self.architecture.HAS_TOKEN:
            raise ValueError(f"pooling 'token' needs a summary token, {self.architecture.name} has none")
        if self.qat == "network" and not self.architecture.QUANTISES:
            raise ValueError(f"qat 'network' cannot quantise {self.architecture.name}; use 'bottleneck'")
        return self

    def levels(self) -> dict[str, str]:
        """The level of each factor in words; an architecture's own are called ``architecture.<name>``."""
        own = self.model_dump(mode="json", exclude={"architecture"})
        of_network = self.architecture.model_dump(mode="json")
        factors = {**{f"architecture.{name}": value for name, value in of_network.items()}, **own}
        return {name: _in_words(value) for name, value in factors.items()}

    @property
    def low_rank(self) -> bool:
        """Whether the bottleneck is factored."""
        return bool(self.svd_rank or self.svd_energy)

    @property
    def candidate_id(self) -> str:
        """Readable and unique; never parsed back, parameters travel as this record."""
        parts = [self.architecture.label, self.pooling, f"e{self.embedding_width}"]
        if self.svd_rank:
            parts.append(f"svd{self.svd_rank}")
        if self.svd_energy:
            parts.append(f"svd{self.svd_energy:g}")
        if self.qat != "none":
            parts.append({"bottleneck": "qat", "network": "qatnet"}[self.qat])
        if self.sparsity:
            parts.append(f"sparse{self.sparsity:g}")
        if self.statistics_skip:
            parts.append("stat")
        if self.taps:
            parts.append("taps")
        if self.warm_start:
            parts.append("warm")
        return "-".join(parts)

    def feature_width(self, front_end: FrontEndSpec) -> int:
        """Features that the bottleneck takes.

        Raises:
          ValueError: If the architecture cannot take such patches.
        """
        shape = self.architecture.map_shape(front_end.frames, front_end.mels)
        positions = shape.time * shape.frequency if self.pooling == "flatten" else 1
        taps = sum(self.architecture.taps.values()) if self.taps else 0
        return positions * shape.channels + taps + (2 * front_end.mels if self.statistics_skip else 0)

    def check(self, front_end: FrontEndSpec) -> None:
        """Makes sure, before any work, that the candidate can be built behind a front end.

        Raises:
          ValueError: Naming the candidate: a patch that is too short, or a rank that does not compress.
        """
        try:
            features = self.feature_width(front_end)
            if self.svd_rank:
                check_rank(self.svd_rank, features, self.embedding_width)
        except ValueError as error:
            raise ValueError(f"{self.candidate_id}: {error}") from error


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value in ("", None) else str(value)


def check_rank(rank: int, features: int, units: int) -> None:
    """Refuses a rank at which two factors are no smaller than the matrix.

    Raises:
      ValueError: With the largest rank that would compress.
    """
    largest = largest_rank(features, units)
    if not 0 < rank <= largest:
        raise ValueError(
            f"svd_rank {rank} does not compress a {features}x{units} bottleneck: use 1 to {largest}, or 0"
        )


def largest_rank(features: int, units: int) -> int:
    """The largest rank at which two factors are smaller than the matrix."""
    return (features * units - 1) // (features + units)
