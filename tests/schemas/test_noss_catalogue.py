"""The task records that come with the project."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from components.noss_ingest.layouts import LAYOUTS
from schemas.noss_tasks import (
    CATALOGUE,
    LayoutSource,
    ManifestSource,
    TaskRecord,
    TfdsSource,
    catalogue,
    read_record,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "noss_tasks.md"

OF_THE_PAPERS = {
    "asvspoof2019_la": (2, "asvspoof2019_la", None),
    "crema_d": (6, "crema_d", "crema_d"),
    "dementiabank": (2, "dementiabank", "dementiabank"),
    "esc50_human": (10, "esc50_human", None),
    "iemocap": (4, "iemocap", None),
    "masked_speech": (2, "masked_speech", None),
    "savee": (7, "savee", "savee"),
    "speech_commands": (12, "speech_commands", "speech_commands"),
    "voxceleb1": (0, "voxceleb1", "voxceleb"),
    "voxforge": (6, "voxforge", "voxforge"),
}
BY_MANIFEST_ONLY = {
    "common_voice_6lang": 6,
    "emodb": 7,
    "esc10": 10,
    "fsdd_digit": 10,
    "fsdd_speaker": 6,
    "librispeech_speaker": 10,
    "speech_commands_12": 12,
}
RECORDS = sorted(OF_THE_PAPERS | BY_MANIFEST_ONLY)


def record(name: str) -> TaskRecord:
    return catalogue()[name]


def test_every_task_is_there_under_the_name_of_its_file() -> None:
    assert list(catalogue()) == RECORDS
    assert sorted(path.stem for path in CATALOGUE.glob("*.yaml")) == RECORDS


@pytest.mark.parametrize("name", RECORDS)
def test_each_says_what_it_asks_its_licence_what_to_cite_and_where_to_get_it(name: str) -> None:
    of = record(name)
    assert of.title and of.licence and of.citation
    assert of.obtain.page.startswith("http")
    assert of.version == 1
    assert not of.synthetic


@pytest.mark.parametrize("name", RECORDS)
def test_a_manifest_is_taken_first(name: str) -> None:
    assert record(name).sources[0] == ManifestSource(file=f"{name}/manifest.csv")


@pytest.mark.parametrize("name", OF_THE_PAPERS)
def test_the_papers_tasks_have_their_classes_and_sources(name: str) -> None:
    classes, layout, builder = OF_THE_PAPERS[name]
    of = record(name)
    assert len(of.labels) == classes
    assert [source.layout for source in of.sources if isinstance(source, LayoutSource)] == [layout]
    assert layout in LAYOUTS
    builders = [source.builder for source in of.sources if isinstance(source, TfdsSource)]
    assert builders == ([builder] if builder else [])
    if builder:
        assert of.obtain.command.startswith(f"python pipeline_runner.py noss get {name}")


@pytest.mark.parametrize("name", BY_MANIFEST_ONLY)
def test_the_other_tasks_have_their_classes(name: str) -> None:
    assert len(record(name).labels) == BY_MANIFEST_ONLY[name]
    assert len(record(name).sources) == 1


@pytest.mark.parametrize("name", OF_THE_PAPERS)
def test_the_labels_are_those_that_the_layout_writes(name: str) -> None:
    layout = importlib.import_module(f"components.noss_ingest.layouts.{OF_THE_PAPERS[name][1]}")
    if hasattr(layout, "LABELS"):
        written = layout.LABELS.values() if isinstance(layout.LABELS, dict) else layout.LABELS
        assert set(record(name).labels) == set(written)


def test_splits_are_the_publishers_where_there_are_some() -> None:
    rules = {name: record(name).split.rule for name in OF_THE_PAPERS}
    assert {name for name, rule in rules.items() if rule == "folds"} == {"esc50_human", "iemocap"}
    assert {name for name, rule in rules.items() if rule == "speakers"} == {
        "crema_d",
        "dementiabank",
        "savee",
        "voxforge",
    }
    assert record("esc10").split.rule == "folds"


def test_spoofing_is_measured_by_its_error_rate() -> None:
    of = record("asvspoof2019_la")
    assert (of.metric, of.positive_label) == ("equal_error_rate", "bonafide")


def test_published_figures_say_where_they_are_from_and_what_differs() -> None:
    figures = [figure for of in catalogue().values() for figure in of.published]
    assert len({(figure.model, figure.source) for figure in figures}) == 8
    assert all(figure.source and figure.note for figure in figures)
    for name in ("voxceleb1", "voxforge", "speech_commands", "crema_d", "savee", "masked_speech"):
        assert {"FRILL", "TRILL"} <= {figure.model for figure in record(name).published}
    assert all("small subset" in figure.note for figure in record("voxceleb1").published)


def test_tasks_that_differ_have_digests_that_differ() -> None:
    assert len({of.digest for of in catalogue().values()}) == len(RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_the_document_has_each_task_with_its_licence(name: str) -> None:
    line = next(line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    assert f"| {len(record(name).labels)} |" in line or name == "voxceleb1"
    stated = record(name).licence.split(",")[0].split(";")[0]
    assert stated in line or name in ("savee", "masked_speech", "dementiabank", "iemocap")


def test_the_documents_example_is_a_record(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert example
    (tmp_path / "task.yaml").write_text(example[1])
    of = read_record(tmp_path / "task.yaml", sources=(ManifestSource(file="my_task/manifest.csv"),))
    assert of.labels == ("tired", "awake")
