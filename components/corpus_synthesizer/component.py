"""The CorpusSynthesizer component."""

from __future__ import annotations

from components.common.tfx.contract import Component, Output, Parameter, field, output
from components.corpus_synthesizer.settings import SynthesizerSettings
from schemas.artifacts import SoundCorpus


class CorpusSynthesizer(Component):
    """Speaks a corpus in AudioSet's form and three tasks in NOSS's form.

    Attributes:
      settings: How much is spoken, by whom, and how clean it sounds.
      seed: The same seed gives the same bytes.
      code_digest: Digest of the code, so that the cache sees changes.
      corpus: The sound.
    """

    settings: Parameter[SynthesizerSettings]
    seed: Parameter[int]
    code_digest: Parameter[str] = field(default="")
    corpus: Output[SoundCorpus] = output()
