"""What is known before training is refused before training, by ``validate`` and by ``run``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.resolved import ResolvedRun
from pipeline.local.layout import RunLayout
from pipeline.local.runner import run_locally
from pipeline.preflight import examine
from pipeline_runner import main
from tests.components.audio_ingest.corpora import HEADER, make_corpus, row
from tests.components.common.audio.sounds import sine, write_soundfile
from tests.components.common.modeling.teachers.test_onnx import save_encoder
from tests.pipeline.made_up_tasks import make_task


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("preflight"))


def write_sources(root: Path) -> Path:
    """A corpus, two tasks and a teacher."""
    make_corpus(root / "corpus", 6, 3)
    make_task(root / "noss" / "pitch", (200, 400), 0)
    make_task(root / "noss" / "tone", (300, 600), 99)
    save_encoder(root / "teacher.onnx")
    return root


def configuration(root: Path, folder: Path, **changes: Any) -> Path:
    data: dict[str, Any] = {
        "name": "mine",
        "data_root": str(root),
        "teacher_root": str(root),
        "corpus": {"root": "corpus", "labels": ["Speech"]},
        "noss": {"root": "noss", "tasks": [{"name": "pitch"}, {"name": "tone"}]},
        "distillation": {"teacher": {"kind": "onnx", "path": "teacher.onnx"}},
        "students": {"explicit": [{"architecture": {"name": "mobilenet_v3", "size": "tiny", "width": 0.5}}]},
    }
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(data | changes))
    return path


def told(path: Path, folder: Path) -> list[str]:
    lines: list[str] = []
    run = ResolvedRun.of(load_config(path), RunLayout(folder / "run"))
    run.check()
    examine(run, lines.append)
    return lines


def test_says_what_was_found(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    goal = {"metric": "quality", "task": "pitch", "limit": 0.5}
    path = configuration(root, tmp_path, gate={"goals": [goal]})
    assert main(["validate", "--config", str(path), "--output", str(tmp_path / "run")]) == 0
    out = capfd.readouterr().out
    assert "corpus, train: 6 of 6 segments are taken" in out
    assert "corpus: 9 rows; of all 9 clips 9 are named by a row, for example Y" in out
    assert "tasks: pitch (48 clips), tone (48 clips)" in out
    assert "goal: quality of pitch, threshold 0.5, judged on host" in out
    assert "distillation.teacher: teacher answers with 3 dimensions" in out
    assert "its outputs: last_hidden_state (tensor(float) ('batch_size', 'frames', 3))" in out
    assert "licence: WARNING: distillation.teacher: that of the weights of" in out
    assert "licence: WARNING: corpus.licence is not stated" in out
    assert "disk: about" in out and "time: about" in out
    assert re.search(r"memory: a run may take \d+ GiB and .* of \S+ GiB available", out)
    assert re.search(
        r"then about \S+ (seconds|minutes|hours) to train 1 candidate one after the other, \d+ steps", out
    )
    assert "mine: valid, 1 candidate\n" in out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"gate": {"goals": [{"metric": "quality", "task": "nosuch", "limit": 0.5}]}},
            r"goals\.0\.task.*nosuch",
        ),
        ({"gate": {"required_tasks": ["pitch", "nosuch"]}}, r"gate\.required_tasks\.1: 'nosuch' is none of"),
        (
            {
                "noss": {"root": "noss"},
                "gate": {"required_tasks": ["esc50_human"]},
            },
            r"gate\.required_tasks\.0: 'esc50_human' is none of the tasks whose sound is here: pitch, tone",
        ),
        (
            {
                "gate": {
                    "goals": [
                        {
                            "metric": "quality",
                            "task": "pitch",
                            "limit": 0.5,
                            "slice": {"feature": "class", "value": "shrill"},
                        }
                    ]
                },
                "evaluation": {"tfma": {"results": "all"}},
            },
            r"gate\.goals\.0\.slice: no test clip of pitch has the class 'shrill'; there are high, low",
        ),
        (
            {"corpus": {"root": "corpus", "labels": ["Spech"]}},
            r"corpus\.labels: the ontology has no label 'Spech'.*\(Speech\)",
        ),
        (
            {"corpus": {"root": "corpus", "labels": ["Singing"]}},
            r"corpus\.labels: none of the 6 rows of .* has a wanted label; .*there are /m/09x0r",
        ),
        (
            {"corpus": {"root": "corpus", "segments": {"train": "ontology.json"}}},
            r"corpus\.segments\.train: .*ontology\.json:1: not a CSV row",
        ),
        (
            {"distillation": {"teacher": {"kind": "onnx", "path": "teacher.onnx", "output": "layer19"}}},
            r"distillation\.teacher: .*teacher\.onnx has no output 'layer19', only \['last_hidden_state'\]",
        ),
        (
            {
                "evaluation": {
                    "references": [{"name": "r", "kind": "onnx", "path": "teacher.onnx", "output": "9"}]
                }
            },
            r"evaluation\.references\.0: .*teacher\.onnx has no output '9'",
        ),
    ],
    ids=lambda value: None,
)
def test_what_cannot_succeed_is_refused(
    root: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        told(configuration(root, tmp_path, **changes), tmp_path)


@pytest.mark.parametrize("damage", ["absent", "unreadable", "empty"])
def test_a_task_without_readable_clips_is_refused(root: Path, tmp_path: Path, damage: str) -> None:
    make_task(tmp_path / "noss" / "broken", (200, 400), 5)
    for file in (tmp_path / "noss" / "broken" / "audio").iterdir():
        file.unlink() if damage == "absent" else file.write_bytes(b"no sound")
    if damage == "empty":
        (tmp_path / "noss" / "broken" / "manifest.csv").write_text("file,label,speaker_id,split,fold\n")
    path = configuration(root, tmp_path, noss={"root": str(tmp_path / "noss"), "tasks": [{"name": "broken"}]})
    message = (
        "task broken: there are no clips"
        if damage == "empty"
        else r"task broken: none of 3 clips .*manifest\.csv:2"
    )
    with pytest.raises(ConfigError, match=message):
        told(path, tmp_path)


def test_a_run_refuses_it_before_anything_runs(root: Path, tmp_path: Path) -> None:
    path = configuration(root, tmp_path, gate={"required_tasks": ["nosuch"]}, noss={"root": "noss"})
    with pytest.raises(ConfigError, match=r"required_tasks\.0: 'nosuch' is none of the tasks"):
        run_locally(load_config(path), RunLayout(tmp_path / "run"))
    assert not (tmp_path / "run" / "artifacts").exists()


def test_labels_go_by_name_without_an_ontology(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 2, 1)
    (root / "ontology.json").unlink()
    (root / "eval_segments.csv").write_text(HEADER + row("abc", "/m/04rlf"))

    def wanted(*labels: str) -> Any:
        settings = AudioIngestSettings(root=str(root), labels=labels)
        return CorpusSources.of(settings, root).label_filter(settings).wanted

    assert wanted("Speech", "/m/04rlf") == {"/m/09x0r", "/m/04rlf"}
    (root / "class_labels_indices.csv").write_text("index,mid,display_name\n0,/m/04rlf,Music\n")
    assert wanted("music", "speech") == {"/m/09x0r", "/m/04rlf"}
    with pytest.raises(ValueError, match="'Musik' is a name, and there is no ontology"):
        wanted("Musik")


def test_a_plain_folder_is_listed_and_estimated(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        write_soundfile(tmp_path / f"mine/day {number % 2}/{number}.wav", sine(2.5, 16_000, 300), 16_000)
    (tmp_path / "mine/notes.txt").write_text("mine")
    corpus = {
        "root": str(tmp_path / "mine"),
        "layout": "folder",
        "recordings": {"segment_seconds": 1, "min_rest_seconds": 0.4, "eval_share": 0.3},
    }
    path = configuration(root, tmp_path, corpus=corpus)
    assert main(["validate", "--config", str(path), "--output", str(tmp_path / "run")]) == 0
    out = capfd.readouterr().out
    estimates = re.findall(r"corpus, (\w+): (about )?(\d+) of \d+ segments are taken, (\d\.\d+) h(.*)", out)
    assert [split for split, *_ in estimates] == ["train", "eval"]
    assert sum(int(segments) for _, _, segments, *_ in estimates) == 40 * 3
    assert sum(float(hours) for *_, hours, _ in estimates) == pytest.approx(40 * 2.5 / 3600, abs=0.01)
    # Of the train split's recordings a dozen is read.
    assert estimates[0][1] == "about "
    assert "from the lengths of 12 recordings and the bytes of the others" in estimates[0][-1]
    assert "corpus: 40 recordings, split by a hash of names; no speaker is known" in out
    assert "corpus: 1 left out, no sound file, for example notes.txt" in out
    assert "licence: WARNING: distillation.teacher: that of the weights of" in out
    assert "licence: WARNING: corpus.licence is not stated" in out
    assert "disk: about" in out and "for 120 clips" in out


def test_a_folder_of_damaged_files_is_refused(root: Path, tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / f"mine/{number}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no sound")
    path = configuration(root, tmp_path, corpus={"root": str(tmp_path / "mine"), "layout": "folder"})
    with pytest.raises(
        ConfigError, match=r"corpus\.root: none of 12 recordings of the split 'train' that were"
    ):
        told(path, tmp_path)


def test_a_folder_without_tables_is_told_of_its_layout(root: Path, tmp_path: Path) -> None:
    write_soundfile(tmp_path / "mine/a.wav", sine(1, 16_000, 300), 16_000)
    path = configuration(root, tmp_path, corpus={"root": str(tmp_path / "mine")})
    with pytest.raises(
        ConfigError, match=r"corpus\.segments\.train: .* is taken with corpus\.layout: folder"
    ):
        told(path, tmp_path)


def test_licences_that_are_stated_are_no_warning(root: Path, tmp_path: Path) -> None:
    path = configuration(
        root,
        tmp_path,
        corpus={"root": "corpus", "labels": ["Speech"], "licence": "CC-BY-4.0"},
        distillation={"teacher": {"kind": "onnx", "path": "teacher.onnx", "licence": "MIT"}},
    )
    assert not [line for line in told(path, tmp_path) if line.startswith("licence")]
