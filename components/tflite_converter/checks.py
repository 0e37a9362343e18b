"""What a TFLite file has to prove: agreement with its student, and sane answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.common.modeling.litert import LiteRtModel
from components.tflite_converter.settings import ParityFloor
from schemas.tflite_reports import Behaviour, Parity

Array = np.ndarray[Any, np.dtype[np.float32]]
Double = np.ndarray[Any, np.dtype[np.float64]]

GOLDEN_INPUT = "input"
GOLDEN_EMBEDDING = "embedding"
SILENCE = "silence"
NOISE = "white_noise"
SINE = "sine_440hz"
# Float32 rounds a sum of some hundred products in the sixth digit: ten times that is still rounding.
LEAST_SPREAD = 1e-5


def sounds(samples: int, sample_rate: int, seed: int) -> dict[str, Array]:
    """The sounds that YAMNet's export is asked about: silence, white noise, a 440 Hz sine.

    Returns:
      Waveforms ``(samples,)`` in [-1, 1] by name.
    """
    noise = np.random.default_rng(seed).uniform(-1, 1, samples)
    sine = np.sin(2 * np.pi * 440 * np.arange(samples) / sample_rate)
    return {
        SILENCE: np.zeros(samples, np.float32),
        NOISE: noise.astype(np.float32),
        SINE: sine.astype(np.float32),
    }


def embed(model: LiteRtModel, inputs: Array) -> Array:
    """Embeddings ``(n, D)`` of ``(n, ...)`` inputs, one after the other: the file's batch is one."""
    return model.run_each(inputs)


def parity(given: Array, expected: Array) -> Parity | None:
    """Agreement of a file's embeddings with its student's, both ``(n, D)``.

    Returns:
      None if any value is not finite.
    """
    ours, theirs = given.astype(np.float64), expected.astype(np.float64)
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return None
    cosine, centre = _cosine(ours, theirs), theirs.mean(axis=0)
    power = float(np.square(theirs).sum())
    varying = float(np.square(theirs - centre).sum())
    return Parity(
        n=len(ours),
        cosine_mean=float(cosine.mean()),
        cosine_min=float(cosine.min()),
        max_abs_difference=float(np.abs(ours - theirs).max()),
        centred_cosine=float(_cosine(ours - centre, theirs - centre).mean()),
        spread=math.sqrt(varying / power) if power else 0.0,
    )


def _cosine(ours: Double, theirs: Double) -> Double:
    """Cosine of each pair of rows; of two null vectors 1, of a null vector and another 0."""
    product = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    both_null = ~ours.any(axis=1) & ~theirs.any(axis=1)
    cosine = np.sum(ours * theirs, axis=1) / np.where(product > 0, product, 1.0)
    return np.asarray(np.clip(np.where(both_null, 1.0, cosine), -1, 1))


def behaviour(model: LiteRtModel, inputs: Mapping[str, Array]) -> list[Behaviour]:
    """The file's answers to named inputs, each without a batch axis."""
    answers = []
    for sound, value in inputs.items():
        answer = model.run_each(value[np.newaxis])[0]
        finite = bool(np.isfinite(answer).all())
        norm = float(np.linalg.norm(answer.astype(np.float64))) if finite else 0.0
        answers.append(Behaviour.model_validate({"sound": sound, "finite": finite, "norm": norm}))
    return answers


def refusal(floor: ParityFloor, found: Parity | None, answers: list[Behaviour]) -> str:
    """Why a file may not go on; empty if it may. No parity at all means that a window gave NaN."""
    reasons = []
    if found is None:
        reasons.append("embeddings of held-out windows are not finite")
    else:
        if not found.cosine_mean >= floor.cosine_mean:
            reasons.append(f"mean cosine to the student {found.cosine_mean:.6f} is below {floor.cosine_mean}")
        if not found.cosine_min >= floor.cosine_min:
            reasons.append(f"least cosine to the student {found.cosine_min:.6f} is below {floor.cosine_min}")
        reasons += _centred_refusal(floor, found)
    reasons += [f"the embedding of {answer.sound} is not finite" for answer in answers if not answer.finite]
    return "; ".join(reasons)


def _centred_refusal(floor: ParityFloor, found: Parity) -> Iterator[str]:
    """What the cosine hides where all embeddings share a large mean; one window has nothing to vary from."""
    if found.n < 2:
        return
    if found.spread is not None and not found.spread >= LEAST_SPREAD:
        yield (
            f"the student's embeddings hardly differ from window to window: their spread is "
            f"{found.spread:.1e} of their length, below {LEAST_SPREAD:.0e}, which is rounding"
        )
    elif not found.centred_cosine >= floor.centred_cosine:
        spread = "" if found.spread is None else f" (embeddings spread by {found.spread:.2g} of their length)"
        yield (
            f"mean cosine to the student without the mean embedding {found.centred_cosine:.6f} is below "
            f"{floor.centred_cosine}{spread}"
        )


def write_golden(path: Path, model: LiteRtModel, inputs: Array, embeddings: Array) -> None:
    """Writes inputs ``(n, ...)`` and the file's own embeddings of them ``(n, D)``, without pickles.

    A file that takes codes has them as its inputs, and beside the embeddings the codes that it answered, with
    scale and zero point of both ends.
    """
    golden: dict[str, Any] = {GOLDEN_INPUT: model.codes(inputs), GOLDEN_EMBEDDING: embeddings}
    for name, tensor in ((GOLDEN_INPUT, model.inputs[0]), (GOLDEN_EMBEDDING, model.outputs[0])):
        if tensor.scale is not None and tensor.zero_point is not None:
            golden |= {f"{name}_scale": np.float32(tensor.scale)}
            golden |= {f"{name}_zero_point": np.int32(tensor.zero_point)}
    if f"{GOLDEN_EMBEDDING}_scale" in golden:
        golden[f"{GOLDEN_EMBEDDING}_codes"] = model.codes(embeddings, output=True)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **golden)
