"""The TfliteConverter component."""

from __future__ import annotations

from components.common.tfx.contract import Component, Input, Output, Parameter, field, output
from components.tflite_converter.settings import ConverterSettings
from schemas.artifacts import DistillationSet, StudentModel, TfliteVariants


class TfliteConverter(Component):
    """One student to its TFLite variants.

    Attributes:
      model: The student.
      windows: What it learned from, whose eval split is the held-out sound.
      settings: Variants and floors.
      seed: Chooses the windows and makes the noise.
      code_digest: Digest of the component's code, so that the cache sees a change.
      variants: ``variants.json``, the ``.tflite`` files and their golden vectors.
    """

    model: Input[StudentModel]
    windows: Input[DistillationSet]
    settings: Parameter[ConverterSettings] = field(default=ConverterSettings())
    seed: Parameter[int] = field(default=0)
    code_digest: Parameter[str] = field(default="")
    variants: Output[TfliteVariants] = output()
