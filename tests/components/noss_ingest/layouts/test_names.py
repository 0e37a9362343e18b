"""Layouts that say all in the names of their files: the emotions, DementiaBank, VoxForge, Speech Commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.noss_ingest.layouts import read_layout
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow
from components.noss_ingest.splits import with_splits
from schemas.noss_tasks import SplitRule
from tests.components.noss_ingest.layouts import trees


def test_crema_d_has_emotion_and_actor_in_the_name(tmp_path: Path) -> None:
    rows = read_layout("crema_d", trees.crema_d(tmp_path))

    assert [(row.file, row.label, row.speaker_id, row.sex, row.age) for row in rows] == [
        ("AudioWAV/1001_DFA_ANG_XX.wav", "ANG", "1001", "male", "51"),
        ("AudioWAV/1002_DFA_DIS_XX.wav", "DIS", "1002", "female", "21"),
        ("AudioWAV/1003_DFA_FEA_XX.wav", "FEA", "1003", "", ""),
    ]
    assert {row.split for row in rows} == {""}


def test_crema_d_needs_no_demographics(tmp_path: Path) -> None:
    (trees.crema_d(tmp_path) / "VideoDemographics.csv").unlink()
    assert {(row.sex, row.age) for row in read_layout("crema_d", tmp_path)} == {("", "")}


def test_crema_d_is_found_in_the_folder_of_its_repository(tmp_path: Path) -> None:
    trees.crema_d(tmp_path / "CREMA-D")
    assert read_layout("crema_d", tmp_path)[0].file == "AudioWAV/1001_DFA_ANG_XX.wav"


def test_crema_d_refuses_an_unknown_emotion(tmp_path: Path) -> None:
    trees.sound(trees.crema_d(tmp_path) / "AudioWAV/1004_DFA_SUR_XX.wav")
    with pytest.raises(SourceError, match=r"unknown file '1004_DFA_SUR_XX\.wav'; accepted: .* one of NEU,"):
        read_layout("crema_d", tmp_path)


def test_savee_has_the_emotion_in_the_letters_of_the_name(tmp_path: Path) -> None:
    rows = read_layout("savee", trees.savee(tmp_path))

    assert [row.label for row in rows if row.speaker_id == "JE"] == [
        "anger",
        "disgust",
        "fear",
        "happiness",
        "neutral",
        "sadness",
        "surprise",
    ]
    assert {row.speaker_id for row in rows} == {"DC", "JE", "JK", "KL"}
    assert {row.sex for row in rows} == {"male"}
    assert rows[0].file == "AudioData/DC/a01.wav"


def test_savee_without_one_of_its_speakers_is_not_there(tmp_path: Path) -> None:
    (trees.savee(tmp_path) / "AudioData/JK").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceMissing, match=r"there is no folder .*AudioData/JK"):
        read_layout("savee", tmp_path)


@pytest.mark.parametrize("folder", ["ALL", "."])
def test_savee_in_one_folder_has_the_same_clips(folder: str, tmp_path: Path) -> None:
    trees.savee(tmp_path / "a")
    for path in (tmp_path / "a/AudioData").rglob("*.wav"):
        target = tmp_path / "b" / folder / f"{path.parent.name}_{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "b" / folder / "._DC_a01.wav").write_bytes(b"\0\5\x16\7")
    (tmp_path / "b" / folder / ".DS_Store").write_bytes(b"")

    usual, found = (read_layout("savee", tmp_path / name) for name in "ab")

    facts = [[(row.file, row.label, row.speaker_id) for row in rows] for rows in (usual, found)]
    assert facts[0] == facts[1] and len(found) == 28
    assert all(Path(row.path).is_file() for row in found)
    (tmp_path / "b" / folder / "KL_x01.wav").write_bytes(b"")
    with pytest.raises(SourceError, match=r"unknown file 'KL_x01\.wav'"):
        read_layout("savee", tmp_path / "b")


def test_savee_in_one_folder_without_a_speaker_is_not_there(tmp_path: Path) -> None:
    trees.sound(tmp_path / "ALL/DC_a01.wav")
    with pytest.raises(SourceMissing, match=r"ALL has no clip of JE, JK, KL"):
        read_layout("savee", tmp_path)


def test_savee_refuses_other_names(tmp_path: Path) -> None:
    trees.sound(trees.savee(tmp_path) / "AudioData/JK/x01.wav")
    with pytest.raises(SourceError, match=r"AudioData/JK: unknown file 'x01\.wav'; accepted: names"):
        read_layout("savee", tmp_path)


def test_dementiabank_takes_the_picture_of_both_groups(tmp_path: Path) -> None:
    rows = read_layout("dementiabank", trees.dementiabank(tmp_path, people=2))

    assert [(row.file, row.label, row.speaker_id) for row in rows] == [
        ("Control/cookie/002-0.mp3", "control", "002"),
        ("Control/cookie/002-1.mp3", "control", "002"),
        ("Dementia/cookie/003-0.mp3", "dementia", "003"),
        ("Dementia/cookie/003-1.mp3", "dementia", "003"),
    ]


def test_dementiabank_refuses_other_names(tmp_path: Path) -> None:
    trees.sound(trees.dementiabank(tmp_path) / "English/Pitt/Control/cookie/002.mp3")
    with pytest.raises(SourceError, match=r"unknown file '002\.mp3'; accepted: names as in '002-0\.mp3'"):
        read_layout("dementiabank", tmp_path)


def test_iemocap_has_four_classes_in_five_sessions(tmp_path: Path) -> None:
    rows = read_layout("iemocap", trees.iemocap(tmp_path / "IEMOCAP_full_release").parent)

    top = "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01"
    assert [(row.file, row.label, row.speaker_id, row.sex) for row in rows if row.fold == "2"] == [
        (f"{top}_F000.wav", "neutral", "Ses02F", "female"),
        (f"{top}_M000.wav", "happy", "Ses02M", "male"),
        (f"{top}_M001.wav", "happy", "Ses02M", "male"),
        (f"{top}_F002.wav", "angry", "Ses02F", "female"),
        (f"{top}_M003.wav", "sad", "Ses02M", "male"),
    ]
    assert sorted({row.fold for row in rows}) == ["1", "2", "3", "4", "5"]
    assert len({row.speaker_id for row in rows}) == 10
    splits = with_splits(rows, SplitRule(rule="folds"))
    assert {row.fold: row.split for row in splits}["5"] == "test"


def test_iemocap_without_a_session_is_not_there(tmp_path: Path) -> None:
    (trees.iemocap(tmp_path) / "Session4").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceMissing, match=r"there is no folder .*Session4/dialog/EmoEvaluation"):
        read_layout("iemocap", tmp_path)


@pytest.mark.parametrize(
    ("new", "message"),
    [("\tjoy\t", "unknown emotion 'joy'; accepted: ang, hap, exc, neu, sad, fru"), ("\t\t", ".* a turn")],
)
def test_iemocap_refuses_other_turns(new: str, message: str, tmp_path: Path) -> None:
    dialog = trees.iemocap(tmp_path) / "Session3/dialog/EmoEvaluation/Ses03F_impro01.txt"
    trees.edit(dialog, "\texc\t", new)
    with pytest.raises(SourceError, match=rf"Ses03F_impro01\.txt:6: {message}"):
        read_layout("iemocap", tmp_path)


def test_voxforge_has_language_and_user_in_the_folders(tmp_path: Path) -> None:
    rows = read_layout("voxforge", trees.voxforge(tmp_path))

    assert [(row.label, row.speaker_id, row.sex, row.age) for row in rows] == [
        ("de", "guenter", "male", "erwachsener"),
        ("en", "anonymous", "", ""),
        ("es", "anonymous", "", ""),
        ("es", "maria", "female", "youth"),
        ("fr", "paul", "", ""),
        ("it", "luca", "", ""),
        ("ru", "ivan", "", ""),
    ]
    assert rows[3].file == "es/maria-2-20081231-bbb/wav/a0001.wav"
    assert rows[5].file.endswith("flac/it-0001.flac")


def test_what_macos_leaves_beside_a_clip_is_none(tmp_path: Path) -> None:
    trees.voxforge(tmp_path)
    before = read_layout("voxforge", tmp_path)
    for row in before:
        Path(row.path).with_name(f"._{Path(row.path).name}").write_bytes(b"\0\5\x16\7")
    assert read_layout("voxforge", tmp_path) == before


def test_voxforge_is_found_below_the_path_of_its_site(tmp_path: Path) -> None:
    trees.voxforge(tmp_path / "www.repository.voxforge1.org/downloads")
    assert len(read_layout("voxforge", tmp_path)) == 7


def test_voxforge_without_a_language_is_not_there(tmp_path: Path) -> None:
    (trees.voxforge(tmp_path) / "Russian").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceMissing, match="there is no folder ru or Russian"):
        read_layout("voxforge", tmp_path)


def _brief(rows: list[TaskRow], split: str) -> list[tuple[str, str, str]]:
    return [(row.file.partition("/")[2], row.label, row.speaker_id) for row in rows if row.split == split]


NOISE = "_background_noise_"


def test_speech_commands_has_twelve_classes_and_the_separate_test_set(tmp_path: Path) -> None:
    rows = read_layout("speech_commands", trees.speech_commands(tmp_path))

    assert _brief(rows, "train") == [
        ("bed/dd44_nohash_0.wav", "_unknown_", "dd44"),
        ("up/aa11_nohash_1.wav", "up", "aa11"),
        ("yes/aa11_nohash_0.wav", "yes", "aa11"),
        *((f"{NOISE}/pink_noise.wav_{start}", "_silence_", "") for start in (0, 8000, 16000)),
    ]
    assert _brief(rows, "validation") == [
        ("bed/ee55_nohash_0.wav", "_unknown_", "ee55"),
        ("yes/bb22_nohash_0.wav", "yes", "bb22"),
        *((f"{NOISE}/running_tap.wav_{start}", "_silence_", "") for start in (0, 8000, 16000)),
    ]
    assert _brief(rows, "test") == [
        ("_silence_/1024.wav", "_silence_", ""),
        ("_unknown_/bed_ff66_nohash_0.wav.wav", "_unknown_", "ff66"),
        ("yes/cc33_nohash_1.wav", "yes", "cc33"),
    ]
    assert {row.file.partition("/")[0] for row in rows if row.split == "test"} == {
        "speech_commands_test_set_v0.02"
    }


def test_speech_commands_cuts_noise_into_seconds(tmp_path: Path) -> None:
    rows = read_layout("speech_commands", trees.speech_commands(tmp_path))
    tap = [row for row in rows if row.path.endswith("running_tap.wav")]
    assert [(row.start_s, row.seconds) for row in tap] == [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]


def test_speech_commands_tests_on_the_list_without_the_test_set(tmp_path: Path) -> None:
    rows = read_layout("speech_commands", trees.speech_commands(tmp_path, with_test_set=False))
    assert _brief(rows, "test") == [("yes/cc33_nohash_1.wav", "yes", "cc33")]
    assert ("yes/cc33_nohash_1.wav", "yes", "cc33") not in _brief(rows, "train")


def test_speech_commands_finds_the_test_set_beside_the_words(tmp_path: Path) -> None:
    trees.speech_commands(tmp_path)
    assert read_layout("speech_commands", tmp_path / "speech_commands_v0.02") == read_layout(
        "speech_commands", tmp_path
    )


def test_speech_commands_refuses_other_lines(tmp_path: Path) -> None:
    words = trees.speech_commands(tmp_path) / "speech_commands_v0.02"
    trees.edit(words / "testing_list.txt", "yes/cc33_nohash_1.wav", "cc33_nohash_1.wav")
    with pytest.raises(SourceError, match=r"testing_list\.txt:1: 'cc33_nohash_1\.wav'; accepted: a file"):
        read_layout("speech_commands", tmp_path)


def test_speech_commands_refuses_noise_that_is_not_sound(tmp_path: Path) -> None:
    words = trees.speech_commands(tmp_path) / "speech_commands_v0.02"
    trees.text(words / NOISE / "white_noise.wav", "not sound")
    with pytest.raises(SourceError, match=r"white_noise\.wav: not a sound file"):
        read_layout("speech_commands", tmp_path)
