"""``pipeline_runner.py noss ls``, ``show``, ``get`` and ``validate``, as they are called."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.noss.listing import count
from pipeline_runner import main
from schemas.noss_tasks import catalogue
from tests.components.common.audio.sounds import sine, write_soundfile
from tests.components.noss_ingest.tasks import edit, make_task
from tests.components.noss_ingest.tfds_trees import make_savee
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def wide_and_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("TINYTRILL_DATA_ROOT", str(tmp_path))


def make_crema_d(root: Path) -> None:
    for speaker in range(1001, 1011):
        for label in ("ANG", "SAD"):
            path = root / f"crema_d/AudioWAV/{speaker}_DFA_{label}_XX.wav"
            write_soundfile(path, sine(0.5, 8_000, speaker), 8_000)


def test_ls_lists_the_catalogue_and_the_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_task(tmp_path / "noss/mine")
    make_crema_d(tmp_path / "noss")
    assert main(["noss", "ls", "--json"]) == 0
    lines = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert list(lines) == sorted([*catalogue(), "mine"])
    assert lines["mine"] == {
        "name": "mine", "title": "", "classes": 0, "metric": "accuracy", "split": "published",
        "source": "manifest mine/manifest.csv", "obtain": "",
    }  # fmt: skip
    assert lines["crema_d"]["source"] == "folder crema_d"
    assert lines["savee"]["source"] == ""
    assert "noss get savee" in lines["savee"]["obtain"]


def test_ls_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_task(tmp_path / "elsewhere/mine")
    assert main(["noss", "ls", "--root", str(tmp_path / "elsewhere")]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.split()}
    assert lines["mine"][1:] == ["as", "found", "accuracy", "published", "manifest"]
    assert lines["crema_d"][1:5] == ["6", "accuracy", "speakers", "no"]
    assert "  crema_d: run python pipeline_runner.py noss get crema_d" in out
    assert "  mine:" not in out


def test_ls_sees_what_tfds_has_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("here/savee/1.0.0", "tfds/crema_d/1.0.0"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "dataset_info.json").write_text("{}")

    def sources(*arguments: str) -> set[str]:
        assert main(["noss", "ls", "--json", *arguments]) == 0
        return {line["source"] for line in json.loads(capsys.readouterr().out)} - {""}

    assert sources() == {"TFDS crema_d"}
    assert sources("--tfds-dir", str(tmp_path / "here")) == {"TFDS savee"}


def test_show_an_absent_task(capsys: pytest.CaptureFixture[str]) -> None:
    record = catalogue()["crema_d"]
    assert main(["noss", "show", "crema_d"]) == 0
    out = capsys.readouterr().out
    for known in (record.digest, record.licence, record.citation, *record.labels, record.obtain.page):
        assert known in out
    assert "Its sound is not here: there is no" in out
    for figure in record.published:
        assert f"{figure.value:.1%}" in out


def test_show_a_task_that_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_crema_d(tmp_path / "noss")
    assert main(["noss", "show", "crema_d"]) == 0
    out = capsys.readouterr().out
    assert "│" not in out  # a pipe gets plain columns
    table = [line.split() for line in out.splitlines() if len(line.split()) == 3]
    # Ten speakers of two clips: seven, one and two of them.
    assert table[-4:] == [
        ["train", "14", "7"], ["validation", "2", "1"], ["test", "4", "2"], ["all", "20", "10"],
    ]  # fmt: skip
    # 20 clips of half a second.
    assert "0.00 hours; 2 labels: ANG 10, SAD 10" in out
    assert "folder crema_d (here)" in out


def test_hours_are_those_of_all_clips(tmp_path: Path) -> None:
    from components.noss_ingest.rows import TaskRow

    path = str(write_soundfile(tmp_path / "a.wav", sine(9.0, 8_000), 8_000))
    whole = TaskRow("a", path, "x", "", split="train")
    parts = [TaskRow("b", path, "x", "", split="test", start_s=2.0, seconds=3.0)] * 2
    # 9 + 3 + 3 s.
    assert count([whole, *parts]).hours == pytest.approx(15 / 3600)
    many = [whole, *parts] * 2000
    assert count(many).hours == pytest.approx(2000 * 15 / 3600, rel=0.01)
    (tmp_path / "b.wav").write_text("no sound")
    assert count([TaskRow("c", str(tmp_path / "b.wav"), "x", "", split="test")]).hours is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["noss", "show", "cremad"], "there is no task 'cremad'; known are asvspoof"),
        (["noss", "ls", "--root", "/no/such"], "--root: there is no folder '/no/such'"),
    ],
)
def test_refusals(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_folder_with_a_malformed_record_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_task(tmp_path / "noss/mine")
    (tmp_path / "noss/mine/task.yaml").write_text("name: mine\nname: yours\n")
    assert main(["noss", "ls"]) == 2
    assert "mine/task.yaml:2: the key 'name' is given at line 1 already" in capsys.readouterr().err


def test_ls_starts_without_tensorflow() -> None:
    code = (
        "import sys, pipeline_runner\n"
        "assert pipeline_runner.main(['noss', 'ls', '--json']) == 0\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'sklearn', 'tensorflow_datasets'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def validate(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    code = main(["noss", "validate", str(folder), *more])
    return code, capsys.readouterr().out


def test_a_valid_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_task(tmp_path / "mine")
    (folder / "task.yaml").write_text("name: mine\nlabels: [low, high]\nspeaker: known\n")
    code, out = validate(folder, capsys)
    assert code == 0
    assert "mine: valid; 8 of 8 clips were decoded and compared" in out
    assert "8 of 8" in out
    assert "2 labels: high 4, low 4" in out


def test_a_folder_without_a_record_is_valid_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(make_task(tmp_path / "mine"), capsys)[0] == 0


def break_record(folder: Path) -> None:
    (folder / "task.yaml").write_text("name: mine\nmetrik: auc\n")


def break_labels(folder: Path) -> None:
    (folder / "task.yaml").write_text("name: mine\nlabels: [low, medium]\n")


def break_sources(folder: Path) -> None:
    (folder / "task.yaml").write_text("name: mine\nsources: [{kind: manifest, file: manifest.csv}]\n")


def break_speakers(folder: Path) -> None:
    (folder / "task.yaml").write_text("name: mine\nspeaker: known\n")
    manifest = folder / "manifest.csv"
    text = manifest.read_text()
    for split in ("train", "validation", "test"):
        text = text.replace(f"{split}_speaker", "")
    manifest.write_text(text)


def break_splits(folder: Path) -> None:
    edit(folder, "train,0", ",0")


def break_sound(folder: Path) -> None:
    (folder / "audio/high0.wav").write_bytes(b"no sound")
    (folder / "audio/high1.wav").unlink()
    write_soundfile(folder / "audio/high2.wav", np.zeros((8_000, 1), np.float32), 8_000)


def break_duplicates(folder: Path) -> None:
    samples, rate = soundfile.read(folder / "audio/high0.wav", dtype="int16")
    soundfile.write(folder / "audio/high3.wav", samples, rate)
    edit(folder, "audio/low1.wav", "audio/low0.wav")


@pytest.mark.parametrize(
    ("broken", "problems"),
    [
        (break_record, ["task.yaml: metrik: unknown key; accepted: name"]),
        (
            break_labels,
            ["task.yaml: labels: no clip has 'medium'; found are high, low"]
            + [
                f"manifest.csv:{line}: unknown label 'high'; the task has low, medium" for line in range(2, 6)
            ],
        ),
        (break_sources, ["task.yaml: sources: none is the manifest beside it; accepted: a manifest"]),
        (break_speakers, ["task.yaml: speaker: is 'known', but no clip has a speaker_id"]),
        (break_splits, ["manifest.csv:2: clip 'audio/high0.wav' has no split"]),
        (
            break_sound,
            [
                "manifest.csv:3: there is no file ",
                "manifest.csv:2: {folder}/audio/high0.wav: undecodable",
                "manifest.csv:4: {folder}/audio/high2.wav: silent",
            ],
        ),
        (
            break_duplicates,
            [
                "manifest.csv:7: the clip 'audio/low0.wav' is at {folder}/manifest.csv:6 already",
                "manifest.csv:5: leak: the clip of split 'test' sounds the same",
            ],
        ),
    ],
)
def test_every_problem_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: Any, problems: list[str]
) -> None:
    folder = make_task(tmp_path / "mine")
    broken(folder)
    code, out = validate(folder, capsys)
    assert code == 2
    told = [line.removeprefix(f"{folder}/") for line in out.splitlines()]
    assert len(told) == len(problems), told
    for line, problem in zip(told, problems, strict=True):
        assert line.startswith(problem.format(folder=folder))


def test_a_folder_without_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        code, out = validate(folder, capsys)
        assert code == 2
        assert f"there is no file {folder}/manifest.csv; accepted:" in out
    (tmp_path / "manifest.csv").write_text("file,label,speaker_id,split,fold\n")
    code, out = validate(tmp_path, capsys)
    assert (code, out) == (2, f"{tmp_path}/manifest.csv: has no clips\n")


def test_a_sample_or_all_clips_are_decoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_task(tmp_path / "mine")
    rows = (folder / "manifest.csv").read_text()
    for number in range(600):
        shutil.copy(folder / "audio/high0.wav", folder / f"audio/copy{number}.wav")
        rows += f"audio/copy{number}.wav,high,train_speaker,train,\n"
    (folder / "manifest.csv").write_text(rows)
    assert "500 of 608 clips were decoded" in validate(folder, capsys)[1]
    assert "608 of 608 clips were decoded" in validate(folder, capsys, "--all")[1]


@pytest.mark.slow
def test_get_prepares_what_tfds_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manual = tmp_path / "by hand"
    manual.mkdir()
    make_savee(manual)
    assert main(["noss", "get", "savee", "--manual-dir", str(manual)]) == 0
    assert "savee is here now: TFDS savee" in capsys.readouterr().out
    assert main(["noss", "get", "savee"]) == 0
    assert "savee is here: TFDS savee" in capsys.readouterr().out


def test_get_says_what_cannot_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["noss", "get", "iemocap"]) == 2
    assert "iemocap cannot be fetched by itself: https://" in capsys.readouterr().err
    assert main(["noss", "get", "nothing"]) == 2
    assert "there is no task 'nothing'; known are asvspoof2019_la" in capsys.readouterr().err
