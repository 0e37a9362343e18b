"""Keeping a record: whole or not at all, with nothing outside its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.common.tracking import outbox
from schemas.run_records import RecordedFile, RecordedRun, RunRecord


def make_run(name: str, files: list[RecordedFile]) -> RecordedRun:
    return RecordedRun(name=name, tags={}, parameters={}, metrics=[], files=files, datasets=[])


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """Two files of one name, at different places of different runs."""
    source = tmp_path / "source"
    for name in ("verdict.json", "small/report.json", "tiny/report.json"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    report = {
        name: RecordedFile(path=str(source / name / "report.json"), folder="reports")
        for name in ("small", "tiny")
    }
    return RunRecord(
        run_key="a1b2",
        run_name="demo",
        verdict_digest="d" * 32,
        tracking_uri="http://127.0.0.1:9",
        experiment="tinytrill",
        alias="candidate",
        parent=make_run("demo", [RecordedFile(path=str(source / "verdict.json"), folder="verdict/noss")]),
        candidates={name: make_run(name, [file]) for name, file in report.items()},
        versions=[],
        models=[],
        destination="/pushed",
        output="/output",
    )


def test_what_is_kept_needs_nothing_else(record: RunRecord, tmp_path: Path) -> None:
    folder = outbox.keep(record, tmp_path / "outbox", "nobody answered")
    shutil.rmtree(tmp_path / "source")
    # A run's folder may be moved.
    (tmp_path / "outbox").rename(tmp_path / "elsewhere")
    folder = tmp_path / "elsewhere" / folder.name
    assert outbox.waiting(tmp_path / "elsewhere") == [folder]
    kept = RunRecord.load(folder)
    expected = {"demo": ("verdict.json", "verdict/noss")}
    expected |= {name: (f"{name}/report.json", "reports") for name in ("small", "tiny")}
    for run in (kept.parent, *kept.candidates.values()):
        (file,) = run.files
        content, among_artifacts = expected[run.name]
        assert not Path(file.path).is_absolute() and Path(file.path).name == Path(content).name
        assert (folder / file.path).read_text() == content
        assert file.folder == among_artifacts
    assert (folder / outbox.WHY_FILE).read_text() == "nobody answered\n"
    assert kept.kept_at > 1.6e9
    left = {"parent", "candidates", "kept_at"}
    assert kept.model_dump(exclude=left) == record.model_dump(exclude=left)


def test_the_same_again_is_kept_once_and_another_verdict_beside_it(record: RunRecord, tmp_path: Path) -> None:
    box = tmp_path / "outbox"
    first = outbox.keep(record, box, "why")
    assert outbox.keep(record, box, "why") == first
    changed = outbox.keep(record.model_copy(update={"parent_run_id": "p"}), box, "why")
    assert outbox.waiting(box) == [changed] != [first]
    other = outbox.keep(record.model_copy(update={"verdict_digest": "e" * 32}), box, "why")
    assert outbox.waiting(box) == [changed, other]
    outbox.release(changed)
    assert outbox.waiting(box) == [other]
    assert list(box.iterdir()) == [other]


@pytest.mark.parametrize("dies", ["_copied", "release"])
def test_a_kill_leaves_no_half_record(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    box = tmp_path / "outbox"
    first = outbox.keep(record, box, "why")
    later = record.model_copy(update={"parent_run_id": "p"})
    done = getattr(outbox, dies)

    def killed(*args: object) -> object:
        done(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox, dies, killed)
    with pytest.raises(KeyboardInterrupt):
        outbox.keep(later, box, "why")
    monkeypatch.undo()
    # Before the new one stands, the old one does.
    (left,) = outbox.waiting(box)
    assert (left == first) is (dies == "_copied")
    kept = RunRecord.load(left)
    assert all((left / file.path).is_file() for file in kept.parent.files)
    outbox.keep(later.model_copy(update={"given_run_id": "g"}), box, "why")
    (left,) = box.iterdir()
    assert RunRecord.load(left).given_run_id == "g"


def test_a_kill_while_releasing_leaves_nothing_that_waits(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = tmp_path / "outbox"
    folder = outbox.keep(record, box, "why")
    removing: list[Path] = []

    def killed(path: Path, ignore_errors: bool = False) -> None:
        removing.append(path)
        if path.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        outbox.release(folder)
    assert removing and outbox.waiting(box) == []


def test_a_run_key_cannot_leave_the_outbox(record: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run key '\.\./up'; accepted: letters"):
        outbox.keep(record.model_copy(update={"run_key": "../up"}), tmp_path / "outbox", "why")
    assert not (tmp_path / "outbox").exists()


def test_an_outbox_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert outbox.waiting(tmp_path / "outbox") == []
