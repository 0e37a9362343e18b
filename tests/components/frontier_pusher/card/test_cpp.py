"""The C++ of the card is compiled, linked with LiteRT's own library, and run on the golden vectors."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel
from components.frontier_pusher.c_array import write_c_array
from components.frontier_pusher.card import write_card
from schemas.push_reports import ModelDescription
from schemas.students import FrontEndSpec
from schemas.tensors import TensorInfo
from tests.components.frontier_pusher.card.descriptions import FRONT_END, code_blocks, make_description
from tests.components.frontier_pusher.card.litert_c import library, write_headers
from tests.components.tflite_converter.conftest import Converted
from tests.pushed_runs import make_golden

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted

GPP = shutil.which("g++") or ""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not GPP or not library().is_file(), reason="no g++, or a wheel of LiteRT without its shared library"
    ),
]

EMBED = """
#include <cstdio>
int main(int, char** arguments) {
  try {
    Embedder embedder(arguments[1]);
    std::vector<float> given(Embedder::kInput);
    while (std::fread(given.data(), 4, given.size(), stdin) == given.size()) {
      const std::vector<float> found = embedder.embed(given.data());
      std::fwrite(found.data(), 4, found.size(), stdout);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "told: %s\\n", error.what());
    return 1;
  }
}
"""
HEAR = """
#include <cstdio>
int main(int, char** arguments) {
  std::vector<float> given(std::atoi(arguments[1]));
  while (std::fread(given.data(), 4, given.size(), stdin) == given.size()) {
    const std::vector<float> found = log_mel(given.data());
    std::fwrite(found.data(), 4, found.size(), stdout);
  }
}
"""


def build(code: str, folder: Path, *more: str) -> Path:
    """Compiles a program; what the compiler warns of is an error."""
    (folder / "program.cc").write_text(code)
    subprocess.run(
        [GPP, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "program.cc", "-o", "program", *more],
        cwd=folder,
        check=True,
    )
    return folder / "program"


def build_embedder(description: ModelDescription, folder: Path) -> Path:
    write_headers(folder)
    code = code_blocks(write_card(description), "cpp")[0]
    return build(code + EMBED, folder, "-I.", str(library()), f"-Wl,-rpath,{library().parent}")


def ask(program: Path, given: Any, *arguments: object) -> np.ndarray[Any, np.dtype[np.float32]]:
    done = subprocess.run(
        [str(program), *map(str, arguments)], input=given.tobytes(), capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, np.float32)


@pytest.mark.parametrize("kind", ["wave", "core"])
def test_answers_the_golden_vectors(kind: str, tiny_files: dict[str, bytes], tmp_path: Path) -> None:
    content = tiny_files[f"{kind}-1"]
    (tmp_path / "model.tflite").write_bytes(content)
    (tmp_path / "golden.npz").write_bytes(make_golden(content))
    golden = np.load(tmp_path / "golden.npz", allow_pickle=False)
    program = build_embedder(make_description(kind), tmp_path)
    found = ask(program, golden["input"], tmp_path / "model.tflite")
    np.testing.assert_allclose(found.reshape(2, 8), golden["embedding"], rtol=1e-5)


def test_a_file_with_frames(tmp_path: Path) -> None:
    import tensorflow as tf

    from components.tflite_converter.conversion import convert_function

    def both(waveform: Any) -> Any:
        frames = tf.reshape(waveform, (1, 10, 8, 195))[..., 0]
        return tf.reduce_mean(frames, axis=1), frames

    content = convert_function(both, {"waveform": (1, 15_600)}, ["embedding", "frames"], "network")
    (tmp_path / "model.tflite").write_bytes(content)
    description = make_description(
        outputs=[
            TensorInfo(name="embedding", shape=[1, 8], dtype="float32"),
            TensorInfo(name="frames", shape=[1, 10, 8], dtype="float32"),
        ]
    )
    given = np.random.default_rng(1).uniform(-0.5, 0.5, 15_600).astype(np.float32)
    found = ask(build_embedder(description, tmp_path), given, tmp_path / "model.tflite")
    np.testing.assert_allclose(found, given.reshape(10, 8, 195)[..., 0].mean(axis=0), atol=1e-6)


STREAM = """
#include <cstdio>
#include <cstdlib>
int main(int, char** arguments) {
  StreamingEmbedder embedder(arguments[1]);
  std::vector<float> given(std::atoi(arguments[2]));
  const auto heard = [](double start_s, const std::vector<float>& embedding) {
    const float start = static_cast<float>(start_s);
    std::fwrite(&start, 4, 1, stdout);
    std::fwrite(embedding.data(), 4, embedding.size(), stdout);
  };
  // Something of another stream, which a reset must leave no trace of.
  const std::vector<float> other(9001, 0.3f);
  embedder.feed(other.data(), other.size(), [](double, const std::vector<float>&) {});
  embedder.reset();
  const float wrong[2] = {0.0f, NAN};
  try {
    embedder.feed(wrong, 2, heard);
    return 1;
  } catch (const std::invalid_argument&) {
  }
  while (const std::size_t read = std::fread(given.data(), 4, given.size(), stdin)) {
    embedder.feed(given.data(), read, heard);
  }
}
"""


def test_a_stream_in_any_portions(plain_student: Converted, tmp_path: Path) -> None:
    variant = plain_student.variant("stream-float32")
    (tmp_path / "model.tflite").write_bytes(plain_student.content(variant.name))
    write_headers(tmp_path)
    card = write_card(make_description("stream", inputs=variant.inputs, outputs=variant.outputs))
    (code,) = code_blocks(card, "cpp")
    program = build(code + STREAM, tmp_path, "-I.", str(library()), f"-Wl,-rpath,{library().parent}")
    sound = np.random.default_rng(4).uniform(-0.5, 0.5, 33_000).astype(np.float32)
    sound[8000:20_000] = 0
    starts = np.arange(0, len(sound) - 15_600 + 1, 3840)
    windows = np.stack([sound[start : start + 15_600] for start in starts])
    expected = LiteRtModel(plain_student.content("wave-float32")).run_each(windows)
    for portion in (1, 160, 3840, 4001, 33_000):
        found = ask(program, sound, tmp_path / "model.tflite", portion).reshape(len(starts), -1)
        np.testing.assert_allclose(found[:, 0], starts / 16_000, rtol=1e-6)
        np.testing.assert_allclose(found[:, 1:], expected, atol=1e-4, rtol=0)


def test_a_file_of_codes_takes_and_gives_numbers(plain_student: Converted, tmp_path: Path) -> None:
    variant = plain_student.variant("core-int8io")
    (tmp_path / "model.tflite").write_bytes(plain_student.content("core-int8io"))
    with np.load(plain_student.folder / variant.golden, allow_pickle=False) as golden:
        codes, expected = golden["input"], golden["embedding"]
    source = variant.inputs[0]
    numbers = (source.scale * (codes.astype(np.float32) - source.zero_point)).astype(np.float32)
    description = make_description("core", inputs=variant.inputs, outputs=variant.outputs, precision="int8io")
    found = ask(build_embedder(description, tmp_path), numbers, tmp_path / "model.tflite")
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)


def test_says_what_went_wrong(tiny_files: dict[str, bytes], tmp_path: Path) -> None:
    program = build_embedder(make_description("core"), tmp_path)
    (tmp_path / "wave.tflite").write_bytes(tiny_files["wave-1"])
    for name in ("nowhere.tflite", "wave.tflite"):
        done = subprocess.run([str(program), str(tmp_path / name)], capture_output=True, text=True)
        assert done.returncode == 1 and "told: LiteRT status " in done.stderr


def test_the_array_is_the_file_where_constants_may_be_read_in_place(
    tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    content = tiny_files["core-1"]
    code = write_c_array(make_description("core"), content)
    program = build(
        code + "#include <cstdint>\n#include <cstdio>\nint main() {\n"
        "  if (reinterpret_cast<std::uintptr_t>(g_model) % 16) return 1;\n"
        "  std::fwrite(g_model, 1, g_model_len, stdout);\n}\n",
        tmp_path,
    )
    assert subprocess.run([str(program)], capture_output=True, check=True).stdout == content


def test_front_end_hears_real_clips_as_the_pipeline_does(shared_data: Path, tmp_path: Path) -> None:
    """Largest difference of a log-mel over a window of each of six real clips: 1.1e-4."""
    from components.common.audio.decode import decode
    from components.common.modeling.frontend import LogMel

    clips = sorted((shared_data / "mini_audioset/audios/eval_segments").glob("*.ogg"))[:12]
    size = FRONT_END.window_samples
    sounds = [decode(clip).samples for clip in clips]
    cut = np.stack([sound[size : 2 * size] for sound in sounds if len(sound) >= 2 * size])
    windows = cut.astype(np.float32) / 32768
    program = build(code_blocks(write_card(make_description("core")), "cpp")[1] + HEAR, tmp_path)
    expected = LogMel(FRONT_END)(windows).numpy()
    found = ask(program, windows, size).reshape(expected.shape)
    apart = np.abs(found - expected)
    print(f"largest {apart.max():.2e}, 99.9 % below {np.quantile(apart, 0.999):.2e}, {len(windows)} clips")
    assert len(windows) >= 6 and apart.max() < 1e-3


@pytest.mark.parametrize(
    "spec",
    [FRONT_END, FrontEndSpec(sample_rate=8000, frame_samples=200, hop_samples=80, fft_size=256, mels=40,
                             lower_hz=60, upper_hz=3800, log_offset=0.01, frames=20)],
    ids=["default", "telephone"],
)  # fmt: skip
def test_front_end_is_the_students(spec: FrontEndSpec, tmp_path: Path) -> None:
    from components.common.modeling.frontend import LogMel

    description = make_description("core", front_end=spec, window_samples=spec.window_samples)
    program = build(code_blocks(write_card(description), "cpp")[1] + HEAR, tmp_path)
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, spec.window_samples).astype(np.float32)
    windows = np.stack([noise, np.zeros_like(noise), 0.01 * noise])
    found = ask(program, windows, spec.window_samples)
    expected = LogMel(spec)(windows).numpy()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=2e-3)
