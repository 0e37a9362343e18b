"""Labels of rows: mids, and display names that the corpus' own files know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.audio_ingest.row_labels import LabelError, RowLabels
from components.audio_ingest.segment_rows import SegmentsError
from components.audio_ingest.segments import read_segments
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from tests.components.audio_ingest.corpora import HEADER

SPEECH, MALE, FIRE = "/m/09x0r", "/m/05zppz", "/m/07pp_mv"
NAMES = {
    SPEECH: "Speech",
    MALE: "Male speech, man speaking",
    FIRE: "Alarm",
    "/m/01": "Twin",
    "/m/02": "twin",
}


@pytest.mark.parametrize(
    ("text", "mids"),
    [
        (SPEECH, [SPEECH]),
        (f"{SPEECH}, {FIRE}", [SPEECH, FIRE]),
        ("/m/nobody_knows", ["/m/nobody_knows"]),
        ("Speech", [SPEECH]),
        ("speech,ALARM", [SPEECH, FIRE]),
        ("Male speech, man speaking", [MALE]),
        (f"Speech,Male speech,man speaking ,{FIRE},Alarm", [SPEECH, MALE, FIRE, FIRE]),
    ],
)
def test_names_become_mids(text: str, mids: list[str]) -> None:
    assert list(RowLabels(lambda: NAMES).all(text)) == mids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Speach", "'Speach' is not a label; accepted: mids .*; did you mean 'speech'"),
        ("Male speech", "'Male speech' is not a label"),
        ("Speech,", "'' is not a label"),
        ("TWIN", "'TWIN' names 2 labels, /m/01, /m/02; accepted: mids"),
        ("/m/A b", "'/m/A b' is not a label"),
    ],
)
def test_what_is_no_label(text: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        RowLabels(lambda: NAMES).all(text)


def test_names_are_read_for_names_only() -> None:
    def fail() -> dict[str, str]:
        raise AssertionError("read")

    assert RowLabels(fail).all(f"{SPEECH},{FIRE}") == (SPEECH, FIRE)


def write_corpus(root: Path, names: str, label: str, strong: bool = False) -> CorpusSources:
    rows = {False: HEADER + f'abc, 30, 40, "{label}"\n'}
    rows[True] = f"segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nabc_1000\t0\t1\t{label}\n"
    (root / "balanced_train_segments.csv").write_text(rows[strong])
    if names == "ontology":
        nodes = [{"id": mid, "name": name, "child_ids": []} for mid, name in NAMES.items()]
        (root / "ontology.json").write_text(json.dumps(nodes))
    elif names == "class_labels":
        listed = (f'{index},{mid},"{name}"' for index, (mid, name) in enumerate(NAMES.items()))
        (root / "class_labels_indices.csv").write_text("\n".join(["index,mid,display_name", *listed]))
    return CorpusSources.of(AudioIngestSettings(root=str(root)), root)


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("names", ["ontology", "class_labels"])
def test_a_row_may_name_its_labels(tmp_path: Path, names: str, strong: bool) -> None:
    sources = write_corpus(tmp_path, names, "Male speech, man speaking", strong)
    (segment,) = read_segments(sources.segments["train"][0], sources.row_labels())
    assert segment.labels == (MALE,)


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("names", ["ontology", "class_labels", "none"])
def test_a_name_that_is_not_known_stops_with_file_and_line(tmp_path: Path, names: str, strong: bool) -> None:
    sources = write_corpus(tmp_path, names, "Yodeling", strong)
    line = 2 if strong else 4
    with pytest.raises(SegmentsError, match=rf"_segments.csv:{line}: 'Yodeling' is not a label; accepted:"):
        list(read_segments(sources.segments["train"][0], sources.row_labels()))


def test_speech_needs_no_file(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path, "none", "Speech")
    (segment,) = read_segments(sources.segments["train"][0], sources.row_labels())
    assert segment.labels == (SPEECH,)
