"""What a student is made of: the typed parameters of one candidate."""

from __future__ import annotations

import math
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, TypeAdapter, model_validator

from schemas.architecture import Architecture
from schemas.known_architectures import known_architectures
from schemas.settings import Settings

Pooling = Literal["gap", "flatten", "token"]
Qat = Literal["none", "bottleneck", "network"]

_SAMPLES_PER_MS = 16  # of all sound in a run


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

    def check(self) -> None:
        """Refuses a front end that leaves sound out or has bands without a frequency.

        Raises:
          ValueError: Naming the setting, its value and what is accepted.
        """
        if self.hop_samples > self.frame_samples:
            raise ValueError(
                f"hop_samples is {self.hop_samples}, so that sound between frames of "
                f"{self.frame_samples} samples is left out; accepted: 1 to {self.frame_samples}"
            )
        if self.frame_samples > self.fft_size:
            raise ValueError(
                f"fft_size is {self.fft_size}, which cuts frames of {self.frame_samples} samples; "
                f"accepted: {self.frame_samples} or more"
            )
        if not self.lower_hz < self.upper_hz <= self.sample_rate / 2:
            raise ValueError(
                f"lower_hz and upper_hz are {self.lower_hz:g} and {self.upper_hz:g}; accepted: "
                f"rising, and at most {self.sample_rate / 2:g} Hz, half the sample rate"
            )
        if empty := self._empty_bands():
            raise ValueError(
                f"mels is {self.mels}: between the edges of {empty} of the bands lies no frequency of a "
                f"transform of {self.fft_size} points; accepted: fewer bands, or a larger fft_size"
            )

    def _empty_bands(self) -> int:
        """Bands between whose edges, on HTK's mel scale, no frequency of the transform lies."""
        low, high = (1127 * math.log1p(hertz / 700) for hertz in (self.lower_hz, self.upper_hz))
        edges = [
            700 * math.expm1((low + (high - low) * place / (self.mels + 1)) / 1127)
            for place in range(self.mels + 2)
        ]
        step = self.sample_rate / self.fft_size
        return sum(
            (math.floor(lower / step) + 1) * step >= upper
            for lower, upper in zip(edges[:-2], edges[2:], strict=True)
        )

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


class StudentFrontEnd(Settings):
    """What of the front end a student may have for itself; what is not given is the run's.

    Sample rate and window are the run's alone, since the teacher's targets belong to windows of sound: a
    student has as many frames as fit into the run's window.
    """

    mels: int | None = Field(None, gt=0, description="Mel bands of a frame.")
    hop_samples: int | None = Field(None, gt=0, description="Samples between frames.")
    frame_samples: int | None = Field(None, gt=0, description="Length of a frame in samples.")
    fft_size: int | None = Field(None, gt=0, description="Points of the Fourier transform.")
    lower_hz: float | None = Field(None, ge=0, description="Lower edge of the mel bands in Hz.")
    upper_hz: float | None = Field(None, gt=0, description="Upper edge of the mel bands in Hz.")

    @model_validator(mode="before")
    @classmethod
    def _leaves_the_run_alone(cls, data: Any) -> Any:
        of_run = set(FrontEndSpec.model_fields) - set(cls.model_fields)
        for name in of_run.intersection(data if isinstance(data, dict) else ()):
            raise ValueError(
                f"{name} is {data[name]!r}, but all students of a run share it: set front_end.{name} of the "
                f"run; accepted here: {', '.join(cls.model_fields)}"
            )
        return data

    @property
    def given(self) -> dict[str, int | float]:
        """What the student has for itself, by the setting's name."""
        return self.model_dump(exclude_none=True)

    @property
    def label(self) -> str:
        """Readable and short, lengths in milliseconds: ``m40-h20``."""
        parts = {
            "mels": f"m{self.mels}",
            "hop_samples": f"h{(self.hop_samples or 0) / _SAMPLES_PER_MS:g}",
            "frame_samples": f"f{(self.frame_samples or 0) / _SAMPLES_PER_MS:g}",
            "fft_size": f"fft{self.fft_size}",
            "lower_hz": f"from{self.lower_hz:g}" if self.lower_hz is not None else "",
            "upper_hz": f"to{self.upper_hz:g}" if self.upper_hz is not None else "",
        }
        return "-".join(parts[name] for name in self.given)

    def differing_from(self, run: FrontEndSpec) -> StudentFrontEnd | None:
        """The same without what the run's front end has anyway; None if nothing is left."""
        own = {name: value for name, value in self.given.items() if value != getattr(run, name)}
        return StudentFrontEnd(**own) if own else None


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
    front_end: StudentFrontEnd | None = Field(
        None, description="Where the student's front end differs from the run's; null: nowhere."
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

    def front_end_in(self, run: FrontEndSpec) -> FrontEndSpec:
        """The student's whole front end, in a run whose front end is ``run``.

        Raises:
          ValueError: If not even one frame fits into the run's window.
        """
        if self.front_end is None:
            return run
        changed = run.model_copy(update=self.front_end.given)
        frames = changed.frames_in(run.window_samples)
        if not frames:
            raise ValueError(
                f"frame_samples is {changed.frame_samples}, but the run's window has "
                f"{run.window_samples} samples; accepted: at most {run.window_samples}"
            )
        return changed.model_copy(update={"frames": frames})

    def levels(self, front_end: FrontEndSpec) -> dict[str, str]:
        """The level of each factor in words.

        An architecture's own are called ``architecture.<name>``, those of the front end
        ``front_end.<name>``.

        Args:
          front_end: The student's whole front end: :meth:`front_end_in` gives it.
        """
        own = self.model_dump(mode="json", exclude={"architecture", "front_end"})
        of_network = self.architecture.model_dump(mode="json")
        factors = {
            **{f"architecture.{name}": value for name, value in of_network.items()},
            **own,
            **{f"front_end.{name}": getattr(front_end, name) for name in StudentFrontEnd.model_fields},
        }
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
        if self.front_end and self.front_end.given:
            parts.append(self.front_end.label)
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

    def check(self, run: FrontEndSpec) -> None:
        """Makes sure, before any work, that the candidate can be built in a run with this front end.

        Raises:
          ValueError: Naming the candidate: a front end of its own that cannot be, a patch that is too short,
            or a rank that does not compress.
        """
        try:
            front_end = self.front_end_in(run)
            front_end.check()
        except ValueError as error:
            raise ValueError(f"{self.candidate_id}: front_end.{error}") from error
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
