"""The example of a stream file is run beside a real one, as a user would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.package.folders import EXAMPLE_FILE, STREAMING_FILE
from components.frontier_pusher.card import write_card
from components.frontier_pusher.executor import texts
from tests.components.common.package.serving.isolation import isolated
from tests.components.frontier_pusher.card.descriptions import code_blocks, make_description
from tests.components.frontier_pusher.card.test_python import sound, write_wav
from tests.components.tflite_converter.conftest import Converted

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(plain_student: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pushed folder, as the pusher writes it."""
    folder = tmp_path_factory.mktemp("pushed")
    variant = plain_student.variant("stream-dynamic")
    description = make_description(
        "stream", sha256=variant.sha256, inputs=variant.inputs, outputs=variant.outputs
    )
    description.save(str(folder))
    (folder / "model.tflite").write_bytes(plain_student.content(variant.name))
    (folder / "golden.npz").write_bytes((plain_student.folder / variant.golden).read_bytes())
    for name, text in texts(description).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run_example(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / EXAMPLE_FILE), *map(str, arguments)],
        env=isolated(folder), cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_streaming_script_lies_beside_stream_files_alone(folder: Path) -> None:
    assert (folder / STREAMING_FILE).is_file()
    for kind in ("wave", "core"):
        assert STREAMING_FILE not in texts(make_description(kind))


def test_a_clip_is_fed_in_portions(folder: Path, tmp_path: Path) -> None:
    # 2 s at 16 kHz: windows of 0.975 s that begin every 0.24 s, the last of five at 0.96 s.
    one = write_wav(tmp_path / "one.wav", sound(32_000))
    done = run_example(folder, one)
    assert done.returncode == 0, done.stderr
    *embeddings, summary = done.stdout.splitlines()
    starts = [float(line.split()[0]) for line in embeddings]
    assert starts == [0.0, 0.24, 0.48, 0.72, 0.96]
    told = re.fullmatch(
        rf"{re.escape(str(one))}: 2.00 s of sound, 5 embeddings, 2.50 a second; ([\d.]+) % of one core",
        summary,
    )
    assert told and float(told[1]) > 0


def test_golden_vectors_are_checked(folder: Path) -> None:
    done = run_example(folder, "--check")
    assert (done.returncode, done.stdout) == (0, "3 golden vectors, least cosine 1.000000\n"), done.stderr


def test_it_ends_without_a_traceback(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    (folder / "sounddevice.py").write_text((tmp_path / "sounddevice.py").read_text())
    (tmp_path / "text.wav").write_text("no sound at all, but long enough to be looked at")
    for arguments, code, words in (
        ([tmp_path / "absent.wav"], 1, "absent.wav: cannot be read"),
        ([tmp_path / "text.wav"], 1, "text.wav: no plain wav file"),
        (
            [write_wav(tmp_path / "slow.wav", np.zeros(9), rate=4000)],
            1,
            "16 bits at 4000 Hz; accepted: 16 bits",
        ),
        ([write_wav(tmp_path / "empty.wav", np.zeros(0))], 1, "empty.wav: no samples"),
        (["--microphone"], 1, "cannot be opened (PortAudio library not found); try: pip install"),
        (["--microphone", "--rate", "1"], 1, "--rate 1; accepted: 8000 to 48000"),
        ([], 2, "give wav files, --microphone or --check"),
    ):
        done = run_example(folder, *arguments)
        assert done.returncode == code and words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_a_microphone_is_heard_until_it_is_stopped(folder: Path) -> None:
    (folder / "sounddevice.py").write_text(
        "import numpy\n"
        "class PortAudioError(Exception): pass\n"
        "class InputStream:\n"
        "    def __init__(self, rate, size, channels, dtype):\n"
        "        assert (rate, size, channels, dtype) == (48000, 960, 1, 'float32')\n"
        "        self.left = 60\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *_): pass\n"
        "    def read(self, size):\n"
        "        self.left -= 1\n"
        "        if self.left < 0: raise KeyboardInterrupt\n"
        "        return numpy.full((size, 1), 0.1, 'float32'), False\n"
    )
    done = run_example(folder, "--microphone", "--rate", "48000")
    assert done.returncode == 0, done.stderr
    # 60 portions of 20 ms: the one window that ends by 1.2 s.
    assert done.stdout.startswith("0.00 to 0.97 s: ") or done.stdout.startswith("0.00 to 0.98 s: ")
    assert "microphone: 1.20 s of sound, 1 embeddings, 0.83 a second; " in done.stdout


def test_the_python_of_the_card_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = code_blocks(write_card(make_description("stream")), "python")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    names: dict[str, Any] = {}
    exec(compile(code, "card", "exec"), names)
    sys.modules.pop("streaming")
    # 2 s at 48 kHz, less what the resampler waits for.
    assert len(capsys.readouterr().out.splitlines()) == 5
