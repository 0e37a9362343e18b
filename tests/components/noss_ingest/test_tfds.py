from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from components.common.audio.decode import DecodedAudio, decode, from_samples
from components.common.audio.errors import AudioError, Reason
from components.noss_ingest import tfds
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow, TfdsClip
from components.noss_ingest.splits import with_splits
from components.noss_ingest.tfds import prepared_folder, read_tfds, tfds_sounds
from schemas.noss_tasks import SplitRule, TfdsSource
from tests.components.noss_ingest import tfds_trees
from tests.components.noss_ingest.tfds_trees import local_downloads, prepare_own, sound


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny trees of all six data sets, which TFDS's own builders prepare when they are asked for."""
    return tfds_trees.make_home(tmp_path_factory.mktemp("tfds"))


def prepared_rows(home: Path, builder: str) -> list[TaskRow]:
    with local_downloads(home):
        read_tfds(TfdsSource(builder=builder), home, download=True)
    return rows_of(home, builder)


def rows_of(home: Path, builder: str) -> list[TaskRow]:
    return read_tfds(TfdsSource(builder=builder), home, download=False)


def clips_of(rows: Sequence[TaskRow]) -> list[TfdsClip]:
    return [row.tfds for row in rows if row.tfds]


def sounds_of(rows: Sequence[TaskRow]) -> list[DecodedAudio]:
    """In the order of the rows; those of a split stand together."""
    sounds = []
    for split in dict.fromkeys(clip.split for clip in clips_of(rows)):
        for found in tfds_sounds([clip for clip in clips_of(rows) if clip.split == split]):
            assert isinstance(found, DecodedAudio), found
            sounds.append(found)
    return sounds


def test_crema_d(home: Path) -> None:
    rows = prepared_rows(home, "crema_d")
    assert [row.file for row in rows if row.split == "test"] == [f"test/{index}" for index in range(6)]
    assert rows[0].tfds == TfdsClip(str(home), "crema_d", "1.0.0", "train", 0)
    assert (rows[0].place, rows[0].path) == ("tfds:crema_d/1.0.0/train/0", "")
    assert len({row.file for row in rows}) == 22
    # Each sound is that of one actor and emotion, so label, speaker and sound are of the same example.
    names = {f"{actor}_DFA_{label}_XX" for actor in range(1001, 1012) for label in ("HAP", "DIS")}
    for row, audio in zip(rows, sounds_of(rows), strict=True):
        name = f"{row.speaker_id}_DFA_{row.label}_XX"
        np.testing.assert_array_equal(audio.samples, sound(name, 16_000))
        names.remove(name)
    assert not names


@pytest.mark.parametrize(
    ("builder", "shares", "speakers"),
    [
        ("crema_d", (0.7, 0.1, 0.2), {str(actor) for actor in range(1001, 1012)}),
        ("savee", (0.6, 0.2, 0.2), {"DC", "JE", "JK", "KL"}),
        ("dementiabank", (0.7, 0.1, 0.2), {f"{number:03d}" for number in range(11)}),
        pytest.param(  # Beam takes its time
            "voxforge", (0.7, 0.1, 0.2), {f"anna{number}" for number in range(11)}, marks=pytest.mark.slow
        ),
    ],
)
def test_speakers_and_their_splits(
    home: Path, builder: str, shares: tuple[float, float, float], speakers: set[str]
) -> None:
    rows = prepared_rows(home, builder)
    found = defaultdict(set)
    for row in rows:
        found[row.split].add(row.speaker_id)
    assert {*found} == {"train", "validation", "test"}
    assert set.union(*found.values()) == speakers
    assert sum(map(len, found.values())) == len(speakers)
    # Drawing by a record's rule gives the splits that the builder drew.
    drawn = with_splits([replace(row, split="") for row in rows], SplitRule(rule="speakers", shares=shares))
    assert drawn == rows


def test_savee_sounds_as_its_files_do(home: Path, tmp_path: Path) -> None:
    rows = prepared_rows(home, "savee")
    clips = {"anger": "a01", "sadness": "sa02", "surprise": "su03"}
    assert {row.label for row in rows} == {*clips}
    for row, audio in zip(rows, sounds_of(rows), strict=True):
        name = f"AudioData/{row.speaker_id}/{clips[row.label]}.wav"
        (tmp_path / "a.wav").write_bytes(tfds_trees.sound_bytes(name, 44_100))
        expected = decode(tmp_path / "a.wav")
        assert (audio.source_rate, audio.source_channels) == (44_100, 1)
        assert np.abs(audio.samples.astype(int) - expected.samples).max() <= 1


def test_dementiabank_sounds_as_its_mp3_do(home: Path) -> None:
    rows = prepared_rows(home, "dementiabank")
    assert {row.label for row in rows} == {"control", "dementia"}
    assert all((row.label == "dementia") == bool(int(row.speaker_id) % 2) for row in rows)
    pitt = home / "downloads/manual/dementia/English/Pitt"
    for row, audio in zip(rows, sounds_of(rows), strict=True):
        files = [decode(path).samples for path in pitt.glob(f"*/cookie/{row.speaker_id}-*.mp3")]
        assert len(files) == 2
        assert min(np.abs(audio.samples.astype(int) - file).max() for file in files) <= 1


@pytest.mark.slow
def test_voxforge(home: Path) -> None:
    rows = prepared_rows(home, "voxforge")
    assert len(rows) == 22
    assert all(row.label == ("de", "ru")[int(row.speaker_id[4:]) % 2] for row in rows)
    for row, audio in zip(rows, sounds_of(rows), strict=True):
        name = f"www.repository/{row.label}/Trunk/Audio/16kHz_16bit/{row.speaker_id}-2010-x.tgz"
        assert any(np.array_equal(audio.samples, sound(f"{name}{clip}", 16_000)) for clip in ("one", "two"))


def test_speech_commands(home: Path) -> None:
    rows = prepared_rows(home, "speech_commands")
    assert Counter((row.split, row.label) for row in rows) == {
        ("train", "yes"): 1, ("train", "no"): 3, ("train", "_unknown_"): 2, ("train", "_silence_"): 3,
        ("validation", "yes"): 1, ("validation", "_unknown_"): 1, ("validation", "_silence_"): 3,
        ("test", "yes"): 1, ("test", "_unknown_"): 1, ("test", "_silence_"): 1,
    }  # fmt: skip
    assert {row.speaker_id for row in rows} == {""}
    (silence,) = sounds_of([row for row in rows if (row.split, row.label) == ("test", "_silence_")])
    np.testing.assert_array_equal(silence.samples, sound("_silence_test", 16_000))


def test_voxceleb_knows_the_speaker_as_the_label_only(home: Path) -> None:
    rows = prepared_rows(home, "voxceleb")
    splits = ("train", "validation", "test")
    assert {(row.split, row.label) for row in rows} == {(s, label) for s in splits for label in ("1", "270")}
    assert {row.speaker_id for row in rows} == {""}


def own_example(number: int) -> dict[str, Any]:
    return {
        "sound": np.stack([sound(f"clip{number}", 8_000)] * 2, axis=1).astype(np.int64),
        "mood": ["low", "high"][number % 2],
        "speaker": f"s{number % 7}",
        "gender": number % 3 - 1,
        "age": number,
    }


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that TFDS has no code for: stereo, in several files, with other names of things."""
    home = tmp_path_factory.mktemp("own")
    # 25 a file: TFDS takes turns of 16 where it reads files side by side.
    examples = {str(number): own_example(number) for number in range(100)}
    few = {str(number): own_example(number) for number in range(4)}
    prepare_own(home, "own_moods", {"train": examples, "dev": few, "spare": few}, shards=4, stereo=True)
    return home


def test_a_data_set_without_code(own: Path) -> None:
    rows = rows_of(own, "own_moods")
    assert len(list((own / "own_moods/1.0.0").glob("*-train.tfrecord-*"))) == 4
    assert Counter((clip.split, row.split) for row in rows if (clip := row.tfds)) == {
        ("train", "train"): 100, ("dev", "validation"): 4, ("spare", ""): 4,
    }  # fmt: skip
    for row, audio in zip(rows, sounds_of(rows), strict=True):
        number = int(row.age)
        assert row.label == ["low", "high"][number % 2]
        assert row.speaker_id == f"s{number % 7}"
        assert row.sex == ["", "female", "male"][number % 3]
        assert (audio.source_rate, audio.source_channels) == (8_000, 2)
        frames = own_example(number)["sound"].astype(np.float32) / np.float32(32768)
        np.testing.assert_array_equal(audio.samples, from_samples(frames, 8_000).samples)


@pytest.mark.parametrize("near", [0, 4, 16])
def test_far_and_near_examples_are_the_right_ones(
    own: Path, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    rows = [row for row in rows_of(own, "own_moods") if row.split == "train"]
    every = [audio.samples for audio in sounds_of(rows)]
    monkeypatch.setattr(tfds, "_NEAR", near)
    for chosen in ([0, 2, 3, 9, 10, 51, 99], [99], list(range(0, 100, 2)), list(range(10, 90))):
        for index, audio in zip(chosen, sounds_of([rows[index] for index in chosen]), strict=True):
            np.testing.assert_array_equal(audio.samples, every[index])


def test_more_jumps_than_python_recurses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = {"sound": sound("a", 8_000)[:80], "mood": "low"}
    prepare_own(tmp_path, "own_many", {"train": {str(number): example for number in range(2200)}})
    monkeypatch.setattr(tfds, "_NEAR", 0)
    assert sys.getrecursionlimit() <= 1000
    assert len(sounds_of(rows_of(tmp_path, "own_many")[::2])) == 1100


def test_clips_must_ascend(own: Path) -> None:
    clips = [TfdsClip(str(own), "own_moods", "1.0.0", "train", index) for index in (4, 4)]
    with pytest.raises(ValueError, match="index 4 comes after 4; accepted: ascending ones"):
        list(tfds_sounds(clips))


def test_bad_sounds_are_refused_one_by_one(tmp_path: Path) -> None:
    wave = sound("a", 8_000).astype(np.int64)
    waves = {"fine": wave, "loud": wave * 7, "short": wave[:80], "silent": wave * 0, "empty": wave[:0]}
    examples = {name: {"sound": made, "mood": "low", "speaker": name} for name, made in waves.items()}
    prepare_own(tmp_path, "own_bad", {"train": examples})
    rows = rows_of(tmp_path, "own_bad")
    sounds = tfds_sounds(clips_of(rows), max_seconds=0.2, min_seconds=0.1)
    heard = {row.speaker_id: found for row, found in zip(rows, sounds, strict=True)}
    fine = heard.pop("fine")
    assert isinstance(fine, DecodedAudio)
    assert fine.duration_s == 0.2
    bad = {name: error for name, error in heard.items() if isinstance(error, AudioError)}
    assert {name: error.reason for name, error in bad.items()} == {
        "loud": Reason.UNDECODABLE, "short": Reason.TOO_SHORT, "silent": Reason.SILENT, "empty": Reason.EMPTY,
    }  # fmt: skip
    assert re.fullmatch(r"sample -?[345]\d{4} is outside of 16 bits", bad["loud"].detail)


def test_an_only_split_is_no_split(tmp_path: Path) -> None:
    prepare_own(tmp_path, "own_single", {"train": {str(n): own_example(n) for n in range(3)}}, stereo=True)
    rows = rows_of(tmp_path, "own_single")
    assert [(row.file, row.split) for row in rows] == [("train/0", ""), ("train/1", ""), ("train/2", "")]


def test_an_example_without_label_is_refused(tmp_path: Path) -> None:
    prepare_own(tmp_path, "own_blank", {"test": {"a": {"sound": sound("a", 8_000), "mood": -1}}})
    with pytest.raises(SourceError, match=r"^tfds:own_blank/1\.0\.0/test/0: the mood is -1; accepted: one"):
        rows_of(tmp_path, "own_blank")


def test_no_sound_or_no_label(tmp_path: Path) -> None:
    prepare_own(tmp_path, "own_silent", {"train": {"a": {"mood": "low"}}})
    prepare_own(tmp_path, "own_mute", {"train": {"a": {"sound": sound("a", 8_000)}}})
    with pytest.raises(SourceError, match=r"own_silent/1\.0\.0: needed is one audio feature with a rate, go"):
        rows_of(tmp_path, "own_silent")
    with pytest.raises(SourceError, match=r"own_mute/1\.0\.0: needed is one class label, got \[\]"):
        rows_of(tmp_path, "own_mute")


def test_damaged_files(tmp_path: Path) -> None:
    prepare_own(tmp_path, "own_torn", {"train": {str(n): own_example(n) for n in range(3)}}, stereo=True)
    rows = rows_of(tmp_path, "own_torn")
    (records,) = (tmp_path / "own_torn/1.0.0").glob("*.tfrecord-*")
    records.write_bytes(records.read_bytes()[:-5])
    damaged = r"own_torn/1\.0\.0: its files are damaged: .*truncated"
    with pytest.raises(SourceError, match=damaged):
        list(tfds_sounds(clips_of(rows)))
    with pytest.raises(SourceError, match=damaged):
        rows_of(tmp_path, "own_torn")
    (tmp_path / "own_torn/1.0.0/dataset_info.json").write_text("{")
    with pytest.raises(SourceError, match=r"own_torn/1\.0\.0: not a data set of TFDS: ParseError"):
        rows_of(tmp_path, "own_torn")


def test_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing) as caught:
        read_tfds(TfdsSource(builder="savee", version="1.0.0"), tmp_path, download=False)
    code = f'tfds.builder("savee:1.0.0", data_dir="{tmp_path}").download_and_prepare()'
    assert str(caught.value).startswith(
        f"TFDS has no savee:1.0.0 in {tmp_path}; to prepare it: {sys.executable} -c "
        f"'import tensorflow_datasets as tfds; {code}'; before that, by hand, with "
        f"{tmp_path}/downloads/manual as manual_dir: manual_dir should contain the file AudioData.zip. This"
    )
    with pytest.raises(SourceMissing, match=r"download_and_prepare\(\)'$"):
        rows_of(tmp_path, "crema_d")
    assert not list(tmp_path.iterdir())


def test_mp3_needs_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceMissing, match="; before that, install ffmpeg, by which TFDS reads mp3; before"):
        rows_of(tmp_path, "dementiabank")


@pytest.mark.slow
def test_the_command_that_is_given_prepares_the_data_set(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing) as caught:
        rows_of(tmp_path, "savee")
    (tmp_path / "downloads/manual").mkdir(parents=True)
    tfds_trees.make_savee(tmp_path / "downloads/manual")
    command = str(caught.value).partition("to prepare it: ")[2].partition("; before that")[0]
    subprocess.run(command, shell=True, check=True, capture_output=True, cwd=tmp_path)
    assert len(rows_of(tmp_path, "savee")) == 12


def test_download_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError("Temporary failure in name resolution")

    monkeypatch.setattr(requests.Session, "send", offline)
    source = TfdsSource(builder="crema_d")
    with pytest.raises(SourceMissing) as caught:
        read_tfds(source, tmp_path, download=True)
    assert str(caught.value).startswith(
        f"TFDS could not prepare crema_d in {tmp_path}: ConnectionError: Temporary failure in name "
        "resolution; to prepare it: "
    )
    assert prepared_folder(source, tmp_path) is None


def test_download_without_the_files_that_come_by_hand(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"could not prepare savee in .*: AssertionError: Manual directo"):
        read_tfds(TfdsSource(builder="savee"), tmp_path, download=True)


@pytest.mark.parametrize("download", [False, True])
def test_unknown_names(tmp_path: Path, download: bool) -> None:
    with pytest.raises(SourceError, match="TFDS has no builder 'crema_x'; accepted: those that tfds"):
        read_tfds(TfdsSource(builder="crema_x"), tmp_path, download)
    with pytest.raises(SourceError, match="TFDS has no data set 'groove'; accepted: groove/full-midionly, "):
        read_tfds(TfdsSource(builder="groove"), tmp_path, download)


def test_the_newest_version_or_the_one_asked_for(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0", "3.0.0.incompleteAB"):
        folder = tmp_path / "moods/plain" / version
        folder.mkdir(parents=True)
        if version != "2.0.0":
            (folder / "dataset_info.json").touch()
    source = TfdsSource(builder="moods/plain")
    assert prepared_folder(source, tmp_path) == tmp_path / "moods/plain/1.10.0"
    old, half = (source.model_copy(update={"version": version}) for version in ("1.9.0", "2.0.0"))
    assert prepared_folder(old, tmp_path) == tmp_path / "moods/plain/1.9.0"
    assert prepared_folder(half, tmp_path) is None
    assert prepared_folder(TfdsSource(builder="moods"), tmp_path) is None


def test_looking_does_not_load_tensorflow() -> None:
    code = (
        "import sys, components.noss_ingest.tfds; print([name for name in sys.modules if 'tensor' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
