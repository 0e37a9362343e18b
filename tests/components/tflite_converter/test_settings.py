from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from components.tflite_converter.settings import ConverterSettings, ParityFloor, VariantName, split_name
from schemas.tflite_reports import Precision


def test_a_variant_name_says_input_and_precision() -> None:
    assert split_name("wave-float32") == ("wave", "float32")
    assert split_name("core-dynamic") == ("core", "dynamic")
    names = get_args(VariantName)
    assert ["-".join(split_name(name)) for name in names] == list(names)


def test_each_precision_has_its_floor() -> None:
    settings = ConverterSettings()
    floors = [settings.floor(precision).cosine_mean for precision in get_args(Precision)]
    assert floors == sorted(floors, reverse=True), "float32, float16, dynamic, int8"
    assert len(set(floors)) == 4


def test_settings_survive_the_way_through_a_parameter() -> None:
    settings = ConverterSettings(variants=("core-dynamic",), golden_windows=3)
    assert ConverterSettings.from_parameter(settings.to_parameter()) == settings


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"variants": ["wave-int4"]}, "variants.0"),
        ({"variants": []}, "variants"),
        ({"seed": -1}, "seed"),
        ({"front_end": "wavelet"}, "front_end"),
        ({"frame_output": True}, "frame_output"),
        ({"outlier_share": 0.5}, "outlier_share"),
        ({"variants": ["core-dynamic", "core-dynamic"]}, "twice"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        ConverterSettings.model_validate(wrong)


def test_no_cosine_exceeds_one() -> None:
    with pytest.raises(ValidationError, match="cosine_mean"):
        ParityFloor(cosine_mean=1.01, cosine_min=0.9)
