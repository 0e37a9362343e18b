from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from components.common.modeling.litert import LiteRtModel
from components.latency_benchmark.reference import (
    CANDIDATE_ID,
    FILE,
    VARIANT,
    reference_model,
    write_reference,
)

# Another digest is another reference: ratios would no longer compare with those of earlier runs, so a
# change of the network or of how it is written takes a new name (VARIANT) with it.
SHA256 = {"mobilenet-like-1": "2de4f969a62612eb1018cb94efc07daef5806fe62113ad04e220fa0fef642da7"}


def test_the_reference_is_the_same_file_everywhere() -> None:
    assert hashlib.sha256(reference_model()).hexdigest() == SHA256[VARIANT]


def test_it_runs_and_answers_within_reason(tmp_path: Path) -> None:
    written = write_reference(tmp_path, tmp_path, seed=0)
    assert (written.candidate_id, written.path) == (CANDIDATE_ID, tmp_path / FILE)
    assert written.sha256 == hashlib.sha256(written.path.read_bytes()).hexdigest()
    model = LiteRtModel(written.path)
    assert [(tensor.shape, tensor.dtype) for tensor in model.inputs] == [([1, 96, 64], "float32")]
    (answer,) = model.run(np.load(written.input_path, allow_pickle=False))
    assert answer.shape == (1, 1024)
    assert np.isfinite(answer).all()
    assert 1e-3 < np.abs(answer).mean() < 1e3, "neither vanishing (denormal numbers are slow) nor exploding"
