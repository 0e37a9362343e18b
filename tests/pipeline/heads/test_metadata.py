from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from pipeline.heads.metadata import CALIBRATION_FILE, ENTRY, Words, annotate, labels_of, strip
from pipeline.heads.network import Layer, head_file
from pipeline.heads.sigmoids import calibrate
from schemas.head_reports import Sigmoid
from tests.conftest import REPOSITORY
from tests.pipeline.heads.conftest import sound

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted

WORDS = Words("cough", "Classifier of cough, other", "CC BY 4.0")
LABELS = ["cough", "other"]
SIGMOIDS = [Sigmoid(slope=0.625, offset=-0.25), Sigmoid(slope=0.1, offset=0.5)]
SCORES = Path(__file__).parent / "mediapipe" / "scores.py"


def head() -> bytes:
    weights = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    return head_file([Layer(weights, np.array([0.25, -0.75], np.float32))])


def test_the_same_labels_give_the_same_file_and_stripping_gives_the_bare_one_back() -> None:
    bare = head()
    annotated = annotate(bare, LABELS, 16_000, WORDS)
    assert annotate(bare, LABELS, 16_000, WORDS) == annotated
    assert annotate(bare, LABELS, 16_000, Words("cough", "")) != annotated
    assert strip(annotated) == bare
    assert labels_of(annotated) == LABELS
    with zipfile.ZipFile(io.BytesIO(annotated)) as archive:
        (info,) = archive.infolist()
        assert info.compress_type == zipfile.ZIP_STORED and info.date_time == (1980, 1, 1, 0, 0, 0)
    given = np.random.default_rng(1).normal(size=(1, 8)).astype(np.float32)
    assert LiteRtModel(annotated).run(given)[0].tobytes() == LiteRtModel(bare).run(given)[0].tobytes()


def test_sigmoids_lie_behind_the_file_and_strip_with_the_rest() -> None:
    bare = head()
    annotated = annotate(bare, LABELS, 16_000, WORDS, SIGMOIDS)
    assert strip(annotated) == bare and labels_of(annotated) == LABELS
    with zipfile.ZipFile(io.BytesIO(annotated)) as archive:
        # A line end after the last would be a third sigmoid to MediaPipe.
        assert archive.read(CALIBRATION_FILE) == b"1,0.625,-0.25\n1,0.1,0.5"


@pytest.mark.parametrize("sigmoids", [[], SIGMOIDS], ids=["plain", "calibrated"])
def test_constants_stay_aligned(sigmoids: list[Sigmoid]) -> None:
    annotated = annotate(head(), LABELS, 16_000, WORDS, sigmoids)
    model = flatbuffer.parse(annotated)
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data):
            found = annotated.index(bytes(buffer.data))
            assert found % flatbuffer.ALIGNMENT == 0
    (entry,) = [entry for entry in model.metadata if flatbuffer.text(entry.name) == ENTRY]
    assert bytes(model.buffers[entry.buffer].data)[4:8] == b"M001"


def test_what_would_be_refused_by_mediapipe_later_is_refused_now() -> None:
    bare = head()
    with pytest.raises(ValueError, match="3 labels for 2 scores"):
        annotate(bare, ["a", "b", "c"], 16_000, WORDS)
    for label in ("", " cough", "dry\ncough", "dry\u2028cough"):
        with pytest.raises(ValueError, match="is no line of text; accepted: words without line breaks"):
            annotate(bare, ["other", label], 16_000, WORDS)
    with pytest.raises(ValueError, match="1 sigmoids for 2 labels"):
        annotate(bare, LABELS, 16_000, WORDS, SIGMOIDS[:1])
    annotated = annotate(bare, LABELS, 16_000, WORDS)
    with pytest.raises(ValueError, match="has metadata already; accepted: a bare file"):
        annotate(annotated, LABELS, 16_000, WORDS)
    with pytest.raises(ValueError, match="no metadata that were written last"):
        strip(bare)
    with pytest.raises(ValueError, match=r"no labels.txt behind the file"):
        labels_of(bare)


@pytest.fixture(scope="session")
def mediapipe() -> Path:
    """Python of an environment that has the ``mediapipe`` wheel; see CONTRIBUTING.md."""
    python = Path(os.environ.get("TINYTRILL_MEDIAPIPE", REPOSITORY / ".venv-mediapipe" / "bin" / "python"))
    if not python.is_file():
        pytest.skip(f"MediaPipe is not here: {python} is absent (make mediapipe, or set TINYTRILL_MEDIAPIPE)")
    return python


def ask(python: Path, file: Path, clips: list[np.ndarray]) -> list[list[list[dict[str, float]]]]:
    """What MediaPipe says of clips: for each its windows, each scores and embedding by name."""
    place = file.with_name("clips.npz")
    np.savez(place, allow_pickle=False, **{str(number): clip for number, clip in enumerate(clips)})
    # An empty clip, or a file it does not take, kills its process.
    done = subprocess.run([python, SCORES, file, place], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told: list[list[list[dict[str, float]]]] = json.loads(done.stdout)
    return told


def joined(student: bytes) -> bytes:
    from components.tflite_converter.join import join
    from pipeline.heads.network import EMBEDDING

    dim = flatbuffer.outputs(flatbuffer.parse(student))[0].shape[1]
    weights = np.random.default_rng(0).normal(0, 0.05, (2, dim)).astype(np.float32)
    return join(student, head_file([Layer(weights, np.array([0.5, -0.5], np.float32))]), keep_seam=EMBEDDING)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "dynamic", "int8"])
def test_mediapipe_takes_the_file_as_it_is_and_says_what_litert_says(
    mediapipe: Path, plain_student: Converted, tmp_path: Path, precision: str
) -> None:
    file = tmp_path / "cough.tflite"
    file.write_bytes(annotate(joined(plain_student.content(f"wave-{precision}")), LABELS, 16_000, WORDS))
    # Short, exact, one sample longer, and three windows.
    clips = [
        sound(500.0, seed, seconds=3.0)[:samples] for seed, samples in enumerate((8000, 15600, 15601, 46800))
    ]
    model = LiteRtModel(file)
    for clip, windows in zip(clips, ask(mediapipe, file, clips), strict=True):
        padded = np.pad(clip, (0, -len(clip) % 15_600)).reshape(-1, 1, 15_600)
        assert len(windows) == len(padded)
        for window, heard in zip(windows, padded, strict=True):
            scores, embedding = (answer[0] for answer in model.run(heard))
            said, beside = window
            assert [np.float32(said[label]) for label in LABELS] == scores.tolist()
            assert sorted(map(np.float32, beside.values())) == sorted(embedding.tolist())


@pytest.mark.slow
def test_mediapipe_calibrates_as_we_say(mediapipe: Path, plain_student: Converted, tmp_path: Path) -> None:
    file = tmp_path / "cough.tflite"
    file.write_bytes(annotate(joined(plain_student.content("wave-float32")), LABELS, 16_000, WORDS, SIGMOIDS))
    model, plain = LiteRtModel(file), []
    clips = [sound(pitch, seed)[:15_600] for seed, pitch in enumerate((60.0, 500.0, 1000.0, 2500.0))]
    for clip, windows in zip(clips, ask(mediapipe, file, clips), strict=True):
        ((said, beside),) = windows
        scores, embedding = model.run(clip[None])
        plain.append(scores[0])
        expected = calibrate(scores, SIGMOIDS)[0]
        assert [said[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-6)
        assert sorted(map(np.float32, beside.values())) == sorted(embedding[0].tolist())
    assert np.abs(calibrate(np.stack(plain), SIGMOIDS) - plain).min() > 1e-3, "calibration changes each"
