"""Settings of the TFLite converter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from schemas.reports import Precision, VariantInput
from schemas.settings import Settings

VariantName = Literal["wave-float32", "wave-dynamic", "core-float32", "core-dynamic"]


def split_name(name: VariantName) -> tuple[VariantInput, Precision]:
    """Input and precision of a variant."""
    kind: VariantInput = "wave" if name.startswith("wave") else "core"
    precision: Precision = "float32" if name.endswith("float32") else "dynamic"
    return kind, precision


class ParityFloor(Settings):
    """Agreement with the Keras student below which a variant is refused."""

    cosine_mean: float = Field(ge=-1, le=1, description="Least mean cosine over the held-out windows.")
    cosine_min: float = Field(ge=-1, le=1, description="Least cosine of any held-out window.")


class ConverterSettings(Settings):
    """Which variants are made of a student, and what each has to prove."""

    variants: tuple[VariantName, ...] = Field(
        ("wave-float32", "wave-dynamic", "core-float32", "core-dynamic"),
        min_length=1,
        description="Variants to make, as <input>-<precision>.",
    )
    float32_floor: ParityFloor = Field(
        ParityFloor(cosine_mean=0.9995, cosine_min=0.995),
        description="Floor of the float32 variants (with an int8 bottleneck if it was trained for that).",
    )
    dynamic_floor: ParityFloor = Field(
        ParityFloor(cosine_mean=0.99, cosine_min=0.95),
        description="Floor of the variants with dynamic-range int8 weights.",
    )
    parity_windows: int = Field(64, ge=1, description="Held-out windows on which a file is compared.")
    golden_windows: int = Field(4, ge=1, description="Held-out windows in the golden-vector file.")
    min_quantised_elements: int = Field(
        1024, ge=1, description="Smallest weight tensor that a dynamic variant stores as int8."
    )
    seed: int = Field(0, ge=0, description="Chooses the held-out windows and makes the noise.")

    @field_validator("variants")
    @classmethod
    def _distinct(cls, variants: tuple[VariantName, ...]) -> tuple[VariantName, ...]:
        if len(set(variants)) < len(variants):
            raise ValueError(f"a variant stands there twice: {', '.join(variants)}")
        return variants

    def floor(self, precision: Precision) -> ParityFloor:
        """The parity floor of a precision."""
        return self.float32_floor if precision == "float32" else self.dynamic_floor
