"""The layouts give the labels, speakers and splits of the builders of TFDS, run on the same folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile

from components.noss_ingest.layouts import read_layout
from components.noss_ingest.rows import TaskRow
from components.noss_ingest.splits import with_splits
from schemas.noss_tasks import SplitRule, catalogue
from tests.components.noss_ingest.layouts import trees

Clips = set[tuple[str, str, str, str]]  # split, what names the clip in both, label, speaker


class Folder:
    """What a builder asks of its download manager, answered with what lies in a folder already."""

    def __init__(self, folder: Path, **downloads: Path) -> None:
        self.manual_dir = str(folder)
        self._downloads = downloads

    def download_checksums(self, url: str) -> None:
        """Nothing is downloaded, so nothing is checked."""

    def extract(self, path: str) -> str:
        """An archive's content is the folder itself."""
        return self.manual_dir

    def download(self, what: Any) -> Any:
        """The files given for the names asked for; a list of addresses is answered with the addresses."""
        if isinstance(what, list):
            return what
        return {
            name: str(self._downloads[name]) if name in self._downloads else addresses
            for name, addresses in what.items()
        }

    def iter_archive(self, address: str) -> Iterator[tuple[str, Any]]:
        """All files of the folder that an archive is unpacked to."""
        top = Path(self.manual_dir) / os.path.basename(address).removesuffix(".tar.gz")
        for path in sorted(top.rglob("*.*")):
            with path.open("rb") as file:
                yield str(path.relative_to(top)), file


def splits_of(builder_class: Any, folder: Folder) -> dict[str, dict[str, Any]]:
    """What the builder would make the examples of each split from."""
    builder = object.__new__(builder_class)
    return {str(split.name): split.gen_kwargs for split in builder._split_generators(folder)}


def drawn(layout: str, folder: Path, record: str) -> list[TaskRow]:
    """The rows of a layout, split by the rule of the catalogue's record."""
    return with_splits(read_layout(layout, folder), catalogue()[record].split)


def clips(rows: list[TaskRow]) -> Clips:
    """What both sides must agree upon."""
    return {(row.split, row.file, row.label, row.speaker_id) for row in rows}


def test_crema_d(tmp_path: Path) -> None:
    from tensorflow_datasets.audio.crema_d import CremaD

    trees.crema_d(tmp_path, actors=23)
    names = sorted(path.stem for path in (tmp_path / "AudioWAV").iterdir())
    table = "".join(f'"{number}","{name}","A"\n' for number, name in enumerate(names))
    summary = trees.text(tmp_path / "summaryTable.csv", f'"","FileName","VoiceVote"\n{table}')

    theirs = {
        (split, f"AudioWAV/{example_id}.wav", example["label"], example["speaker_id"])
        for split, of in splits_of(CremaD, Folder(tmp_path, summary_table=summary)).items()
        for example_id, example in CremaD._generate_examples(None, **of)
    }
    assert clips(drawn("crema_d", tmp_path, "crema_d")) == theirs
    assert len(theirs) == 23


def test_savee(tmp_path: Path) -> None:
    from tensorflow_datasets.datasets.savee.savee_dataset_builder import Builder

    trees.savee(tmp_path)
    trees.text(tmp_path / "AudioData.zip", "")

    theirs = {
        (split, os.path.relpath(example["audio"], tmp_path), example["label"], example["speaker_id"])
        for split, of in splits_of(Builder, Folder(tmp_path)).items()
        for _, example in Builder._generate_examples(None, **of)
    }
    assert clips(drawn("savee", tmp_path, "savee")) == theirs
    assert len(theirs) == 28


def test_dementiabank(tmp_path: Path) -> None:
    from tensorflow_datasets.audio.dementiabank import Dementiabank

    trees.dementiabank(tmp_path / "dementia", people=20)

    theirs = {
        (split, example["audio"].partition("Pitt/")[2], example["label"], example["speaker_id"])
        for split, of in splits_of(Dementiabank, Folder(tmp_path)).items()
        for _, example in Dementiabank._generate_examples(None, **of)
    }
    assert clips(drawn("dementiabank", tmp_path, "dementiabank")) == theirs
    assert len(theirs) == 40


def test_voxforge(tmp_path: Path) -> None:
    """Their builder splits archives; ours splits the clips of the same archives, unpacked."""
    from tensorflow_datasets.audio.voxforge import Voxforge

    languages = ("de", "en", "es", "fr", "it", "ru")
    names = [f"{language}/Trunk/Audio/Main/16kHz_16bit" for language in languages]
    submissions = [f"{name}/user{number}-20150101-x" for name in names for number in range(12)]
    submissions += [f"{name}/anonymous-20150101-y" for name in names]
    for submission in submissions:
        trees.text(tmp_path / f"{submission}.tgz", "")
        trees.sound(tmp_path / submission / "wav/a0001.wav")
    urls = trees.text(tmp_path / "urls.txt", "".join(f"{name}.tgz\n" for name in submissions))

    theirs = {
        (split, os.path.relpath(archive, tmp_path).removesuffix(".tgz"))
        for split, of in splits_of(Voxforge, Folder(tmp_path, urls_list=urls)).items()
        for archive in of["file_names"]
    }
    ours = drawn("voxforge", tmp_path, "voxforge")
    assert {(row.split, row.file.removesuffix("/wav/a0001.wav")) for row in ours} == theirs
    assert len(theirs) == 78


def test_voxceleb1(tmp_path: Path) -> None:
    """They leave a listed clip out that is not there, and number the speakers."""
    from tensorflow_datasets.audio.voxceleb import Voxceleb

    trees.voxceleb1(tmp_path)
    (tmp_path / "dev/wav").rename(tmp_path / "wav")
    trees.text(tmp_path / "vox_dev_wav.zip", "")

    folder = Folder(tmp_path, iden_split=tmp_path / "iden_split.txt")
    theirs = {
        (split, example_id, example["label"])
        for split, of in splits_of(Voxceleb, folder).items()
        for example_id, example in Voxceleb._generate_examples(None, **of)
    }
    rows = [row for row in read_layout("voxceleb1", tmp_path) if Path(row.path).is_file()]
    dev = [row for row in rows if "/test/" not in row.path]
    assert {(row.split, row.file, int(row.label.removeprefix("id1"))) for row in dev} == theirs
    assert len(theirs) == 3


def test_speech_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow_datasets.datasets.speech_commands import speech_commands_dataset_builder as theirs_is

    def decoded(file: Any, format: str) -> Any:
        return SimpleNamespace(get_array_of_samples=lambda: soundfile.read(file, dtype="int16")[0])

    pydub = SimpleNamespace(
        AudioSegment=SimpleNamespace(from_file=decoded),
        exceptions=SimpleNamespace(CouldntDecodeError=soundfile.LibsndfileError),
    )
    stand_in = SimpleNamespace(lazy_imports=SimpleNamespace(pydub=pydub))
    monkeypatch.setattr(theirs_is, "lazy_imports_lib", stand_in)
    trees.speech_commands(tmp_path)

    theirs = {
        (split, example_id, example["label"], len(example["audio"]))
        for split, of in splits_of(theirs_is.Builder, Folder(tmp_path)).items()
        for example_id, example in theirs_is.Builder._generate_examples(None, **of)
    }
    ours = {
        (
            row.split,
            row.file.partition("/")[2].replace("/", "_"),
            row.label,
            round(row.seconds * trees.RATE) if row.seconds else soundfile.info(row.path).frames,
        )
        for row in read_layout("speech_commands", tmp_path)
        if Path(row.path).is_file()
    }
    assert ours == theirs
    assert len(theirs) == 13


def test_the_records_draw_as_tfds_does() -> None:
    by_speaker = SplitRule(rule="speakers", shares=(0.7, 0.1, 0.2), seed=0)
    records = catalogue()
    assert {records[name].split for name in ("crema_d", "dementiabank", "voxforge")} == {by_speaker}
    assert records["savee"].split == SplitRule(rule="speakers", shares=(0.6, 0.2, 0.2), seed=0)
