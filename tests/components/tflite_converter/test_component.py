from __future__ import annotations

from tfx import types

from components.tflite_converter.component import TfliteConverter
from components.tflite_converter.settings import ConverterSettings
from schemas.artifacts import DistillationSet, StudentModel, TfliteVariants


def test_construct() -> None:
    settings = ConverterSettings(variants=("core-dynamic",))
    node = TfliteConverter(
        model=types.Channel(type=StudentModel),
        windows=types.Channel(type=DistillationSet),
        settings=settings,
        seed=3,
        code_digest="abc",
    )
    assert node.outputs["variants"].type is TfliteVariants
    assert node.exec_properties == {"settings": settings.to_parameter(), "seed": 3, "code_digest": "abc"}
