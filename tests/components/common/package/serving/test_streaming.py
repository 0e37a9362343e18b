"""The streaming embedder against the wave file of the same student and the resampler of whole clips."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.common.modeling.litert import LiteRtModel
from components.common.package.serving import streaming
from components.common.package.serving.streaming import Resampler, State, StreamFile, StreamingEmbedder
from tests.components.common.package.serving.conftest import sound
from tests.components.common.package.serving.isolation import isolated
from tests.components.frontier_pusher.card.descriptions import make_description
from tests.components.tflite_converter.conftest import FRONT_END, Converted

RATE, WINDOW, HOP = 16_000, FRONT_END.window_samples, 3840
CLIP = sound(int(2.5 * RATE))
CLIP[RATE : 2 * RATE] = 0

portions = st.lists(st.integers(0, 9000), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def pushed(plain_student: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stream file of a student and its description."""
    folder = tmp_path_factory.mktemp("stream")
    variant = plain_student.variant("stream-float32")
    (folder / streaming.MODEL_FILE).write_bytes(plain_student.content(variant.name))
    make_description("stream", sha256=variant.sha256).save(str(folder))
    return folder


@pytest.fixture(scope="module")
def embedder(pushed: Path) -> StreamingEmbedder:
    return StreamingEmbedder(pushed)


@pytest.fixture(scope="module")
def expected(plain_student: Converted) -> Any:
    """Embeddings of the clip's windows, a hop apart from its first sample on, by the wave file."""
    starts = range(0, len(CLIP) - WINDOW + 1, HOP)
    windows = np.stack([CLIP[start : start + WINDOW] for start in starts])
    return LiteRtModel(plain_student.content("wave-float32")).run_each(windows)


def feed_in(embedder: StreamingEmbedder, clip: Any, sizes: list[int], **options: Any) -> list[Any]:
    """Feeds a clip in portions of these sizes, over and over."""
    found, start, turn = [], 0, 0
    while start < len(clip):
        size = sizes[turn % len(sizes)] if any(sizes) else 1000
        found += embedder.feed(clip[start : start + size], **options)
        start, turn = start + size, turn + 1
    return found


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=portions, before=st.integers(0, 20_000))
def test_portions_make_no_difference_and_a_reset_leaves_nothing(
    embedder: StreamingEmbedder, expected: Any, sizes: list[int], before: int
) -> None:
    embedder.reset()
    embedder.feed(sound(before + 1, seed=9), 44_100)
    embedder.reset()
    found = feed_in(embedder, CLIP, sizes)
    assert [round(one.start_s * RATE) for one in found] == [HOP * i for i in range(len(expected))]
    assert {round((one.end_s - one.start_s) * RATE) for one in found} == {WINDOW}
    np.testing.assert_allclose([one.embedding for one in found], expected, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_int16_and_peaks_are_read_as_by_the_embedder_of_clips(
    embedder: StreamingEmbedder, plain_student: Converted
) -> None:
    embedder.reset()
    loud = CLIP.copy()
    loud[2000] = 1.5
    (first, *_) = embedder.feed(loud)
    wave = LiteRtModel(plain_student.content("wave-float32"))
    heard = np.clip(loud[np.newaxis, :WINDOW], -1, 1)
    np.testing.assert_allclose(first.embedding, wave.run(heard)[0][0], atol=1e-4, rtol=0)
    embedder.reset()
    whole = (CLIP * 32_768).astype(np.int16)
    (first, *_) = embedder.feed(whole)
    heard = whole[np.newaxis, :WINDOW].astype(np.float32) / np.float32(32_768)
    np.testing.assert_allclose(first.embedding, wave.run(heard)[0][0], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_another_rate_is_resampled(
    embedder: StreamingEmbedder, plain_student: Converted, script: Any
) -> None:
    clip = sound(2 * 44_100)
    embedder.reset()
    found = feed_in(embedder, clip, [441, 7, 9000], sample_rate=44_100)
    resampled = np.clip(script.resample(clip, 44_100, RATE), -1, 1)
    # The last 259 samples at 44.1 kHz, 94 at 16 kHz, wait for those after them.
    assert len(found) == (2 * RATE - 94 - WINDOW) // HOP + 1
    wave = LiteRtModel(plain_student.content("wave-float32"))
    for one in found:
        start = round(one.start_s * RATE)
        heard = resampled[np.newaxis, start : start + WINDOW]
        np.testing.assert_allclose(one.embedding, wave.run(heard)[0][0], atol=1e-4, rtol=0)


@settings(max_examples=30, deadline=None)
@given(rate=st.sampled_from([8_000, 11_025, 15_999, 22_050, 44_100, 47_999, 48_000]), sizes=portions)
def test_a_stream_is_resampled_as_a_clip(rate: int, sizes: list[int]) -> None:
    from components.common.package.serving import embedder as clips

    clip = sound(sum(sizes) + 5000, seed=3)
    resampler, start, found = Resampler(rate, RATE), 0, []
    for size in [*sizes, 5000]:
        found.append(resampler.feed(clip[start : start + size]))
        start += size
    expected = clips.resample(clip, rate, RATE)
    got = np.concatenate(found)
    # Only what the filter still waits for is missing.
    assert 0 <= len(expected) - len(got) <= clips.filter_bank(rate, RATE)[1] * RATE / rate + 2
    np.testing.assert_allclose(got, expected[: len(got)], atol=1e-6)


def test_both_scripts_have_the_same_filter() -> None:
    from components.common.package.serving import embedder as clips

    assert inspect.getsource(streaming.filter_bank) == inspect.getsource(clips.filter_bank)
    for name in ("PASS", "ATTENUATION", "PHASES", "LOUDEST", "LOWEST_RATE", "HIGHEST_RATE"):
        assert getattr(streaming, name) == getattr(clips, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        ([0.0, np.nan], None, "samples hold NaN or infinity; accepted: finite samples"),
        ([0.0, -np.inf], None, "samples hold NaN or infinity"),
        ([3000.0], None, "samples reach 3000; accepted: float in \\[-1, 1\\] or int16"),
        (np.zeros((2, 9)), None, r"shape \(2, 9\); accepted: one channel"),
        (np.zeros(3, np.int64), None, "samples are int64; accepted: float"),
        ([0.0], 44_100, "sample rate 44100 in a stream that began at 16000 Hz; accepted: 16000, or reset"),
        ([0.0], 7_999, "sample rate 7999; accepted: a whole number from 8000 to 48000 Hz"),
        ([0.0], 16_000.5, "sample rate 16000.5; accepted: a whole number"),
        ([0.0], "16000", "sample rate '16000'; accepted: a whole number"),
    ],
)
def test_what_is_refused_leaves_the_stream_as_it_was(
    embedder: StreamingEmbedder, expected: Any, samples: Any, rate: Any, message: str
) -> None:
    embedder.reset()
    found = embedder.feed(CLIP[:20_000])
    with pytest.raises(ValueError, match=message):
        embedder.feed(samples, rate)
    found += embedder.feed(CLIP[20_000:])
    np.testing.assert_allclose([one.embedding for one in found], expected, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_chunk_and_state_are_checked(pushed: Path, plain_student: Converted, tmp_path: Path) -> None:
    file = StreamFile(pushed / streaming.MODEL_FILE)
    state = file.begin()
    chunk = CLIP[:HOP]
    for wrong in (CLIP[: HOP - 160], CLIP[np.newaxis, :HOP]):
        with pytest.raises(ValueError, match=r"a chunk of shape .*; accepted: \(3840,\)"):
            file.step(wrong, state)
    with pytest.raises(ValueError, match="a chunk holds NaN"):
        file.step(np.full(HOP, np.nan, np.float32), state)
    (tmp_path / "other.tflite").write_bytes(plain_student.content("stream-dynamic"))
    other = StreamFile(tmp_path / "other.tflite")
    with pytest.raises(ValueError, match=f"state is that of the model {other.sha256[:12]}; accepted: one of"):
        file.step(chunk, other.begin())
    cut = {name: tensor[:, 1:] for name, tensor in state.tensors.items()}
    with pytest.raises(ValueError, match=r"the state has the tensors .*; accepted: .*72, 65"):
        file.step(chunk, State(file.sha256, cut))
    # A step changes no state that it was given: the same call gives the same answer.
    _, later = file.step(chunk, state)
    one, other_one = (file.step(CLIP[HOP : 2 * HOP], later)[0] for _ in range(2))
    np.testing.assert_array_equal(one, other_one)


@pytest.mark.slow
def test_other_files_are_refused(pushed: Path, plain_student: Converted, tmp_path: Path) -> None:
    (tmp_path / streaming.MODEL_FILE).write_bytes(plain_student.content("wave-float32"))
    with pytest.raises(ValueError, match=r"maps .'waveform'. to .'embedding'.; accepted: a stream file"):
        StreamFile(tmp_path / streaming.MODEL_FILE)
    (tmp_path / streaming.MODEL_FILE).write_bytes(plain_student.content("stream-dynamic"))
    (tmp_path / streaming.DESCRIPTION_FILE).write_bytes((pushed / streaming.DESCRIPTION_FILE).read_bytes())
    with pytest.raises(ValueError, match=r"has sha256 .*; accepted: .*, which model.json describes"):
        StreamingEmbedder(tmp_path)


@pytest.mark.slow
def test_it_needs_numpy_and_litert_alone(pushed: Path, tmp_path: Path) -> None:
    (tmp_path / "streaming.py").write_text(Path(streaming.__file__).read_text(encoding="utf-8"))
    code = f"import streaming; print(len(streaming.StreamingEmbedder({str(pushed)!r}).feed([0.1] * 19440)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules['mlflow'] = None; {code}"],
        env=isolated(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
