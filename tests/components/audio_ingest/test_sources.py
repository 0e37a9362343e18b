from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.audio.intake_report import IngestError
from components.audio_ingest.clip_index import ClipIndex
from components.audio_ingest.ontology import OntologyError, read_ontology, with_children
from components.audio_ingest.plan import SplitPlan, plan_ingestion
from components.audio_ingest.segments import Segment, SegmentsError, read_segments
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources, check_sources, sources_digest
from tests.components.audio_ingest.corpora import HEADER, make_corpus, row, ytid


def plan(root: Path, **settings: object) -> dict[str, SplitPlan]:
    made = AudioIngestSettings(root=str(root), **settings)
    return plan_ingestion(made, CorpusSources.of(made, root))


def test_segments_of_audioset(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(
        HEADER + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n-0RWZT-miFs, 0.000, 9.5, "/m/03v3yw"\n'
    )
    first, second = read_segments(path)
    assert first == Segment("--PJHxphWEs", 30.0, 40.0, ("/m/09x0r", "/t/dd00088"), "s.csv:4")
    assert first.clip_id == "--PJHxphWEs_30000_40000"
    assert first.duration_s == 10.0
    assert (second.clip_id, second.source) == ("-0RWZT-miFs_0_9500", "s.csv:5")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("abc, 30.000, 40.000\n", "s.csv:4: 3 fields, 4 are needed"),
        ("abc, 30.000, 40.000, /m/09x0r,/m/04rlf\n", "s.csv:4: 5 fields, 4 are needed"),
        ('a bc, 30.000, 40.000, "/m/09x0r"\n', "s.csv:4: 'a bc' is no YouTube id; accepted are letters"),
        (
            'abc, x, 40.000, "/m/09x0r"\n',
            "s.csv:4: the start 'x' is not a time; accepted are seconds from 0 on",
        ),
        ('abc, nan, 40.000, "/m/09x0r"\n', "the start 'nan' is not a time"),
        ('abc, -1, 40.000, "/m/09x0r"\n', "the start '-1' is not a time"),
        ('abc, 30, inf, "/m/09x0r"\n', "the end 'inf' is not a time"),
        (
            'abc, 40.0, 30.0, "/m/09x0r"\n',
            "the segment ends at 30.0 s, which is not after its start at 40.0 s",
        ),
        ('abc, 30, 40, "Speech"\n', "s.csv:4: 'Speech' is no label; accepted are mids such as /m/09x0r"),
        ('abc, 30, 40, ""\n', "s.csv:4: '' is no label"),
        ('abc, 30, 40, "/m/09x0r\n', "s.csv:4: not a CSV row"),
        ("", "s.csv: no row; accepted are rows like"),
    ],
)
def test_malformed_segments(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(HEADER + line)
    with pytest.raises(SegmentsError) as caught:
        read_segments(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_segments_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SegmentsError, match=r"s\.csv: not UTF-8 text"):
        read_segments(tmp_path / "s.csv")


@pytest.mark.parametrize(
    "name",
    [
        "audios/unbalanced_train_segments_part07/Y-abc_DEF123.wav",
        "-abc_DEF123.flac",
        "-abc_DEF123_30.000.wav",
        "-abc_DEF123_30.wav",
        "-abc_DEF123_30000_40000.flac",
        "Speech/-abc_DEF123_30-40.mp3",
        "Speech/-abc_DEF123_30.0-40.0.OGG",
        "Speech/-abc_DEF123_30.000-40.000.m4a",
    ],
)
def test_every_layout_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    index = ClipIndex(tmp_path)
    assert index.find(Segment("-abc_DEF123", 30.0, 40.0, ("/m/09x0r",), "")) == str(path)
    assert index.find(Segment("bbc_DEF1234", 30.0, 40.0, ("/m/09x0r",), "")) is None


def test_a_name_with_times_beats_one_without_and_other_times_do_not_match(tmp_path: Path) -> None:
    for name in ("abc.wav", "abc_30.000.wav", "abc_50.000.wav", "abc.txt"):
        (tmp_path / name).touch()
    index = ClipIndex(tmp_path)
    assert len(index) == 3
    assert index.find(Segment("abc", 30.0, 40.0, (), "")) == str(tmp_path / "abc_30.000.wav")
    assert index.find(Segment("abc", 60.0, 70.0, (), "")) == str(tmp_path / "abc.wav")


def test_children_of_labels(tmp_path: Path) -> None:
    ontology = read_ontology(make_corpus(tmp_path / "c", 1, 1) / "ontology.json")
    assert with_children(["/m/09x0r"], ontology) == {"/m/09x0r", "/m/05zppz", "/m/0brhx"}
    assert len(with_children(["/m/09l8g"], ontology)) == 5
    with pytest.raises(
        OntologyError, match=r"no label 'speech'; accepted are its mids; did you mean /m/09x0r \(Sp"
    ):
        with_children(["speech"], ontology)
    with pytest.raises(OntologyError, match=r"no label '/m/09x0'; .* did you mean /m/09x0r \(Speech\)"):
        with_children(["/m/09x0"], ontology)


def test_real_ontology(shared_data: Path) -> None:
    ontology = read_ontology(shared_data / "mini_audioset/ontology.json")
    assert len(ontology) == 632
    assert with_children(["/m/09x0r"], ontology) == {
        "/m/09x0r", "/m/05zppz", "/m/02zsn", "/m/0ytgt", "/m/01h8n0", "/m/02qldy", "/m/0261r1", "/m/0brhx",
    }  # fmt: skip


def test_label_filter(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 4, 1)
    labels = ["/m/09x0r,/m/04rlf", "/m/05zppz", "/m/015lz1", "/m/04rlf"]
    (root / "balanced_train_segments.csv").write_text(
        HEADER + "".join(row(ytid(number), label) for number, label in enumerate(labels))
    )
    train = plan(root)["train"]
    assert (train.rows, train.filtered) == (2, 2)
    assert [made.labels for made in train.requests] == [("/m/09x0r", "/m/04rlf"), ("/m/05zppz",)]
    assert plan(root, children=False)["train"].rows == 1
    assert plan(root, labels="all")["train"].rows == 4
    (root / "ontology.json").unlink()
    assert plan(root)["train"].rows == 1


def test_missing_and_duplicate_rows(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 3, 1)
    (root / f"audios/balanced_train_segments/Y{ytid(1)}.wav").unlink()
    with (root / "balanced_train_segments.csv").open("a") as file:
        file.write(row(ytid(0)) + row(ytid(2), start=50, end=51))
    with (root / "eval_segments.csv").open("a") as file:
        file.write(row(ytid(0)))
    plans = plan(root)
    assert [made.clip_id for made in plans["train"].requests] == [
        f"{ytid(0)}_30000_31000",
        f"{ytid(2)}_30000_31000",
    ]
    assert [(out.reason, out.source, out.detail) for out in plans["train"].left_out] == [
        ("missing", "balanced_train_segments.csv:5", "no file for it in audios"),
        ("duplicate", "balanced_train_segments.csv:7", "the same clip as balanced_train_segments.csv:4"),
        ("duplicate", "balanced_train_segments.csv:8", "the same clip as balanced_train_segments.csv:6"),
    ]
    assert [(out.reason, out.detail) for out in plans["eval"].left_out] == [
        ("duplicate", "the same clip as balanced_train_segments.csv:4")
    ]


def test_limit_is_stable(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 30, 3)
    ten = [made.clip_id for made in plan(root, limit=10)["train"].requests]
    assert len(ten) == 10
    assert ten == [made.clip_id for made in plan(root, limit=10)["train"].requests]
    twenty = [made.clip_id for made in plan(root, limit=20)["train"].requests]
    assert set(ten) < set(twenty)
    assert ten != [made.clip_id for made in plan(root)["train"].requests][:10]
    assert len(plan(root, limit=10)["eval"].requests) == 3


@pytest.mark.parametrize(
    ("remove", "settings", "message"),
    [
        (None, {"root": ""}, "corpus.root: is empty; accepted is a folder"),
        (None, {"root": "/no/such"}, "corpus.root: there is no folder '/no/such'; accepted is a folder"),
        ("balanced_train_segments.csv", {}, "corpus.segments.train: there is no file '"),
        ("eval_segments.csv", {}, "corpus.segments.eval: there is no file '"),
        (None, {"audio": "clips"}, "corpus.audio: there is no folder '"),
        (None, {"labels": ("/m/0",)}, "corpus.labels: the ontology has no label '/m/0'"),
    ],
)
def test_absent_sources_are_refused(
    tmp_path: Path, remove: str | None, settings: dict[str, object], message: str
) -> None:
    root = make_corpus(tmp_path / "c", 1, 1)
    check_sources(AudioIngestSettings(root=str(root)))
    if remove:
        (root / remove).unlink()
    with pytest.raises(IngestError) as caught:
        check_sources(AudioIngestSettings(**{"root": str(root), **settings}), "corpus")
    assert message in str(caught.value)


def test_a_broken_ontology_is_refused(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 1, 1)
    (root / "ontology.json").write_text(json.dumps({"id": 1}))
    with pytest.raises(
        IngestError, match=r"audio_ingest\.ontology: .* is not an AudioSet ontology, a JSON list"
    ):
        check_sources(AudioIngestSettings(root=str(root)))


def test_digest_sees_a_new_clip(tmp_path: Path) -> None:
    settings = AudioIngestSettings(root=str(make_corpus(tmp_path / "c", 1, 1)))
    before = sources_digest(settings)
    assert sources_digest(settings) == before
    (tmp_path / "c/audios/new.wav").touch()
    assert sources_digest(settings) != before
