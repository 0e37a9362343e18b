from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.audio_ingest.ontology import OntologyError, read_ontology
from components.audio_ingest.segment_rows import Segment, SegmentsError
from components.audio_ingest.segments import read_segments
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import check_sources, sources_digest
from components.common.audio.intake_report import IngestError
from tests.components.audio_ingest.corpora import HEADER, make_corpus, plan, row, ytid


def test_segments_of_audioset(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(
        HEADER + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n-0RWZT-miFs, 0.000, 9.5, "/m/03v3yw"\n'
    )
    first, second = list(read_segments(path))
    assert first == Segment("--PJHxphWEs", 30.0, 40.0, ("/m/09x0r", "/t/dd00088"), "s.csv:4")
    assert first.clip_id == "--PJHxphWEs_30000_40000"
    assert first.duration_s == 10.0
    assert (second.clip_id, second.source) == ("-0RWZT-miFs_0_9500", "s.csv:5")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("abc, 30.000, 40.000\n", "s.csv:4: 3 fields, 4 are needed"),
        ("abc, 30.000, 40.000, /m/09x0r,/m/04rlf\n", "s.csv:4: 5 fields, 4 are needed"),
        ('a bc, 30.000, 40.000, "/m/09x0r"\n', "s.csv:4: 'a bc' is not a YouTube id; accepted: letters"),
        (
            'abc, x, 40.000, "/m/09x0r"\n',
            "s.csv:4: the start 'x' is not a time; accepted: seconds from 0 on",
        ),
        ('abc, nan, 40.000, "/m/09x0r"\n', "the start 'nan' is not a time"),
        ('abc, -1, 40.000, "/m/09x0r"\n', "the start '-1' is not a time"),
        ('abc, 30, inf, "/m/09x0r"\n', "the end 'inf' is not a time"),
        (
            'abc, 40.0, 30.0, "/m/09x0r"\n',
            "the segment ends at 30.0 s, which is not after its start at 40.0 s",
        ),
        ('abc, 30, 40, "Speech"\n', "s.csv:4: 'Speech' is not a label; accepted: mids such as /m/09x0r"),
        ('abc, 30, 40, ""\n', "s.csv:4: '' is not a label"),
        ('abc, 30, 40, "/m/09x0r\n', "s.csv:4: not a CSV row"),
        ("", "s.csv: no row; accepted: rows like"),
    ],
)
def test_malformed_segments(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(HEADER + line)
    with pytest.raises(SegmentsError) as caught:
        list(read_segments(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "ruined",
    [
        *(
            "#NAME?",
            "#REF!",
            "#VALUE!",
            "#DIV/0!",
            "#N/A",
            "#NUM!",
            "#NULL!",
            "#SPILL!",
            "#BEZUG!",
            "# a note",
        ),
        *(
            "=-abc",
            "-2.3E+05",
            "2,30E+11",
            "1E+11",
            "-12345",
            "2026-03-01",
            "01.03.2026",
            "3/1/2026",
            "1-Mar",
        ),
        *("Mar-01", "TRUE", "1234567,5"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_rows_that_a_spreadsheet_ruined_are_no_comments(ruined: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rows = [
        'abcdefghijk,30,40,"/m/09x0r,/t/dd00088"',
        f'"{ruined}",30,40,/m/09x0r',
        "zbcdefghijk,0,10,/m/09x0r",
    ]
    text = HEADER + ending.join(rows) + ending
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    with pytest.raises(SegmentsError) as caught:
        list(read_segments(path))
    assert f"{path}:5: {ruined!r} is " in str(caught.value)


@pytest.mark.parametrize("ruined", ["#NAME?", "#REF!", "#N/A"])
def test_a_ruined_first_row_is_no_comment_either(ruined: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(HEADER + f"{ruined},30,40,/m/09x0r\nabcdefghijk,0,10,/m/09x0r\n")
    with pytest.raises(SegmentsError, match=r"s\.csv:4: '#.* is what a spreadsheet makes of an id"):
        list(read_segments(tmp_path / "s.csv"))


@pytest.mark.parametrize(
    "ytid", ["-12345678901"[:11], "2026-03-01x", "12345678901", "--PJHxphWEs", "TRUE_______"]
)
def test_ids_that_look_like_something_else_are_taken(ytid: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(HEADER + f"abcdefghijk,0,10,/m/09x0r\n{ytid},0,10,/m/09x0r\n")
    assert [segment.ytid for segment in read_segments(tmp_path / "s.csv")] == ["abcdefghijk", ytid]


def test_other_separators_are_named(tmp_path: Path) -> None:
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        row = separator.join(["abcdefghijk", "30", "40", '"/m/09x0r,/m/04rlf"'])
        (tmp_path / "s.csv").write_text(HEADER + row + "\n")
        with pytest.raises(
            SegmentsError, match=rf"s\.csv:4: {called} separate the fields, commas are needed"
        ):
            list(read_segments(tmp_path / "s.csv"))


def test_a_table_that_was_not_fetched_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(SegmentsError, match=r"s\.csv: a Git LFS pointer"):
        list(read_segments(tmp_path / "s.csv"))


def test_segments_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SegmentsError, match=r"s\.csv: not UTF-8 text"):
        list(read_segments(tmp_path / "s.csv"))


def test_children_of_labels(tmp_path: Path) -> None:
    ontology = read_ontology(str(make_corpus(tmp_path / "c", 1, 1) / "ontology.json"))
    assert ontology.with_children(["/m/09x0r"]) == {"/m/09x0r", "/m/05zppz", "/m/0brhx"}
    assert len(ontology.with_children([ontology.mid("human VOICE")])) == 5
    with pytest.raises(
        OntologyError,
        match=r"no label 'speach'; accepted: its mids and display names; did you mean /m/09x0r \(Sp",
    ):
        ontology.mid("speach")
    with pytest.raises(OntologyError, match=r"no label '/m/09x0'; .* did you mean /m/09x0r \(Speech\)"):
        ontology.mid("/m/09x0")


def test_a_name_of_two_labels_is_refused(tmp_path: Path) -> None:
    nodes = [{"id": f"/m/{mid}", "name": "Bass", "child_ids": []} for mid in "ab"]
    (tmp_path / "o.json").write_text(json.dumps(nodes))
    with pytest.raises(OntologyError, match=r"'bass' names 2 labels, /m/a, /m/b; accepted: mids"):
        read_ontology(str(tmp_path / "o.json")).mid("bass")


def test_real_ontology(shared_data: Path) -> None:
    ontology = read_ontology(str(shared_data / "mini_audioset/ontology.json"))
    assert len(ontology) == 632
    assert ontology.with_children([ontology.mid("Speech")]) == {
        "/m/09x0r", "/m/05zppz", "/m/02zsn", "/m/0ytgt", "/m/01h8n0", "/m/02qldy", "/m/0261r1", "/m/0brhx",
    }  # fmt: skip
    # Counted by hand in ontology.json: the whole first branch below "Human sounds".
    voice = ontology.with_children([ontology.mid("Human voice")])
    assert {"/m/09l8g", "/m/09x0r", "/m/015lz1", "/m/01j3sz", "/m/03qc9zr"} < voice


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
    assert plan(root, labels=("Human voice",))["train"].rows == 3
    (root / "ontology.json").unlink()
    assert plan(root)["train"].rows == 1


def test_exclusion_wins_with_its_children(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 4, 1)
    labels = ["/m/09x0r,/m/0brhx", "/m/05zppz", "/m/015lz1", "/m/04rlf"]
    (root / "balanced_train_segments.csv").write_text(
        HEADER + "".join(row(ytid(number), label) for number, label in enumerate(labels))
    )

    def taken(**settings: Any) -> list[tuple[str, ...]]:
        return [made.labels for made in plan(root, **settings)["train"].requests]

    assert taken(exclude_labels=("Speech synthesizer",)) == [("/m/05zppz",)]
    assert taken(labels=("Human voice",), exclude_labels=("Speech",)) == [("/m/015lz1",)]
    # An exclusion takes its children along even where inclusion does not.
    everything: dict[str, Any] = {"labels": "all", "exclude_labels": ("/m/09x0r",), "children": False}
    assert taken(**everything) == [("/m/015lz1",), ("/m/04rlf",)]
    assert plan(root, **everything)["train"].filtered == 2


def test_names_need_an_ontology(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 1, 1)
    (root / "ontology.json").unlink()
    with pytest.raises(IngestError, match=r"exclude_labels: 'Music' is a name, and there is no ontology"):
        check_sources(AudioIngestSettings(root=str(root), exclude_labels=("Music",)))


def test_labels_of_the_strong_set_have_a_list_of_their_own(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 1, 1)
    (root / "mid_to_display_name.tsv").write_text("/t/dd00138\tBrief tone\n/m/09x0r\tTalk\n")
    (root / "balanced_train_segments.csv").write_text(HEADER + row(ytid(0), "/t/dd00138"))
    assert len(plan(root, labels=("brief tone",))["train"].requests) == 1
    with pytest.raises(IngestError, match=r"no label 'Talk'"):  # the ontology's name stands
        plan(root, labels=("Talk",))
    (root / "mid_to_display_name.tsv").write_text("/t/dd00138,Brief tone\n")
    with pytest.raises(
        IngestError, match=r"strong_labels: .* is not a list of mids and names between tabs: it"
    ):
        check_sources(AudioIngestSettings(root=str(root)))


def test_missing_and_duplicate_rows(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 3, 1)
    (root / f"audios/balanced_train_segments/Y{ytid(1)}.wav").unlink()
    with (root / "balanced_train_segments.csv").open("a") as file:
        file.write(row(ytid(0)) + row(ytid(2), start=50, end=51))
    plans = plan(root)
    assert [made.clip_id for made in plans["train"].requests] == [
        f"{ytid(0)}_30000_31000",
        f"{ytid(2)}_30000_31000",
    ]
    assert [(out.reason, out.source, out.detail) for out in plans["train"].left_out] == [
        ("missing", "balanced_train_segments.csv:5", "no sound for it in audios"),
        ("duplicate", "balanced_train_segments.csv:7", "the same clip as balanced_train_segments.csv:4"),
        ("duplicate", "balanced_train_segments.csv:8", "the same clip as balanced_train_segments.csv:6"),
    ]


def test_videos_of_the_eval_set_never_enter_training(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 4, 1)
    with (root / "eval_segments.csv").open("a") as file:
        # Another part of the video, with labels that the filter leaves out: the video is held out anyway.
        file.write(row(ytid(0), "/m/04rlf", start=70, end=71) + row(ytid(1)))
    (root / "more.csv").write_text(HEADER + row(ytid(2)))
    plans = plan(root, segments={"held_out": ["more.csv"]})
    assert [made.clip_id for made in plans["train"].requests] == [f"{ytid(3)}_30000_31000"]
    held_out = [(out.clip_id, out.reason) for out in plans["train"].left_out]
    assert held_out == [(f"{ytid(number)}_30000_31000", "held_out") for number in range(3)]
    assert [made.clip_id for made in plans["eval"].requests] == [
        f"{ytid(1000)}_30000_31000",
        f"{ytid(1)}_30000_31000",
    ]


def test_a_split_of_several_files(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 2, 1)
    (root / "more.csv").write_text(HEADER + row(ytid(1)) + row(ytid(7)))
    train = plan(root, segments={"train": ["more.csv", "balanced_train_segments.csv"]})["train"]
    assert [made.source for made in train.requests] == ["more.csv:4", "balanced_train_segments.csv:4"]
    assert [(out.reason, out.source, out.detail) for out in train.left_out] == [
        ("missing", "more.csv:5", "no sound for it in audios"),
        ("duplicate", "balanced_train_segments.csv:5", "the same clip as more.csv:4"),
    ]


STRONG = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"


def test_strong_segments_are_known_by_their_header(tmp_path: Path) -> None:
    path = tmp_path / "audioset_train_strong.tsv"
    path.write_text(
        STRONG
        + "b0RFKhbpFJA_30000\t0.000\t10.000\t/m/03m9d0z\n"
        + "-_1234567_9_0\t4.753\t5.720\t/m/05zppz\n"
        + "b0RFKhbpFJA_30000\t1.500\t2.000\t/m/09x0r\n"
        + "b0RFKhbpFJA_30000\t3.500\t4.000\t/m/09x0r\n"
    )
    assert list(read_segments(path)) == [
        Segment("b0RFKhbpFJA", 30.0, 40.0, ("/m/03m9d0z", "/m/09x0r"), "audioset_train_strong.tsv:2"),
        Segment("-_1234567_9", 0.0, 10.0, ("/m/05zppz",), "audioset_train_strong.tsv:3"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("abc_1000\t0\t1\n", "s.tsv:2: 3 fields, 4 are needed (segment_id, start_time_seconds,"),
        ("abc\t0\t1\t/m/0\n", "s.tsv:2: 'abc' is not a segment; accepted: <YouTube id>_<start in ms>"),
        ("abc_1000\t2\t1\t/m/0\n", "s.tsv:2: the event ends at 1 s, before its start at 2 s"),
        ("abc_1000\t-2\t1\t/m/0\n", "s.tsv:2: the start '-2' is not a time"),
        ("abc_1000\t0\t1\tSpeech\n", "s.tsv:2: 'Speech' is not a label"),
        ("", "s.tsv: no row"),
    ],
)
def test_malformed_strong_segments(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "s.tsv").write_text(STRONG + line)
    with pytest.raises(SegmentsError) as caught:
        list(read_segments(tmp_path / "s.tsv"))
    assert message in str(caught.value)


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
        (None, {"root": ""}, "corpus.root: is empty; accepted: a folder"),
        (None, {"root": "/no/such"}, "corpus.root: there is no folder '/no/such'; accepted: a folder"),
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
    (tmp_path / "c/audios/Ynew.wav").touch()
    assert sources_digest(settings) != before


def test_rows_that_name_their_labels_are_planned_as_those_of_mids(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", train=2, evaluate=1)
    before = plan(root, labels=["Speech"])
    for path in root.glob("*_segments.csv"):
        path.write_text(path.read_text().replace("/m/09x0r", "speech"))
    after = plan(root, labels=["Speech"])
    assert {split: (one.rows, len(one.requests)) for split, one in after.items()} == {
        split: (one.rows, len(one.requests)) for split, one in before.items()
    }
    assert len(after["train"].requests) == 2
