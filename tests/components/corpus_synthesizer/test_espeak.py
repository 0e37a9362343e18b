from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from components.corpus_synthesizer.espeak import ESPEAK_RATE, Espeak, EspeakError, Voice, version
from components.corpus_synthesizer.voices import ENGLISH, FEMALE, MALE

# The breath of f3 and the whole of a whisper are noise: they show whether eSpeak's own randomness is tamed.
BREATHY = Voice("en", "f3")
WHISPER = Voice("fr", "whisper")


def _say(seed: int, *voices: Voice) -> list[bytes]:
    with Espeak(seed) as espeak:
        return [espeak.say("Hello world.", voice).tobytes() for voice in voices]


def test_speaks_at_its_rate_and_below_full_scale() -> None:
    with Espeak(1) as espeak:
        audio = espeak.say("one two three four five", Voice("en", words_per_minute=175))
    assert audio.dtype == np.float32
    assert 1.0 < len(audio) / ESPEAK_RATE < 3.0
    assert 0.1 < np.abs(audio).max() <= 1.0


def test_the_same_seed_says_the_same_again() -> None:
    assert _say(7, BREATHY, WHISPER, BREATHY) == _say(7, BREATHY, WHISPER, BREATHY)


def test_another_seed_breathes_differently() -> None:
    assert _say(7, BREATHY) != _say(8, BREATHY)


def test_rate_changes_the_length_and_pitch_the_fundamental() -> None:
    with Espeak(1) as espeak:
        slow = espeak.say("a long sentence with many words", Voice("en", words_per_minute=100))
        fast = espeak.say("a long sentence with many words", Voice("en", words_per_minute=300))
        low = espeak.say("aaaaaaa", Voice("en", pitch=10, pitch_range=0))
        high = espeak.say("aaaaaaa", Voice("en", pitch=90, pitch_range=0))
    assert len(slow) > 1.5 * len(fast)
    assert _fundamental(high) > 1.3 * _fundamental(low)


def test_every_voice_that_is_drawn_from_exists() -> None:
    with Espeak(1) as espeak:
        for variant in (*FEMALE, *MALE):
            espeak.say("yes", Voice("en", variant))
        for language in (*ENGLISH, "de", "es", "fr", "it", "ru"):
            espeak.say("1", Voice(language))


@pytest.mark.parametrize("voice", [Voice("xx"), Voice("en", "nobody")])
def test_an_unknown_voice_is_refused_by_name(voice: Voice) -> None:
    with (
        Espeak(1) as espeak,
        pytest.raises(EspeakError, match=f"no voice '{voice.name}'".replace("+", r"\+")),
    ):
        espeak.say("hello", voice)


def test_a_text_without_sound_is_refused() -> None:
    with Espeak(1) as espeak, pytest.raises(EspeakError, match="produced no sound for ''"):
        espeak.say("", Voice("en"))


def test_it_must_be_loaded() -> None:
    with pytest.raises(EspeakError, match="context manager"):
        Espeak(1).say("hello", Voice("en"))


def test_version() -> None:
    assert version()[0].isdigit()


def test_a_library_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("espeakng_loader")
    fake.get_library_path = lambda: "/nowhere/libespeak-ng.so"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "espeakng_loader", fake)
    with pytest.raises(EspeakError, match=r"espeakng-loader.*nowhere"):
        version()


def _fundamental(audio: np.ndarray) -> float:
    middle = audio[len(audio) // 3 : len(audio) // 3 + 4096]
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    shortest = ESPEAK_RATE // 400
    return float(ESPEAK_RATE / (shortest + np.argmax(correlation[shortest : ESPEAK_RATE // 50])))
