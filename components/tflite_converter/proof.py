"""Everything a file of one student is compared with, computed once a student."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from components.common.modeling.frontend import LogMel
from components.common.modeling.stream_model import open_variant
from components.common.modeling.student_network import Student
from components.tflite_converter import checks
from components.tflite_converter.settings import ConverterSettings
from components.tflite_converter.windows import HELD_OUT, draw_windows
from schemas.tensors import VariantInput
from schemas.tflite_reports import Behaviour, Parity, Precision

_BATCH = 16


@dataclass(frozen=True)
class Evidence:
    """What one file showed.

    Attributes:
      parity: Agreement with the student; None if an embedding was not finite.
      behaviour: Answers to silence, noise and a sine.
      refusal: Why the file may not go on; empty if it may.
    """

    parity: Parity | None
    behaviour: list[Behaviour]
    refusal: str


@dataclass(frozen=True)
class Proof:
    """Held-out inputs of each kind, the student's embeddings of them, and the behaviour sounds."""

    settings: ConverterSettings
    inputs: Mapping[VariantInput, checks.Array]
    expected: checks.Array
    sounds: Mapping[VariantInput, Mapping[str, checks.Array]]

    @classmethod
    def prepare(cls, student: Student, windows_uri: str, settings: ConverterSettings, seed: int) -> Self:
        """Reads held-out windows and asks the Keras student about them."""
        front_end = student.front_end
        waveforms = draw_windows(
            windows_uri,
            HELD_OUT,
            max(settings.parity_windows, settings.golden_windows, settings.report_windows),
            front_end.window_samples,
            seed,
        )
        log_mel = LogMel(front_end)
        patches = _batched(log_mel, waveforms)
        waves = checks.sounds(front_end.window_samples, front_end.sample_rate, seed)
        return cls(
            settings=settings,
            inputs={"wave": waveforms, "core": patches, "stream": waveforms},
            expected=_batched(lambda batch: student.core(batch, training=False), patches),
            sounds={
                "wave": waves,
                "stream": waves,
                "core": {sound: log_mel(wave[np.newaxis]).numpy()[0] for sound, wave in waves.items()},
            },
        )

    @property
    def report_patches(self) -> checks.Array:
        """Log-mel patches for the noise report, ``(n, frames, mels)``."""
        return self.inputs["core"][: self.settings.report_windows]

    def of(self, content: bytes, kind: VariantInput, precision: Precision, golden: Path) -> Evidence:
        """Examines a file and writes its golden vectors to ``golden``."""
        model = open_variant(content, kind)
        embeddings = checks.embed(model, self.inputs[kind])
        count, kept = self.settings.parity_windows, self.settings.golden_windows
        checks.write_golden(golden, model, self.inputs[kind][:kept], embeddings[:kept])
        parity = checks.parity(embeddings[:count], self.expected[:count])
        behaviour = checks.behaviour(model, self.sounds[kind])
        return Evidence(parity, behaviour, checks.refusal(self.settings.floor(precision), parity, behaviour))


def _batched(function: Callable[[checks.Array], Any], inputs: checks.Array) -> checks.Array:
    """Applies a TensorFlow function to ``(n, ...)`` in batches, so that memory does not grow with n."""
    parts = [function(inputs[start : start + _BATCH]).numpy() for start in range(0, len(inputs), _BATCH)]
    return np.concatenate(parts)
