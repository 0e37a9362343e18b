from __future__ import annotations

from pathlib import Path

import pytest

from schemas.noss_tasks import TaskRecordError, catalogue, read_record

_SOURCES = "sources: [{kind: manifest, file: a/manifest.csv}]\n"


def test_every_record_of_the_catalogue_is_read_under_the_name_of_its_file() -> None:
    records = catalogue()
    assert list(records) == sorted(records)
    assert all(name == record.name for name, record in records.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n" + _SOURCES, r"task\.yaml:2: the key 'name' is given at line 1 already"),
        ("- a\n", r"task\.yaml: holds \['a'\]; accepted: a mapping"),
        ("name: a\nmetrik: auc\n" + _SOURCES, r"task\.yaml: metrik: unknown key; accepted: name, version"),
        ("name: a\nmetric: f1\n" + _SOURCES, r"metric: 'f1' is refused: Input should be 'accuracy', 'bal"),
        ("name: a\n", r"sources: Field required"),
        ("name: a b\n" + _SOURCES, r"name: 'a b' is refused"),
        ("name: a\nlabels: [x]\n" + _SOURCES, r"labels must be two or more"),
    ],
)
def test_a_malformed_record_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(TaskRecordError, match=message):
        read_record(tmp_path / "task.yaml")


def test_what_a_record_leaves_out_can_be_filled_in(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("name: a\nmetric: auc\n")
    record = read_record(
        tmp_path / "task.yaml", metric="accuracy", sources=[{"kind": "manifest", "file": "m.csv"}]
    )
    assert (record.metric, record.sources[0].kind) == ("auc", "manifest")


def test_the_digest_says_what_decides_the_figures(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        (tmp_path / "task.yaml").write_text("name: a\n" + _SOURCES + text)
        return read_record(tmp_path / "task.yaml").digest

    assert digest("") == digest("licence: CC0\ntitle: other\n")
    assert len({digest(""), digest("version: 2\n"), digest("metric: auc\n"), digest("labels: [a, b]\n")}) == 4
