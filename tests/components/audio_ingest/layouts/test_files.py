from __future__ import annotations

import pytest

from components.audio_ingest.layouts.base import UNKNOWN_START
from components.audio_ingest.layouts.files import layout_of, parse_any


@pytest.mark.parametrize(
    ("stem", "layout", "ytid", "start_ms"),
    [
        ("Y-abc_DEF123", "panns", "-abc_DEF123", UNKNOWN_START),
        ("-abc_DEF123", "plain", "-abc_DEF123", UNKNOWN_START),
        ("-abc_DEF123_30.000", "start", "-abc_DEF123", 30_000),
        ("-abc_DEF123_0", "start", "-abc_DEF123", 0),
        ("-abc_DEF123_30-40", "start_end", "-abc_DEF123", 30_000),
        ("-abc_DEF123_2.5-12.500", "start_end", "-abc_DEF123", 2_500),
        ("-abc_DEF123_30000_40000", "start_end_ms", "-abc_DEF123", 30_000),
        # Ids that look as if they said more: eleven characters are an id.
        ("abcdefgh_12", "plain", "abcdefgh_12", UNKNOWN_START),
        ("Ybcdefgh_12", "plain", "Ybcdefgh_12", UNKNOWN_START),
        ("Yabcdefgh_12", "panns", "abcdefgh_12", UNKNOWN_START),
        ("abcde_10_20_30", "start", "abcde_10_20", 30_000),
        ("a_1_2_3_4_5_60_70", "start_end_ms", "a_1_2_3_4_5", 60),
        ("-----------_1-2", "start_end", "-----------", 1_000),
        # Ids of other lengths are read from the end.
        ("clip7_30.000", "start", "clip7", 30_000),
        ("clip7", "plain", "clip7", UNKNOWN_START),
    ],
)
def test_every_layout_is_told_by_its_name(stem: str, layout: str, ytid: str, start_ms: int) -> None:
    found = layout_of(stem)
    assert found is not None
    assert found.name == layout
    assert found.parse(stem) == parse_any(stem) == (ytid, start_ms)


@pytest.mark.parametrize("stem", ["my song (1)", "", "abc.def", "ünïcode", "a b"])
def test_other_names_follow_none(stem: str) -> None:
    assert layout_of(stem) is None
    assert parse_any(stem) is None
