from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline_runner
from components.common.modeling import flatbuffer
from components.common.modeling.litert import LiteRtModel
from components.noss_evaluator.tasks import class_indices, sounds_of
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.sources import refusing_sources
from pipeline.heads import train
from pipeline.heads.clips import decode_clips
from pipeline.heads.embedded import embed_clips
from pipeline.heads.joined import JoinFailed, assemble, prove
from pipeline.heads.listing import list_clips
from pipeline.heads.measured import PROTOCOL, train_and_measure
from pipeline.heads.metadata import strip
from pipeline.heads.sigmoids import calibrate, fit_sigmoids
from pipeline.heads.students import find_student
from pipeline.heads.train import HeadRequest, train_head
from schemas.head_reports import HeadReport
from schemas.students import FrontEndSpec
from tests.pipeline.heads.conftest import sound, write_clips, write_manifest, write_student


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten clips a label, as few as people have."""
    return write_clips(tmp_path_factory.mktemp("clips") / "cough", count=10, speakers=5)


@pytest.fixture(scope="module")
def trained(
    student: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, HeadReport]]:
    file = tmp_path_factory.mktemp("head") / "cough.tflite"
    code = pipeline_runner.main(
        ["head", "train", str(student), "--task", str(clips), "-o", str(file), "--no-latency"]
    )
    assert code == 0
    yield file, HeadReport.load(file.with_suffix(".head"))


def test_ten_clips_a_label_give_a_classifier_with_an_honest_interval(
    trained: tuple[Path, HeadReport],
) -> None:
    file, head = trained
    assert head.labels == ["cough", "other"] and head.clips_by_label == {"cough": 10, "other": 10}
    assert head.clips.n_test == 20 and head.windows.n_test == 40, "each clip is asked about once"
    assert head.clips.value == 1.0
    assert head.confusion == [[10, 0], [0, 10]]
    assert head.detection is not None and head.detection.positive == "cough"
    assert all(row.false_alarms_high > 0 and row.misses_high > 0.2 for row in head.detection.rows)
    assert head.speakers == 5 and len(head.clips.runs) == 5
    assert head.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    for name in ("MODEL_CARD.md", "index.html"):
        text = (file.with_suffix(".head") / name).read_text()
        assert head.sha256 in text and "cough" in text and str(file.parent) not in text


def test_the_students_part_is_bit_for_bit_the_students(
    trained: tuple[Path, HeadReport], student: Path
) -> None:
    bare, joined = student.read_bytes(), trained[0].read_bytes()
    ours, theirs = flatbuffer.parse(joined), flatbuffer.parse(bare)
    for tensor, same in zip(theirs.subgraphs[0].tensors, ours.subgraphs[0].tensors, strict=False):
        values = flatbuffer.constant(theirs, tensor)
        if values is not None:
            kept = flatbuffer.constant(ours, same)
            assert kept is not None and np.array_equal(kept, values)
    assert [one.name for one in flatbuffer.outputs(ours)] == ["scores", "embedding"]
    assert flatbuffer.runtime_version(ours) >= flatbuffer.runtime_version(theirs)
    one, other = LiteRtModel(joined), LiteRtModel(bare)
    for seed, pitch in enumerate((500.0, 2500.0, 60.0)):
        window = sound(pitch, seed)[None, :15_600]
        scores, embedding = one.run(window)
        assert embedding.tobytes() == other.run(window)[0].tobytes()
        assert scores.sum() == pytest.approx(1, abs=1e-5)
    assert one.run(sound(500.0, 1)[None, :15_600])[0].argmax() == 0


def test_the_same_clips_give_the_same_file(
    trained: tuple[Path, HeadReport], student: Path, clips: Path, tmp_path: Path
) -> None:
    again = train_head(HeadRequest(str(student), clips, tmp_path / "cough.tflite", latency=False))
    assert again == trained[1]
    assert (tmp_path / "cough.tflite").read_bytes() == trained[0].read_bytes()


def test_calibration_changes_the_metadata_and_nothing_else(
    trained: tuple[Path, HeadReport], student: Path, clips: Path, tmp_path: Path
) -> None:
    file = tmp_path / "cough.tflite"
    code = pipeline_runner.main(
        ["head", "train", str(student), "--task", str(clips), "-o", str(file), "--no-latency", "--calibrate"]
    )
    assert code == 0
    plain, head = trained[1], HeadReport.load(file.with_suffix(".head"))
    assert head.sha256 != plain.sha256 and head.bare_sha256 == plain.bare_sha256
    assert strip(file.read_bytes()) == strip(trained[0].read_bytes())
    assert head.calibration == plain.calibration and head.clips == plain.clips
    assert len(head.sigmoids) == 2 and head.calibrated is not None and plain.calibrated is None
    assert head.detection is not None and plain.detection is not None
    shown = [row.calibrated for row in head.detection.rows if row.calibrated is not None]
    assert len(shown) == len(head.detection.rows) and shown == sorted(shown)
    assert {row.calibrated for row in plain.detection.rows} == {None}
    again = assemble(
        student.read_bytes(), (file.with_suffix(".head") / HeadReport.HEAD).read_bytes(), head.name,
        head.labels, head.student.point_id, head.licence, head.sigmoids,
    )  # fmt: skip
    assert again == file.read_bytes(), "the report is enough to put the file together"
    for name in ("MODEL_CARD.md", "index.html"):
        text = (file.with_suffix(".head") / name).read_text()
        assert f"{head.calibrated.expected_error:.3f}" in text and "calibrated" in text


@pytest.mark.parametrize("given", [False, True], ids=["folds", "splits"])
def test_calibration_is_judged_on_windows_that_it_was_not_fitted_on(
    student: Path, clips: Path, tmp_path: Path, given: bool
) -> None:
    rows = [
        (label, f"{split}{i}", split)
        for split, count in (("train", 6), ("validation", 3), ("test", 4))
        for label in ("cough", "other")
        for i in range(count)
    ]
    task = write_manifest(tmp_path / "task", rows) if given else clips
    with refusing_sources():
        embedded = embed_clips(decode_clips(list_clips(task)), find_student(str(student)), PROTOCOL)
    measured = train_and_measure(embedded, 0, calibrated=True)
    windows, labels = embedded.by_window, embedded.task.classes
    assert measured.calibrated is not None
    if given:
        held_out = windows.splits["validation"]
        scores = measured.probe.probabilities(embedded.windows[sounds_of(held_out)])
        sigmoids = fit_sigmoids(scores, class_indices(labels, held_out), labels)
        assert measured.sigmoids == sigmoids
        expected = calibrate(measured.windows.probabilities, sigmoids)
    else:
        truth, scores = class_indices(labels, measured.windows.tested), measured.windows.probabilities
        assert measured.sigmoids == fit_sigmoids(scores, truth, labels)
        folds = np.array([window.group for window in measured.windows.tested])
        expected = np.empty_like(scores)
        for fold in np.unique(folds):
            own = folds == fold
            expected[own] = calibrate(scores[own], fit_sigmoids(scores[~own], truth[~own], labels))
    assert measured.calibrated.probabilities.tobytes() == expected.tobytes()


def test_given_splits_measure_the_very_head_that_ships(student: Path, tmp_path: Path) -> None:
    rows = [
        (label, f"{split}{i}", split)
        for split, count in (("train", 6), ("validation", 3), ("test", 4))
        for label in ("cough", "other")
        for i in range(count)
    ]
    task = write_manifest(tmp_path / "task", rows)
    head = train_head(HeadRequest(str(student), task, tmp_path / "a.tflite", "other", latency=False))
    assert head.measured_by.startswith("the clips of test") and head.clips.n_test == 8
    assert head.detection is not None and head.detection.positive == "other"
    # By the file itself: a window a clip, four of each label.
    model = LiteRtModel(tmp_path / "a.tflite")
    right = 0
    for index in range(len(rows) - 8, len(rows)):
        import soundfile

        heard = np.pad(
            soundfile.read(task / f"{index}.wav", dtype="int16")[0].astype(np.float32) / 32768, (0, 7600)
        )
        right += head.labels[model.run(heard[None])[0].argmax()] == rows[index][0]
    assert right / 8 == head.windows.metrics["accuracy"]


def test_a_file_that_is_not_student_and_head_is_refused(
    trained: tuple[Path, HeadReport], student: Path
) -> None:
    windows = np.stack([sound(500.0, seed)[:15_600] for seed in range(2)])
    joined = LiteRtModel(trained[0])
    expected = np.concatenate([joined.run(window[None])[0] for window in windows])
    assert prove(student.read_bytes(), trained[0].read_bytes(), windows, expected) == 0
    model = flatbuffer.parse(trained[0].read_bytes())
    weights = next(b for b in model.buffers if b.data is not None and len(b.data) > 10_000)
    weights.data = weights.data.copy()
    weights.data[3::4] ^= 1  # the sign, or an exponent's bit
    with pytest.raises(JoinFailed, match=r"embedding is not the student's|not finite"):
        prove(student.read_bytes(), flatbuffer.serialize(model), windows, expected)
    with pytest.raises(JoinFailed, match=r"the file's scores differ by [01.]+\d* from those of the head"):
        prove(student.read_bytes(), trained[0].read_bytes(), windows, expected[:, ::-1])


def test_what_cannot_be_written_is_refused_before_any_work(
    student: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(*more: str, model: str = str(student)) -> int:
        return pipeline_runner.main(["head", "train", model, "--task", str(clips), *more])

    (tmp_path / "old.tflite").write_text("mine")
    assert code("-o", str(tmp_path / "old.tflite")) == 2
    assert "is there already and is not overwritten" in capsys.readouterr().err
    assert code("-o", str(tmp_path / "no" / "a.tflite")) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert code("-o", str(tmp_path / "a.onnx")) == 2
    assert "whose name ends in .tflite" in capsys.readouterr().err
    assert code("-o", str(tmp_path / "a.tflite"), "--positive", "snore") == 2
    assert "there is no label 'snore'; accepted: cough, other" in capsys.readouterr().err
    assert code("-o", str(tmp_path / "a.tflite"), model="nothing") == 2
    assert "'nothing' is no student; accepted: a folder that a run pushed" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.tflite"]


def test_students_that_take_no_head_are_refused(student: Path, tmp_path: Path) -> None:
    content = student.read_bytes()
    (tmp_path / "bare.tflite").write_bytes(content)
    with pytest.raises(ConfigError, match=r"nothing beside '.*bare.tflite' says what it hears"):
        find_student(str(tmp_path / "bare.tflite"))
    other = write_student(tmp_path / "front", content, FrontEndSpec(frames=48))
    with pytest.raises(
        ConfigError, match=r"takes float32 \[1, 15600\], but its card describes another front end"
    ):
        find_student(str(other))
    rate = write_student(tmp_path / "rate", content, FrontEndSpec(sample_rate=8000, upper_hz=3900))
    with pytest.raises(ConfigError, match="hears 8000 Hz; accepted: a front end of 16000 Hz"):
        find_student(str(rate))
    changed = write_student(tmp_path / "changed", content)
    changed.write_bytes(content + b"\0")
    with pytest.raises(ConfigError, match=r"has sha256 \w+, its variants.json is of"):
        find_student(str(changed))
    report = json.loads((student.parent / "variants.json").read_text())
    from tests.components.noss_evaluator.networks import mean_tflite

    core = mean_tflite("core")
    report["variants"][0] |= {"file": "core.tflite", "sha256": hashlib.sha256(core).hexdigest()}
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "variants.json").write_text(json.dumps(report))
    (tmp_path / "core" / "core.tflite").write_bytes(core)
    with pytest.raises(ConfigError, match=r"takes log-mels \[1, 96, 64\], and an app has a waveform"):
        find_student(str(tmp_path / "core" / "core.tflite"))


@pytest.mark.slow
def test_a_registered_student_and_an_alias_that_moves(
    scene: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene()
    made.push()
    uri = made.settings.tracking_uri
    name = "tinytrill-host@candidate"
    head = train_head(HeadRequest(name, clips, tmp_path / "a.tflite", tracking_uri=uri, latency=False))
    assert head.student.registered.startswith("tinytrill-host/")
    assert head.student.embedding_dim == 8

    from components.common.tracking.stores import open_client

    client = open_client(uri)
    version = client.get_model_version_by_alias("tinytrill-host", "candidate").version
    another = next(
        str(v.version) for v in client.search_model_versions("name='tinytrill-host'") if v.version != version
    )
    measure = train.train_and_measure

    def moved(*given: Any) -> Any:
        client.set_registered_model_alias("tinytrill-host", "candidate", another)
        return measure(*given)

    monkeypatch.setattr(train, "train_and_measure", moved)
    with pytest.raises(ConfigError, match=f"moved to tinytrill-host/{another} while a head was trained on "):
        train_head(HeadRequest(name, clips, tmp_path / "b.tflite", tracking_uri=uri, latency=False))
    assert not (tmp_path / "b.tflite").exists() and not (tmp_path / "b.head").exists()


@pytest.mark.slow
def test_a_pushed_folder_and_its_latency(scene: Any, clips: Path, tmp_path: Path) -> None:
    made = scene()
    made.push()
    folder = next(made.destination.glob("*/wave-float32/1"))
    shutil.copytree(folder, tmp_path / "mine")
    head = train_head(HeadRequest(str(tmp_path / "mine"), clips, tmp_path / "a.tflite"))
    assert head.latency is not None and head.latency.n > 0
    assert head.latency.student_ms is not None and head.latency.classifier_ms is not None
    assert head.latency.ratio is not None and head.latency.ratio_low is not None
    assert head.latency.ratio_low <= head.latency.ratio <= (head.latency.ratio_high or 0)
    assert f"{head.latency.classifier_ms:.3f} ms" in (tmp_path / "a.head" / "MODEL_CARD.md").read_text()
