"""The serving script: what it accepts, and that its numpy agrees with what trained the student."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from components.audio.framing import cut_windows
from components.frontier_pusher.serving import SCRIPT
from schemas.students import FrontEndSpec

SPEC = FrontEndSpec()


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("embedder", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def embedder(
    script: Any, tiny_files: dict[str, bytes], tmp_path: Path, request: pytest.FixtureRequest
) -> Any:
    kind = getattr(request, "param", "wave")
    (tmp_path / "model.tflite").write_bytes(tiny_files[f"{kind}-1"])
    described = {"front_end": SPEC.model_dump(mode="json"), "input": kind, "hop_samples": 15360}
    (tmp_path / "model.json").write_text(json.dumps(described))
    made = script.Embedder()
    made.load(str(tmp_path / "model.tflite"), str(tmp_path / "model.json"))
    return made


def sound(samples: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 15_599, 15_600, 15_601, 23_281, 40_000, 100_000])
def test_windows_are_the_benchmarks(script: Any, samples: int) -> None:
    clip = sound(samples)
    np.testing.assert_array_equal(script.cut_windows(clip, 15_600, 15_360), cut_windows(clip, 15_600, 15_360))


def test_log_mel_is_the_students(script: Any) -> None:
    from components.modeling.frontend import LogMel

    windows = np.stack([sound(15_600), np.zeros(15_600, np.float32), 0.01 * sound(15_600, 1)])
    ours = script.log_mel(windows, SPEC.model_dump())
    assert ours.shape == (3, 96, 64)
    np.testing.assert_allclose(ours, LogMel(SPEC)(windows).numpy(), atol=2e-3)


def test_mel_matrix_is_the_students(script: Any) -> None:
    from components.modeling.frontend import mel_matrix

    np.testing.assert_allclose(script.mel_matrix(SPEC.model_dump()), mel_matrix(SPEC), atol=1e-4)


def test_mean_over_windows(embedder: Any) -> None:
    # The tiny model answers the mean of |x| over each eighth of a window: windows of 0.2 and 0.4 give 0.3.
    clip = np.concatenate([np.full(15_360, 0.2), np.full(15_600, 0.4)]).astype(np.float32)
    found = embedder.predict(None, clip)
    assert found.shape == (1, 8) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, :7], 0.3, atol=1e-6)


@pytest.mark.parametrize("embedder", ["wave", "core"], indirect=True)
def test_forms_of_input_agree(embedder: Any) -> None:
    short, long = sound(9_000), sound(30_000, 1)
    each = np.concatenate([embedder.predict(None, short), embedder.predict(None, long)])
    ragged = np.empty(2, dtype=object)
    ragged[:] = [short, long]
    for form in (
        [short, long],
        [short.tolist(), long.tolist()],
        ragged,
        {"waveform": [short, long], "sample_rate": [16_000, 16_000]},
        pandas.DataFrame({"waveform": [short, long], "sample_rate": 16_000}),
    ):
        np.testing.assert_allclose(embedder.predict(None, form), each, rtol=1e-5)
    np.testing.assert_allclose(embedder.predict(None, short.tolist()), each[:1], rtol=1e-5)
    np.testing.assert_allclose(embedder.predict(None, np.stack([short, short])), each[[0, 0]], rtol=1e-5)


def test_int16_is_scaled(embedder: Any) -> None:
    pcm = np.full(16_000, 16_384, np.int16)
    np.testing.assert_allclose(embedder.predict(None, pcm), 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no clip was given"),
        (np.zeros(0, np.float32), "clip 0 has shape"),
        (np.zeros((1, 2, 3), np.float32), r"array of shape \(1, 2, 3\)"),
        (np.array([0.1, np.nan], np.float32), "clip 0 holds NaN or infinity"),
        (np.zeros(10, np.int32), "clip 0 is int32; accepted: float"),
        ({"waveform": [[0.1]], "sample_rate": [8000]}, "sample rate 8000 Hz; accepted: 16000 Hz"),
        ({"sound": [[0.1]]}, r"keys \['sound'\]; accepted: 'waveform'"),
        ([[[0.1, 0.2]]], "accepted: one channel"),
    ],
)
def test_other_input_is_refused(embedder: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        embedder.predict(None, given)


def test_needs_nothing_of_the_project() -> None:
    code = Path(SCRIPT).read_text(encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0]
        for line in code.splitlines()
        if line.strip().startswith(("import ", "from "))
    }
    assert imported <= {
        "__future__",
        "json",
        "collections",
        "pathlib",
        "typing",
        "numpy",
        "mlflow",
        "ai_edge_litert",
    }
