"""The Python of the card and the example are run, and compared with the benchmark and the golden vectors."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.audio.framing import cut_windows
from components.common.package.folders import EXAMPLE_FILE
from components.frontier_pusher.card import write_card, write_example
from components.frontier_pusher.card.write import LITERT
from tests.components.frontier_pusher.card.descriptions import FRONT_END, code_blocks, make_description
from tests.pushed_runs import make_golden

KINDS = ("wave", "core")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def folder(kind: str, tiny_files: dict[str, bytes], tmp_path: Path) -> Path:
    """A pushed folder, as far as the example needs it."""
    content = tiny_files[f"{kind}-1"]
    (tmp_path / "model.tflite").write_bytes(content)
    (tmp_path / "golden.npz").write_bytes(make_golden(content))
    (tmp_path / EXAMPLE_FILE).write_text(write_example(make_description(kind)), encoding="utf-8")
    return tmp_path


@pytest.fixture
def on_card(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the Python of the card defines once it was run beside the model."""
    (code,) = code_blocks(write_card(make_description(kind)), "python")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(code, "card", "exec"), names)
    return names


def sound(samples: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def write_wav(path: Path, samples: Any, rate: int = 16_000, width: int = 2) -> Path:
    samples = np.asarray(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def run_example(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # -I: nothing of the project can be imported.
        [sys.executable, "-I", str(folder / EXAMPLE_FILE), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def test_names_the_litert_it_was_run_with() -> None:
    assert version("ai-edge-litert") == LITERT


def test_the_card_answers_the_golden_vectors(kind: str, on_card: dict[str, Any], folder: Path) -> None:
    golden = np.load(folder / "golden.npz", allow_pickle=False)
    run = on_card["load"](folder / "model.tflite")
    name = {"wave": "waveform", "core": "log_mel"}[kind]
    for given, embedding in zip(golden["input"], golden["embedding"], strict=True):
        np.testing.assert_allclose(run(**{name: given[np.newaxis]})["embedding"][0], embedding, rtol=1e-6)
    assert on_card["embedding"].shape == (8,)


@pytest.mark.parametrize("samples", [1, 15_599, 15_600, 15_601, 23_280, 23_281, 40_000])
@pytest.mark.parametrize("kind", ["wave"], indirect=True)
def test_windows_of_the_card_are_the_benchmarks(on_card: dict[str, Any], samples: int) -> None:
    clip = sound(samples)
    expected = cut_windows(clip, FRONT_END.window_samples, 15_360)
    np.testing.assert_array_equal(on_card["cut_windows"](clip), expected)


@pytest.mark.parametrize("kind", ["core"], indirect=True)
def test_front_end_of_the_card_is_the_students(on_card: dict[str, Any]) -> None:
    from components.common.modeling.frontend import LogMel

    windows = np.stack([sound(15_600), np.zeros(15_600, np.float32), 0.01 * sound(15_600, 1)])
    np.testing.assert_allclose(on_card["log_mel"](windows), LogMel(FRONT_END)(windows).numpy(), atol=2e-3)


def test_the_card_embeds_as_what_is_served(kind: str, on_card: dict[str, Any], folder: Path) -> None:
    from components.common.modeling.frontend import LogMel
    from components.common.modeling.litert import LiteRtModel

    clip = sound(40_000)
    windows = cut_windows(clip, FRONT_END.window_samples, 15_360)
    given = windows if kind == "wave" else LogMel(FRONT_END)(windows).numpy()
    expected = LiteRtModel(folder / "model.tflite").run_each(given)
    found = on_card["embed"](on_card["run"], clip)
    assert found.shape == (3, 8)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_example_compares_two_clips(kind: str, folder: Path) -> None:
    one, other = write_wav(folder / "one.wav", sound(40_000)), write_wav(folder / "other.wav", sound(9_000))
    done = run_example(folder, one, other, "--out", "embeddings.npz")
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first.startswith(f"{one}: 3 windows, 8 dimensions: ")
    assert second.startswith(f"{other}: 1 windows, 8 dimensions: ")
    written = np.load(folder / "embeddings.npz", allow_pickle=False)
    mean, alone = written[str(one)].mean(axis=0), written[str(other)][0]
    cosine = mean @ alone / np.linalg.norm(mean) / np.linalg.norm(alone)
    assert third == f"cosine of {one} and {other}: {cosine:.4f}"


def test_the_example_checks_the_runtime(folder: Path) -> None:
    done = run_example(folder, "--check")
    assert (done.returncode, done.stdout) == (0, "2 golden vectors, least cosine 1.000000\n")
    golden = dict(np.load(folder / "golden.npz", allow_pickle=False))
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, input=golden["input"], embedding=-golden["embedding"])
    (folder / "golden.npz").write_bytes(file.getvalue())
    done = run_example(folder, "--check")
    assert (done.returncode, done.stdout) == (1, "2 golden vectors, least cosine -1.000000\n")


@pytest.mark.parametrize("kind", ["wave"], indirect=True)
def test_the_example_mixes_channels_down(folder: Path) -> None:
    left, right = np.full(15_600, 0.5), np.full(15_600, 0.25)
    run_example(
        folder,
        write_wav(folder / "mono.wav", (left + right) / 2),
        write_wav(folder / "stereo.wav", np.stack([left, right], axis=1)),
        "--out",
        "embeddings.npz",
    )
    written = list(np.load(folder / "embeddings.npz", allow_pickle=False).values())
    np.testing.assert_allclose(written[0], 0.375, atol=1e-4)
    np.testing.assert_allclose(written[1], 0.375, atol=1e-4)


@pytest.mark.parametrize("kind", ["wave"], indirect=True)
def test_the_example_says_what_it_takes(folder: Path) -> None:
    other_rate = write_wav(folder / "phone.wav", np.zeros(800), rate=8000)
    done = run_example(folder, other_rate)
    assert done.returncode == 1
    assert f"{other_rate}: 16 bits at 8000 Hz; accepted: 16 bits at 16000 Hz. Try: ffmpeg" in done.stderr
    done = run_example(folder, write_wav(folder / "empty.wav", np.zeros(0)))
    assert "empty.wav: no samples; accepted: at least one" in done.stderr
    done = run_example(folder)
    assert done.returncode == 2 and "give wav files, or --check" in done.stderr


def test_the_example_ends_without_a_traceback(folder: Path, tmp_path: Path) -> None:
    good = write_wav(tmp_path / "good.wav", np.zeros(1_000))
    (tmp_path / "text.wav").write_text("no sound at all, but long enough to be looked at")
    (tmp_path / "cut.wav").write_bytes(good.read_bytes()[:20])
    (tmp_path / "bad.tflite").write_text("no network")
    for arguments, words in (
        ([tmp_path / "absent.wav"], "absent.wav: cannot be read"),
        ([tmp_path], "cannot be read"),
        ([tmp_path / "text.wav"], "text.wav: no plain wav file"),
        ([tmp_path / "cut.wav"], "cut.wav: no plain wav file"),
        ([good, "--model", tmp_path / "bad.tflite"], "bad.tflite: cannot be loaded"),
    ):
        done = run_example(folder, *arguments)
        assert done.returncode == 1 and words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
