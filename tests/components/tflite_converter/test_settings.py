from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.tflite_converter.settings import ConverterSettings, ParityFloor, split_name


def test_a_variant_name_says_input_and_precision() -> None:
    assert split_name("wave-float32") == ("wave", "float32")
    assert split_name("core-dynamic") == ("core", "dynamic")


def test_each_precision_has_its_floor() -> None:
    settings = ConverterSettings()
    assert settings.floor("float32").cosine_mean > settings.floor("dynamic").cosine_mean


def test_settings_survive_the_way_through_a_parameter() -> None:
    settings = ConverterSettings(variants=("core-dynamic",), seed=3)
    assert ConverterSettings.from_parameter(settings.to_parameter()) == settings


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"variants": ["wave-int4"]}, "variants.0"),
        ({"variants": []}, "variants"),
        ({"seed": -1}, "seed"),
        ({"variants": ["core-dynamic", "core-dynamic"]}, "twice"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        ConverterSettings.model_validate(wrong)


def test_no_cosine_exceeds_one() -> None:
    with pytest.raises(ValidationError, match="cosine_mean"):
        ParityFloor(cosine_mean=1.01, cosine_min=0.9)
