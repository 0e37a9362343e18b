from __future__ import annotations

import pytest
from pydantic import ValidationError

from components.corpus_synthesizer.component import CorpusSynthesizer
from components.corpus_synthesizer.languages import OTHER_WORDS, PHRASES
from components.corpus_synthesizer.settings import SynthesizerSettings
from components.corpus_synthesizer.voices import split_speakers
from schemas.artifacts import SoundCorpus


def test_construct() -> None:
    component = CorpusSynthesizer(SynthesizerSettings(), seed=5, code_digest="abc")
    assert component.outputs["corpus"].type is SoundCorpus
    assert component.exec_properties["code_digest"] == "abc"
    assert component.exec_properties["seed"] == 5


def test_settings_survive_the_parameter() -> None:
    settings = SynthesizerSettings(snr_db=(5, 10), keywords=("cat", "dog"))
    assert SynthesizerSettings.from_parameter(settings.to_parameter()) == settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"snr_db": (20, 5)}, r"snr_db is \(20, 5\)"),
        ({"clip_seconds": (0.1, 3)}, "within 0.5 to 10 s"),
        ({"rt60_s": (0.0, 0.5)}, "rt60_s is"),
        ({"languages": ("de", "de")}, "accepted: different ones"),
        ({"languages": ("de", "xx")}, "'de', 'en', 'es', 'fr', 'it' or 'ru'"),
        ({"keywords": ("yes", "No way")}, "keywords.1"),
        ({"speakers": 99}, "less than or equal to 16"),
        ({"clips": 3}, "clips"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SynthesizerSettings.model_validate(change)


def test_every_language_has_different_phrases() -> None:
    for phrases in PHRASES.values():
        for part in (phrases.times, phrases.subjects, phrases.actions, phrases.places):
            assert len(set(part)) == len(part) >= 7


def test_other_words_remain_when_the_keywords_are_the_default() -> None:
    assert len(set(OTHER_WORDS) - set(SynthesizerSettings().keywords)) >= 20


def test_splits_share_no_speaker_and_none_is_empty() -> None:
    from components.corpus_synthesizer.studio import random_source
    from components.corpus_synthesizer.voices import draw_speakers

    for count in (3, 4, 10, 30):
        speakers = draw_speakers(random_source(1, "x"), count)
        splits = split_speakers(speakers, {"train": 0.6, "validation": 0.2, "test": 0.2})
        assert all(splits.values())
        assert [one for split in splits.values() for one in split] == speakers
