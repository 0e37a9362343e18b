"""docs/tutorial.md, typed from its first command to its last: on fewer recordings and a smaller student."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile
import soxr

from schemas.head_reports import HeadReport
from tests.conftest import REPOSITORY
from tests.e2e.runs import PLAIN, TIMED_BRIEFLY, run

PAGE = (REPOSITORY / "docs" / "tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PROJECT = ["python", "pipeline_runner.py"]
MEDIAPIPE = ".venv-mediapipe/bin/python"
PUSHED = re.compile(r"output/my/pushed/[\w.-]+/wave-[\w-]+/1")
RATE = 16_000

# What makes a minute of the first hour.
SMALL = {
    "run": (
        f"students.explicit=[{PLAIN}]",
        "training.epochs=2",
        "training.batch_size=16",
        # Of a student that has learnt next to nothing only the float file is surely like it.
        "conversion.variants=[wave-float32]",
        "conversion.parity_windows=8",
        "evaluation.resamples=100",
        "evaluation.strict.seeds=1",
        "evaluation.tfma.confidence=off",
        "latency.devices={host: {backend: host, budgets: [{percentile: p50, milliseconds: 10000}]}}",
        *TIMED_BRIEFLY,
    ),
}
MORE = {"head": ("--no-latency",)}


def as_wav(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    sound, rate = soundfile.read(source, dtype="float32")
    soundfile.write(target, soxr.resample(sound, rate, RATE), RATE)


@pytest.fixture
def folder(tmp_path: Path, shared_data: Path, shared_models: Path) -> Path:
    """What the page begins with, of real sound: less of it."""
    sounds = sorted((shared_data / "mini_audioset/audios/balanced_train_segments").iterdir())
    (tmp_path / "recordings").mkdir()
    for file in sounds[:: len(sounds) // 40]:
        (tmp_path / "recordings" / file.name).symlink_to(file)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/librispeech_speaker").symlink_to(shared_data / "noss/librispeech_speaker")
    shutil.copyfile(shared_models / "yamnet_embedding.tflite", tmp_path / "yamnet.tflite")
    taken = {"sneeze": 0, "other": 0}
    with (shared_data / "noss/esc10/manifest.csv").open(newline="") as manifest:
        for row in csv.DictReader(manifest):
            label = "sneeze" if row["label"] == "person_sneeze" else "other"
            taken[label] += 1
            if taken[label] <= 10:
                as_wav(
                    shared_data / "noss/esc10" / row["file"],
                    tmp_path / f"clips/{label}/{taken[label]:02}.wav",
                )
    return tmp_path


def commands() -> list[tuple[list[str], list[str]]]:
    """Each command of the page, and the lines that it quotes of what that says."""
    found: list[tuple[list[str], list[str]]] = []
    for kind, text in BLOCKS:
        if kind == "sh":
            lines = text.replace("\\\n", " ").splitlines()
            found += [(shlex.split(line, comments=True), []) for line in lines]
        elif kind == "text":
            found[-1][1].extend(text.splitlines())
    return found


def kept(line: str) -> str:
    """What a line says before its first figure, place or name of a student: that is so on any sound."""
    return re.split(r" about |[\d/\[]|tiny-", " ".join(line.split()))[0].strip()


def places() -> list[str]:
    """What lies there in the end, by the page's last table."""
    table = PAGE.partition("## What lies there now")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return [place for row in rows for place in re.findall(r"`([^`]+)`", row)]


@pytest.mark.slow
def test_its_commands_lead_from_a_folder_to_an_app(folder: Path) -> None:
    typed = commands()
    assert [words[2] for words, _ in typed if words[:2] == PROJECT] == [
        "init",
        "validate",
        "run",
        "report",
        "head",
    ]
    for kind, text in BLOCKS:
        if kind == "python":
            (folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    unasked = ""
    for words, quoted in typed:
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        elif words[:2] == PROJECT:
            hold(quoted, ask_project(folder, words[2:]))
        elif words[0] == MEDIAPIPE and not (REPOSITORY / MEDIAPIPE).is_file():
            unasked = f"only MediaPipe was not asked: {REPOSITORY / MEDIAPIPE} is absent (make mediapipe)"
        elif words[0] == MEDIAPIPE:
            done = subprocess.run(
                [REPOSITORY / MEDIAPIPE, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stderr
            hold(quoted, done.stdout)
        else:
            assert words == ["source", ".venv/bin/activate"]
    assert len(places()) > 6
    for place in places():
        assert (folder / here(folder, place)).is_file(), place
    head = HeadReport.load(folder / "sneeze.head")
    assert head.labels == ["other", "sneeze"] and head.sigmoids and not head.student.synthetic
    if unasked:
        pytest.skip(unasked)


def hold(quoted: list[str], said: str) -> None:
    """Looks for the words of each quoted line in what a command said."""
    said = " ".join(said.split())  # columns are as wide as their names
    for line in quoted:
        assert len(kept(line)) > 3 and kept(line) in said, (
            f"{line!r} is quoted, and this is what it said:\n{said}"
        )


def here(folder: Path, text: str) -> str:
    """A text of the page with the student that was pushed here in place of the page's."""
    return PUSHED.sub(
        lambda _: str(next(folder.glob("output/my/pushed/*/wave-*/1")).relative_to(folder)), text
    )


def ask_project(folder: Path, words: list[str]) -> str:
    words = [here(folder, word) for word in words]
    done = run(*words, *MORE.get(words[0], ()), overrides=SMALL.get(words[0], ()), cwd=folder)
    assert done.code == 0, f"{words}:\n{done.out}\n{done.err}"
    return done.out + done.err


def test_its_pictures_are_there_and_its_links_lead_somewhere() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE)
    assert pictures
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (REPOSITORY / "docs" / target).resolve().is_file(), target
