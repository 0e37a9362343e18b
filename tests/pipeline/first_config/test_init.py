"""``init`` writes a configuration from what is there."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest

from components.audio_ingest.settings import AudioIngestSettings
from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.json_schemas import schema_file
from pipeline.configuration.resolved import ResolvedRun
from pipeline.first_config.findings import find_corpus, find_device, find_tasks, find_teacher
from pipeline.first_config.text import name_of
from pipeline.local.layout import RunLayout
from pipeline_runner import main
from tests.components.audio_ingest.corpora import make_corpus
from tests.components.common.audio.sounds import sine, write_soundfile
from tests.components.common.modeling.teachers.test_onnx import save_encoder
from tests.pipeline.made_up_tasks import make_task


def recordings(folder: Path, number: int) -> Path:
    for one in range(number):
        write_soundfile(folder / f"take {one}.wav", sine(1 + one / 4, 16_000, 300), 16_000)
    return folder


def test_writes_a_configuration_that_is_accepted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sound = recordings(tmp_path / "sound: mine #1", 12)
    make_task(tmp_path / "noss/pitch", (200, 400), 0)
    teacher, path = save_encoder(tmp_path / "teacher.onnx"), tmp_path / "My first.yaml"
    command = ["init", "--sound", str(sound), "--teacher", str(teacher), "--budget-ms", "5", "-o", str(path)]
    assert main(command) == 0
    out = capfd.readouterr().out
    assert "corpus: 12 recordings, split by a hash of names; no speaker is known" in out
    assert re.search("disk: about .* memory: a run may take .* time: about ", out.replace("\n", " "))
    assert f"{path} is written; next: python pipeline_runner.py run --config {path}" in out.replace("'", "")

    text = path.read_text()
    schema = text.split("\n", 1)[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == schema_file("config")
    config = load_config(path)
    ResolvedRun.of(config, RunLayout(tmp_path / "run")).check()
    assert (config.name, config.corpus.root, config.corpus.layout) == ("my_first", str(sound), "folder")
    assert config.noss.root == str(tmp_path / "noss")  # beside the sound
    assert config.distillation.teacher.kind == "onnx"
    assert [budget.milliseconds for budget in config.latency.devices["host"].budgets] == [5]

    assert main(command) == 2
    assert "is there already and is not overwritten" in capfd.readouterr().err
    assert path.read_text() == text


def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my.yaml"
    (tmp_path / "sound").mkdir()
    given = {"--sound": str(tmp_path / "sound"), "--teacher": str(tmp_path / "no.onnx"), "-o": str(path)}
    assert main(["init", *(word for pair in given.items() for word in pair)]) == 2
    assert "refused: --sound: corpus.root: no sound file below" in capfd.readouterr().err
    assert not path.exists()


def test_audioset_is_known_by_its_tables(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 3, 2)
    found = find_corpus(root)
    assert found.section["audio"] == "audios"
    assert found.section["segments"] == {
        "train": ["balanced_train_segments.csv"], "eval": ["eval_segments.csv"],
    }  # fmt: skip
    assert AudioIngestSettings(**found.section).layout == "auto"


def test_few_recordings_get_a_share_that_leaves_none_of_the_splits_empty(tmp_path: Path) -> None:
    shares = [
        find_corpus(recordings(tmp_path / str(number), number)).section["recordings"]["eval_share"]
        for number in (4, 60)
    ]
    assert shares[1] == 0.1
    assert shares[0] > 0.1
    with pytest.raises(
        ConfigError, match=r"--sound: .*eval_share: 0\.5; none of 1 recordings is in the split"
    ):
        find_corpus(recordings(tmp_path / "one", 1))
    with pytest.raises(ConfigError, match="--sound: there is no folder"):
        find_corpus(tmp_path / "absent")


def test_a_task_or_a_folder_of_tasks(tmp_path: Path) -> None:
    make_task(tmp_path / "all/pitch", (200, 400), 0)
    one, several = find_tasks(tmp_path / "all/pitch", tmp_path), find_tasks(tmp_path / "all", tmp_path)
    assert one.section == {"root": str(tmp_path / "all"), "tasks": [{"name": "pitch"}]}
    assert several.section == {"root": str(tmp_path / "all")}
    assert several.said.startswith("pitch, ")
    with pytest.raises(
        ConfigError, match=r"no folder of tasks, looked for .*/noss, .*/tasks, .*`noss get TASK`"
    ):
        find_tasks(None, tmp_path)


def test_a_teacher_is_known_by_its_files(tmp_path: Path) -> None:
    for name in ("t.tflite", "model/saved_model.pb", "hf/config.json", "hf/model.safetensors", "t.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert find_teacher(str(tmp_path / "t.tflite")).section == {
        "kind": "tflite", "stages": [{"file": str(tmp_path / "t.tflite")}],
    }  # fmt: skip
    assert find_teacher(str(tmp_path / "hf")).section == {"kind": "huggingface", "path": str(tmp_path / "hf")}
    with pytest.raises(
        ConfigError, match=r"--teacher: .*t\.pt' is no teacher that is known; accepted: a \.tfl"
    ):
        find_teacher(str(tmp_path / "t.pt"))
    with pytest.raises(ConfigError, match=r"--teacher: .*model cannot be loaded"):
        find_teacher(str(tmp_path / "model"))
    with pytest.raises(ConfigError, match="--teacher-output: a teacher of kind huggingface has no outputs"):
        find_teacher(str(tmp_path / "hf"), "x")


def test_of_several_outputs_the_usual_or_the_named_one_is_taken(tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "teacher.onnx")
    model = onnx.load(path)
    model.graph.output.append(onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, None))
    onnx.save(model, path)
    assert find_teacher(str(path)).section["output"] == "last_hidden_state"
    assert find_teacher(str(path), "features").section["output"] == "features"
    with pytest.raises(ConfigError, match=r"has no output 'nosuch', only [\s\S]*--teacher-output NAME says"):
        find_teacher(str(path), "nosuch")


def test_a_phone_is_found_by_adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, listed = tmp_path / "benchmark_model", tmp_path / "listed"
    tool.write_bytes(b"")
    adb = tmp_path / "bin/adb"
    adb.parent.mkdir()
    adb.write_text(f"#!/bin/sh\ncat {listed}\n")
    adb.chmod(0o755)
    monkeypatch.setenv("PATH", f"{adb.parent}:/usr/bin:/bin")
    listed.write_text("List of devices attached\nAB12\tdevice\nCD34\tunauthorized\n\n")
    section = find_device("adb", tool, 8).section
    assert section["phone"]["serial"] == "AB12"
    assert section["phone"]["budgets"] == [{"percentile": "p95", "milliseconds": 8}]
    listed.write_text("List of devices attached\nCD34\tunauthorized\n\n")
    with pytest.raises(
        ConfigError, match=r"0 phones are ready, one is needed \(CD34 is unauthorized: unlock it"
    ):
        find_device("adb", tool, 8)
    with pytest.raises(ConfigError, match="--benchmark-model: there is no file ''; accepted"):
        find_device("adb", None, 8)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="--device adb: the command adb cannot be run"):
        find_device("adb", tool, 8)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my.yaml", "my"),
        ("2 Days.yaml", "run_2_days"),
        ("é.yaml", "run_"),
        ("x.yml", "x_"),
        ("a" * 90, "a" * 40),
    ],
)
def test_the_run_is_named_after_the_file(file: str, name: str) -> None:
    assert name_of(Path(file)) == name
