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
from pipeline.heads.metadata import ENTRY, Words, annotate, labels_of, strip
from pipeline.heads.network import Layer, head_file
from tests.conftest import REPOSITORY
from tests.pipeline.heads.conftest import sound

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted

WORDS = Words("cough", "Classifier of cough, other", "CC BY 4.0")
LABELS = ["cough", "other"]
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


def test_constants_stay_aligned() -> None:
    annotated = annotate(head(), LABELS, 16_000, WORDS)
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


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "dynamic", "int8"])
def test_mediapipe_takes_the_file_as_it_is_and_says_what_litert_says(
    mediapipe: Path, plain_student: Converted, tmp_path: Path, precision: str
) -> None:
    from components.tflite_converter.join import join
    from pipeline.heads.network import EMBEDDING

    student = plain_student.content(f"wave-{precision}")
    dim = flatbuffer.outputs(flatbuffer.parse(student))[0].shape[1]
    weights = np.random.default_rng(0).normal(size=(2, dim)).astype(np.float32)
    layers = [Layer(weights, np.array([0.5, -0.5], np.float32))]
    bare = join(student, head_file(layers), keep_seam=EMBEDDING)
    file = tmp_path / "cough.tflite"
    file.write_bytes(annotate(bare, LABELS, 16_000, WORDS))
    # Short, exact, one sample longer, and three windows.
    clips = [
        sound(500.0, seed, seconds=3.0)[:samples] for seed, samples in enumerate((8000, 15600, 15601, 46800))
    ]
    named = {str(number): clip for number, clip in enumerate(clips)}
    np.savez(tmp_path / "clips.npz", allow_pickle=False, **named)
    # An empty clip, or a file it does not take, kills its process.
    done = subprocess.run(
        [mediapipe, SCORES, file, tmp_path / "clips.npz"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    model = LiteRtModel(file)
    for clip, windows in zip(clips, told, strict=True):
        padded = np.pad(clip, (0, -len(clip) % 15_600)).reshape(-1, 1, 15_600)
        assert len(windows) == len(padded)
        for window, heard in zip(windows, padded, strict=True):
            scores, embedding = (answer[0] for answer in model.run(heard))
            said, beside = window
            assert [np.float32(said[label]) for label in LABELS] == scores.tolist()
            assert sorted(map(np.float32, beside.values())) == sorted(embedding.tolist())
