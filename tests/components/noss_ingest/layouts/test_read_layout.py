"""The layouts as a whole: which there are, and what is said if a data set is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from components.noss_ingest.layouts import LAYOUTS, read_layout
from components.noss_ingest.layouts._files import lines_of, sex_of, table_of
from components.noss_ingest.rows import SPLITS, SourceError, SourceMissing
from components.noss_ingest.sources import Places, read_rows
from components.noss_ingest.splits import with_splits
from schemas.noss_tasks import LayoutSource, catalogue
from tests.components.noss_ingest.layouts import trees

TREES: dict[str, Callable[[Path], Path]] = {
    "asvspoof2019_la": trees.asvspoof2019_la,
    "crema_d": trees.crema_d,
    "dementiabank": trees.dementiabank,
    "esc50_human": trees.esc50,
    "iemocap": trees.iemocap,
    "masked_speech": trees.masked_speech,
    "savee": trees.savee,
    "speech_commands": trees.speech_commands,
    "voxceleb1": trees.voxceleb1,
    "voxforge": trees.voxforge,
}


def test_there_is_a_layout_for_each_published_data_set() -> None:
    assert list(LAYOUTS) == sorted(TREES)


@pytest.mark.parametrize("name", TREES)
def test_each_clip_has_a_name_of_its_own_and_a_sound_that_can_be_read(name: str, tmp_path: Path) -> None:
    folder = TREES[name](tmp_path / "made")
    rows = read_layout(name, folder)

    assert len({row.file for row in rows}) == len(rows) > 0
    absent = [row for row in rows if not Path(row.path).is_file()]
    assert len(absent) == {"voxceleb1": 1, "speech_commands": 1}.get(name, 0)
    for row in rows:
        assert row.path == str(Path(row.path)) and row.path.startswith(f"{folder}/")
        assert row in absent or soundfile.info(row.path).frames > 0


@pytest.mark.parametrize("name", TREES)
def test_rows_are_the_same_every_time(name: str, tmp_path: Path) -> None:
    TREES[name](tmp_path)
    assert read_layout(name, tmp_path) == read_layout(name, tmp_path)


@pytest.mark.parametrize("name", TREES)
def test_the_catalogue_finds_the_data_set_and_splits_it(name: str, tmp_path: Path) -> None:
    record = catalogue()[name]
    folder = next(source.folder for source in record.sources if isinstance(source, LayoutSource))
    TREES[name](tmp_path / folder)

    rows, source = read_rows(record, Places(tmp_path, tmp_path / "tfds"))

    assert source == f"folder {folder}"
    assert {row.label for row in rows} <= set(record.labels or (row.speaker_id for row in rows))
    assert {row.split for row in with_splits(rows, record.split)} == set(SPLITS)


@pytest.mark.parametrize("name", TREES)
def test_an_empty_folder_is_a_data_set_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=str(tmp_path)):
        read_layout(name, tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=f"crema_d: there is no folder {tmp_path / 'absent'}"):
        read_layout("crema_d", tmp_path / "absent")


def test_folders_without_clips_are_a_data_set_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "AudioWAV").mkdir()
    with pytest.raises(SourceMissing, match="has no clips"):
        read_layout("crema_d", tmp_path)


def test_an_unknown_layout_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unknown layout 'cremad'; accepted: asvspoof2019_la, crema_d,"):
        read_layout("cremad", tmp_path)


def test_a_list_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"list\.txt: not UTF-8 text"):
        list(lines_of(tmp_path / "list.txt"))


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    table = trees.text(tmp_path / "table.csv", "name,age\nada,36\n")
    with pytest.raises(SourceError, match=r"table\.csv:1: without column sex; got name, age"):
        list(table_of(table, ("name", "sex")))


def test_a_short_row_of_a_table_is_refused(tmp_path: Path) -> None:
    table = trees.text(tmp_path / "table.csv", "name,age\nada,36\n\ngrace\n")
    with pytest.raises(SourceError, match=r"table\.csv:4: 1 fields, the header has 2"):
        list(table_of(table, ("name", "age")))


@pytest.mark.parametrize(
    ("word", "sex"),
    [("m", "male"), ("F", "female"), ("[Female]", "female"), ("weiblich", "female"), ("Hombre", "male")],
)
def test_sex_in_the_words_of_the_sources(word: str, sex: str) -> None:
    assert sex_of(word) == sex


@pytest.mark.parametrize("word", ["", "make", "Please Select", "unknown"])
def test_sex_is_not_guessed(word: str) -> None:
    assert sex_of(word) == ""
