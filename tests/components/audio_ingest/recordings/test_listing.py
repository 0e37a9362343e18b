"""Which recordings a folder has, and in which split each is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from components.audio_ingest.recordings.listing import Recordings, find_recordings
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.intake_report import IngestError

pytestmark = pytest.mark.filterwarnings("error")


def touch(root: Path, *names: str | bytes) -> Path:
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(b"sound")
    return root


def found(root: Path, **settings: Any) -> Recordings:
    more = {"layout": "folder", "recordings": {"eval_share": 0.4, **settings.pop("recordings", {})}}
    return find_recordings(str(root), AudioIngestSettings(root=str(root), **more, **settings), "corpus")


def splits(recordings: Recordings) -> dict[str, str]:
    return {one.name: one.split for one in recordings.taken}


def test_further_files_move_none(tmp_path: Path) -> None:
    touch(tmp_path, *(f"day {day}/{number}.WAV" for day in range(3) for number in range(20)))
    before = splits(found(tmp_path))
    # 60 files at 0.4: 24 are expected in eval, with a standard deviation of sqrt(60 x 0.4 x 0.6) = 3.8.
    assert 24 - 4 * 3.8 < list(before.values()).count("eval") < 24 + 4 * 3.8
    touch(tmp_path, *(f"day {day}/{number}.flac" for day in range(9) for number in range(100)))
    after = splits(found(tmp_path))
    assert len(after) == 960
    assert before.items() <= after.items()


def test_another_place_moves_none(tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(20)]
    one, other = touch(tmp_path / "here", *names), touch(tmp_path / "elsewhere/there", *names)
    assert splits(found(one)) == splits(found(other))


def test_a_speaker_folder_is_in_one_split(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/speaker{who}/{n}.wav" for part in "ab" for who in range(12) for n in range(3)))
    listed = found(tmp_path, recordings={"speakers": 2})
    by_speaker: dict[str, set[str]] = {}
    for one in listed.taken:
        by_speaker.setdefault(one.speaker, set()).add(one.split)
    assert len(by_speaker) == 12
    assert all(len(some) == 1 for some in by_speaker.values())
    files_alone = found(tmp_path, recordings={"speakers": "none"})
    assert {one.speaker for one in files_alone.taken} == {""}
    assert "of 72 the speaker is known" in str(listed)
    assert "no speaker is known" in str(files_alone)


def test_what_is_no_sound_is_counted_and_what_is_hidden_is_not_seen(tmp_path: Path) -> None:
    touch(
        tmp_path, *(f"{number}.ogg" for number in range(9)), "cover.jpg", "a/notes.txt", ".h/1.wav", "._2.wav"
    )
    (tmp_path / "again").symlink_to(tmp_path)  # a link to a folder around it ends there
    listed = found(tmp_path)
    assert len(listed.taken) == 9
    assert listed.strays.counts == {"no sound file": 2}
    assert sorted(listed.strays.examples["no sound file"]) == ["a/notes.txt", "cover.jpg"]


def test_names_of_any_bytes_have_an_id_that_is_text(tmp_path: Path) -> None:
    touch(tmp_path, b"caf\xe9, 1.wav", "tâche\n2.wav", *(f"{number}.wav" for number in range(9)))
    ids = {one.id for one in found(tmp_path).taken}
    assert {"caf\\xe9, 1.wav", "tâche\n2.wav"} <= ids
    for one in ids:
        one.encode()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), r"corpus\.root: no sound file below .*, it is empty; accepted: \.3gp, \.aac"),
        (
            ("a.txt", "b/c.pdf"),
            r"corpus\.root: no sound file below .*, there are files such as a\.txt, c\.pdf;",
        ),
        (
            ("one.wav",),
            r"eval_share: 0\.4; none of 1 recordings is in the split '\w+': 0 known speakers and 1 f",
        ),
    ],
)
def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(IngestError, match=message):
        found(tmp_path)


def test_one_speaker_is_refused_with_what_would_do(tmp_path: Path) -> None:
    touch(tmp_path, *(f"anna/{number}.wav" for number in range(30)))
    with pytest.raises(IngestError, match=r"of 30 recordings .*: 1 known speakers and 0 .*speakers: none"):
        found(tmp_path, recordings={"speakers": 1})
    assert set(splits(found(tmp_path)).values()) == {"train", "eval"}


def test_a_url_is_refused() -> None:
    with pytest.raises(
        IngestError, match=r"corpus\.root: s3://b/c is a URL; accepted with layout 'folder': a p"
    ):
        find_recordings("s3://b/c", AudioIngestSettings(root="s3://b/c", layout="folder"), "corpus")


def test_a_manifest_names_files_splits_and_labels(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b/c.wav", "d.wav", "unlisted.wav")
    (tmp_path / "manifest.csv").write_text(
        "file,split,speaker_id,label\n"
        "a.wav, train, anna, cough\n"
        'b/../b/c.wav,eval,ben,"cough, sneeze"\n'
        "\n"
        "d.wav,eval,,laugh\n"
        "gone.wav,train,carl,cough\n"
    )
    everything = found(tmp_path)
    assert splits(everything) == {"a.wav": "train", "b/c.wav": "eval", "d.wav": "eval", "gone.wav": "train"}
    assert [one.labels for one in everything.taken] == [
        ("cough",),
        ("cough", "sneeze"),
        ("laugh",),
        ("cough",),
    ]
    assert [one.line for one in everything.taken] == [2, 3, 5, 6]
    assert [one.name for one in everything.taken if one.file is None] == ["gone.wav"]
    assert everything.strays.examples == {"not in manifest.csv": ["unlisted.wav"]}
    coughs = found(tmp_path, labels=["cough"], exclude_labels=["laugh"])
    assert [one.name for one in coughs.taken] == ["a.wav", "b/c.wav", "gone.wav"]
    assert dict(coughs.filtered) == {"train": 0, "eval": 1}
    with pytest.raises(IngestError, match=r"corpus\.labels: none of 4 .* are cough, sneeze, laugh; accepted"):
        found(tmp_path, labels=["Cough"])


def test_a_manifest_without_splits_leaves_them_to_the_speakers(tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(40)]
    touch(tmp_path, *names)
    rows = [f"{name},speaker{number % 10}\n" for number, name in enumerate(names)]
    (tmp_path / "manifest.csv").write_text("file,speaker_id\n" + "".join(rows))
    listed = found(tmp_path)
    assert {one.split for one in listed.taken} == {"train", "eval"}
    assert len({(one.speaker, one.split) for one in listed.taken}) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"manifest\.csv:1: the columns are absent; accepted: file, and any of split, speaker_id, label"),
        ("file,split\n", r"manifest\.csv: no row; accepted: the columns file, split"),
        ("path,split\na.wav,train\n", r"manifest\.csv:1: the columns are path, split; accepted: file"),
        ("file,split\na.wav,test\n", r"manifest\.csv:2: the split 'test' is unknown; accepted: train, eval"),
        ("file,split\na.wav\n", r"manifest\.csv:2: 1 fields, 2 are needed \(file, split\)"),
        (
            "file,split\n../a.wav,train\n",
            r"manifest\.csv:2: '\.\./a\.wav' is not a file of this corpus; accepted",
        ),
        (
            "file,split,speaker_id\na.wav,train,anna\nb.wav,eval,anna\n",
            r"manifest\.csv:3: speaker 'anna' is in eval, and in train by line 2; accepted: each sp",
        ),
        ("file,split\na.wav,train\nb.wav,train\n", r"none of 2 recordings is in the split 'eval'"),
    ],
)
def test_a_manifest_that_says_nothing_sure_is_refused(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path, "a.wav", "b.wav")
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        found(tmp_path)
