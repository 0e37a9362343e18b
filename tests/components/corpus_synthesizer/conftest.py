from __future__ import annotations

from pathlib import Path

import pytest

from components.corpus_synthesizer.settings import SynthesizerSettings
from tests.components.corpus_synthesizer.sound import synthesize

SMALL = {
    "corpus_clips": 48,
    "eval_clips": 10,
    "clip_seconds": (0.6, 1.2),
    "languages": ("de", "fr"),
    "language_clips": 5,
    "speakers": 3,
    "speaker_clips": 5,
    "keywords": ("yes", "two"),
    "keyword_clips": 5,
    "missing_share": 0.125,
    "bad_share": 0.125,
    "other_share": 0.125,
}


@pytest.fixture(scope="package")
def small() -> SynthesizerSettings:
    return SynthesizerSettings.model_validate(SMALL)


@pytest.fixture(scope="package")
def small_corpus(tmp_path_factory: pytest.TempPathFactory, small: SynthesizerSettings) -> Path:
    return synthesize(tmp_path_factory.mktemp("sound") / "artifact", small)
