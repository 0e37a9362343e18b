"""Settings of the TFLite converter."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, field_validator

from schemas.settings import Settings
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tensors import VariantInput
from schemas.tflite_reports import Precision

VariantName = Literal[
    "wave-float32",
    "wave-float16",
    "wave-dynamic",
    "wave-int8",
    "core-float32",
    "core-float16",
    "core-dynamic",
    "core-int8",
    "core-int8io",
    "stream-float32",
    "stream-float16",
    "stream-dynamic",
    "stream-int8",
]
FrontEndForm = Literal["fft", "matmul"]
FrameOutput = Literal["no", "where possible", "required"]

# No wave file with an int8 input: the front end is never quantised.
_SPLIT: dict[VariantName, tuple[VariantInput, Precision]] = {
    f"{kind}-{precision}": (kind, precision)  # type: ignore[misc]
    for kind in get_args(VariantInput)
    for precision in get_args(Precision)
    if f"{kind}-{precision}" in get_args(VariantName)
}


def split_name(name: VariantName) -> tuple[VariantInput, Precision]:
    """Input and precision of a variant."""
    return _SPLIT[name]


class ParityFloor(Settings):
    """Agreement with the Keras student below which a variant is refused."""

    cosine_mean: float = Field(ge=-1, le=1, description="Least mean cosine over the held-out windows.")
    cosine_min: float = Field(ge=-1, le=1, description="Least cosine of any held-out window.")
    centred_cosine: float = Field(
        0.7,
        ge=-1,
        le=1,
        description="Least mean cosine once the student's mean embedding is taken away: a probe sees only "
        "what varies. At 0.7, half of what varies in the file's embeddings is noise of the conversion "
        "(1 - 0.7²).",
    )


class ConverterSettings(Settings):
    """Which variants are made of a student, and what each has to prove."""

    variants: tuple[VariantName, ...] = Field(
        ("wave-float32", "wave-dynamic", "wave-int8", "core-float32", "core-dynamic", "core-int8"),
        min_length=1,
        description="Variants to make, as <input>-<precision>; also offered: wave-float16, core-float16; "
        "core-int8io, whose input and output are int8 too, for microcontrollers; and stream-<precision>, "
        "which takes sound chunk by chunk and its own state.",
    )
    front_end: FrontEndForm = Field(
        "matmul",
        description="Spectrum of the wave files: fft, the runtime's transform, is small (0.1 MB); matmul, "
        "matrix products over the bins in use, is faster and larger (0.4 MB).",
    )
    stream_hop_s: float = Field(
        0.24,
        gt=0,
        description="Seconds between the embeddings of the stream files, which is the sound that each "
        "invocation takes: a multiple of the hop of the student's frames, at most its window.",
    )
    frame_output: FrameOutput = Field(
        "no",
        description="A second output 'frames', one embedding a moment, of which 'embedding' is the mean. "
        "A student that keeps no time has none of it ('where possible') or is refused ('required').",
    )
    float32_floor: ParityFloor = Field(
        ParityFloor(cosine_mean=0.9995, cosine_min=0.995, centred_cosine=0.99),
        description="Floor of the float32 variants (with an int8 bottleneck if it was trained for that).",
    )
    dynamic_floor: ParityFloor = Field(
        ParityFloor(cosine_mean=0.99, cosine_min=0.95, centred_cosine=0.85),
        description="Floor of the variants with dynamic-range int8 weights.",
    )
    float16_floor: ParityFloor = Field(
        ParityFloor(cosine_mean=0.999, cosine_min=0.99, centred_cosine=0.98),
        description="Floor of the variants with float16 weights.",
    )
    int8_floor: ParityFloor = Field(
        ParityFloor(cosine_mean=0.97, cosine_min=0.8, centred_cosine=0.7),
        description="Floor of the full-integer variants.",
    )
    parity_windows: int = Field(64, ge=1, description="Held-out windows on which a file is compared.")
    golden_windows: int = Field(4, ge=1, description="Held-out windows in the golden-vector file.")
    min_quantised_elements: int = Field(
        1024, ge=1, description="Smallest weight tensor that is stored as int8 (dynamic) or float16."
    )
    representative_windows: int = Field(
        128, ge=1, description="Training windows from which the int8 variants take the ranges of activations."
    )
    outlier_share: float = Field(
        0.03,
        ge=0,
        lt=0.5,
        description="Share of these windows, at either end, whose extreme values the range of an activation "
        "need not hold: one odd window would coarsen the steps for all others.",
    )
    report_windows: int = Field(
        8, ge=0, description="Held-out windows of the noise report, layer by layer; 0: no report."
    )

    @field_validator("variants")
    @classmethod
    def _distinct(cls, variants: tuple[VariantName, ...]) -> tuple[VariantName, ...]:
        if len(set(variants)) < len(variants):
            raise ValueError(f"a variant is listed twice: {', '.join(variants)}")
        return variants

    def check(self, candidate: StudentSpec, run: FrontEndSpec) -> None:
        """Makes sure, before any work, that a candidate of a run can have the variants.

        Raises:
          ValueError: Naming the candidate whose frames do not fit the chunk of a stream.
        """
        if any(name.startswith("stream") for name in self.variants):
            try:
                self.stream_frames(candidate.front_end_in(run))
            except ValueError as error:
                raise ValueError(f"{candidate.candidate_id}: conversion.{error}") from error

    def stream_frames(self, front_end: FrontEndSpec) -> int:
        """Frames of the chunk that a stream file takes.

        Raises:
          ValueError: If such a chunk is no whole number of frames of this front end, or beyond a window.
        """
        samples = self.stream_hop_s * front_end.sample_rate
        frames = round(samples / front_end.hop_samples)
        if abs(frames * front_end.hop_samples - samples) > 0.5 or not 0 < frames <= front_end.frames:
            hop_s, window = front_end.hop_samples / front_end.sample_rate, front_end.frames
            raise ValueError(
                f"stream_hop_s is {self.stream_hop_s:g}; accepted for frames {hop_s:g} s apart, {window} to "
                f"a window: a multiple of {hop_s:g}, at most {window * hop_s:g}"
            )
        return frames

    def floor(self, precision: Precision) -> ParityFloor:
        """The parity floor of a precision."""
        floor: ParityFloor = getattr(self, f"{precision.removesuffix('io')}_floor")
        return floor
