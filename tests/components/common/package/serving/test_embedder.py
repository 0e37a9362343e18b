"""The serving script: what it accepts and returns; its numpy agrees with what trained the student."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from components.common.audio.framing import cut_windows
from components.common.package.serving import SCRIPT
from tests.components.common.package.serving.conftest import SPEC, sound


@pytest.mark.parametrize("samples", [1, 15_599, 15_600, 15_601, 23_281, 40_000, 100_000])
def test_windows_are_the_benchmarks(script: Any, samples: int) -> None:
    clip = sound(samples)
    np.testing.assert_array_equal(script.cut_windows(clip, 15_600, 15_360), cut_windows(clip, 15_600, 15_360))


def test_log_mel_is_the_students(script: Any) -> None:
    from components.common.modeling.frontend import LogMel

    windows = np.stack([sound(15_600), np.zeros(15_600, np.float32), 0.01 * sound(15_600, 1)])
    ours = script.FrontEnd(SPEC.model_dump()).log_mel(windows)
    assert ours.shape == (3, 96, 64)
    np.testing.assert_allclose(ours, LogMel(SPEC)(windows).numpy(), atol=2e-3)


def test_mel_matrix_is_the_students(script: Any) -> None:
    from components.common.modeling.frontend import mel_matrix

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
    assert not np.allclose(each[0], each[1])
    ragged = np.empty(2, dtype=object)
    ragged[:] = [short, long]
    for form in (
        [short, long],
        (short.astype(np.float64), long),
        [short.tolist(), long.tolist()],
        ragged,
        pandas.Series([short, long]),
        {"waveform": [short, long], "sample_rate": [16_000, 16_000]},
        {"waveform": [short, long], "sample_rate": 16_000},
        {"waveform": ragged},
        [{"waveform": short.tolist(), "sample_rate": 16_000}, {"waveform": long.tolist()}],
        pandas.DataFrame({"waveform": [short, long], "sample_rate": 16_000}),
        pandas.DataFrame({"waveform": [short.tolist(), long.tolist()], "sample_rate": [16_000.0, 16_000.0]}),
    ):
        np.testing.assert_allclose(embedder.predict(None, form), each, rtol=1e-5)
    for form in (short.tolist(), pandas.Series(short), {"waveform": short, "sample_rate": [16_000]}):
        np.testing.assert_allclose(embedder.predict(None, form), each[:1], rtol=1e-5)
    np.testing.assert_allclose(embedder.predict(None, np.stack([short, short])), each[[0, 0]], rtol=1e-5)


def test_lists_of_int16_are_scaled(embedder: Any) -> None:
    clips = [np.full(16_000, 16_384, np.int16), np.arange(9_000, dtype=np.int16)]
    expected = embedder.predict(None, clips)
    for given in ([clip.tolist() for clip in clips], [list(clip) for clip in clips]):
        np.testing.assert_array_equal(embedder.predict(None, given), expected)
    np.testing.assert_array_equal(embedder.predict(None, clips[0].tolist()), expected[:1])
    # Whole by chance: silence and full scale as floats.
    floats = embedder.predict(None, [[0.0] * 500 + [1.0] * 500])
    np.testing.assert_array_equal(embedder.predict(None, [[0] * 500 + [1] * 500]), floats)


def test_int16_is_scaled(embedder: Any) -> None:
    pcm = np.full(16_000, 16_384, np.int16)
    for form in (pcm, [pcm], np.stack([pcm, pcm]), pandas.Series(pcm), pandas.DataFrame({"waveform": [pcm]})):
        np.testing.assert_allclose(embedder.predict(None, form), 0.5, atol=1e-6)


def test_whole_numbers_of_a_list_are_samples_in_one(embedder: Any) -> None:
    # Some writers of JSON leave out the point: 1.0 comes as 1.
    np.testing.assert_allclose(embedder.predict(None, [1] * 15_600), 1.0, atol=1e-6)


def test_a_peak_is_cut_off(embedder: Any) -> None:
    np.testing.assert_allclose(embedder.predict(None, np.full(15_600, 1.5)), 1.0, atol=1e-6)


def test_each_clip_has_its_rate(embedder: Any) -> None:
    # Half a second of 0.4 at any rate, then silence to the end of the window.
    rates = [8_000, 11_025, 16_000, 22_051, 44_100, 48_000]
    clips = [np.full(rate // 2, 0.4, np.float32) for rate in rates]
    found = embedder.predict(None, pandas.DataFrame({"waveform": clips, "sample_rate": rates}))
    np.testing.assert_allclose(found[:, 1:4], 0.4, atol=2e-3)
    np.testing.assert_allclose(found[:, 5:], 0.0, atol=1e-3)
    rows = [{"waveform": clip, "sample_rate": rate} for clip, rate in zip(clips, rates, strict=True)]
    np.testing.assert_array_equal(embedder.predict(None, rows), found)
    together = embedder.predict(None, {"waveform": [clips[-1], clips[-1]], "sample_rate": 48_000})
    np.testing.assert_array_equal(together, found[[-1, -1]])


def test_embeddings_of_windows_with_their_times(embedder: Any) -> None:
    clips = [np.full(24_000, 0.2, np.float32), np.full(4_000, 0.4, np.float32)]
    table = {"waveform": clips, "sample_rate": [8_000, 16_000]}
    long, short = embedder.predict(None, table, params={"per_window": True})
    # Three seconds hold windows of 0.975 s at 0, 0.96 and 1.92 s; what is left is less than half a hop.
    np.testing.assert_allclose(long["start_s"], [0.0, 0.96, 1.92])
    np.testing.assert_allclose(long["end_s"], [0.975, 1.935, 2.895])
    assert long["embeddings"].shape == (3, 8) and long["embeddings"].dtype == np.float32
    np.testing.assert_allclose([short["start_s"], short["end_s"]], [[0.0], [0.25]])
    means = embedder.predict(None, table, params={"per_window": False})
    np.testing.assert_allclose(means, [clip["embeddings"].mean(0) for clip in (long, short)], rtol=1e-6)


@pytest.mark.parametrize("embedder", ["wave", "core"], indirect=True)
def test_a_long_clip_has_all_its_windows(embedder: Any) -> None:
    # 20 s: 20 windows at every 0.96 s, the last of which ends 0.785 s before the clip does, and one more.
    (frames,) = embedder.predict(None, sound(320_000), params={"per_window": True})
    assert len(frames["start_s"]) == len(frames["end_s"]) == len(frames["embeddings"]) == 21
    assert frames["end_s"][-1] == 20.0


def test_threads_do_not_disturb_each_other(embedder: Any) -> None:
    levels = np.repeat(np.linspace(0.05, 0.9, 8), 30)
    clips = [np.full(15_600, level, np.float32) for level in levels]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda clip: embedder.predict(None, clip)[0, 0], clips))
    np.testing.assert_allclose(found, levels, atol=1e-5)


GOOD = np.zeros(100, np.float32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no clip was given"),
        (np.zeros((0, 100)), "no clip was given"),
        (pandas.DataFrame({"waveform": []}), "no clip was given"),
        (np.zeros(0, np.float32), r"clip 0 has shape \(0,\); accepted: one channel, at least one sample"),
        ([GOOD, []], r"clip 1 has shape \(0,\)"),
        (np.zeros((1, 2, 3), np.float32), r"array of shape \(1, 2, 3\)"),
        ([GOOD, np.array([0.1, np.nan])], "clip 1 holds NaN or infinity"),
        ([[0.1, None]], "clip 0 holds NaN or infinity"),
        ([0.1, -np.inf], "clip 0 holds NaN or infinity"),
        (np.zeros(10, np.int32), "clip 0 is int32; accepted: float"),
        ([[12, -40000, 5]], "clip 0 reaches 40000; accepted: float in .* whole numbers of int16"),
        ([GOOD, ["a", "b"]], "clip 1 is not a list of numbers .*'a'"),
        ([[0.1, [0.2]]], "clip 0 is not a list of numbers"),
        ("a.wav", "str is not a waveform; accepted: arrays, lists or a table"),
        (0.5, "float is not a waveform"),
        ([np.zeros((2, 100))], r"clip 0 has shape \(2, 100\); accepted: one channel"),
        (np.zeros((100, 2)), "100 clips of at most 2 samples look like the channels of one"),
        ({"sound": [[0.1]]}, "columns or keys sound; accepted: waveform and, if wanted, sample_rate"),
        ({"waveform": [[0.1]], "samplerate": 8_000}, "columns or keys waveform, samplerate; accepted"),
        (pandas.DataFrame(np.zeros((2, 100))), "columns or keys 0, 1, 2, 3, 4 and 95 more; accepted"),
        ([{"waveform": GOOD}, GOOD], "columns or keys none; accepted"),
        ({"waveform": [GOOD] * 3, "sample_rate": [8_000]}, "1 sample rates for 3 clips; accepted: one for"),
        *(
            (
                {"waveform": [GOOD, GOOD], "sample_rate": [16_000, rate]},
                f"clip 1 has sample rate {shown}; acc",
            )
            for rate, shown in [
                (7_999, "7999"),
                (48_001, "48001"),
                (16_000.5, "16000.5"),
                (np.nan, "nan"),
                (None, "None"),
                ("8000", "'8000'"),
                (True, "True"),
            ]
        ),
    ],
)
def test_other_input_is_refused(embedder: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        embedder.predict(None, given)


def test_needs_nothing_of_the_project() -> None:
    imported = set()
    for node in ast.walk(ast.parse(Path(SCRIPT).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    standard = {"__future__", "collections", "functools", "json", "math", "pathlib", "threading", "typing"}
    assert imported - standard == {"numpy", "mlflow", "ai_edge_litert"}
