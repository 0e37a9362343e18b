"""Who speaks in the files of published data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.audio_ingest.recordings.trees import speakers_of, tree_of


@pytest.mark.parametrize(
    ("path", "speaker", "tree"),
    [
        ("LibriSpeech/dev-clean/84/121123/84-121123-0000.flac", "84", "LibriSpeech"),
        ("84/121123/84-121123-0000.flac", "84", "LibriSpeech"),
        ("LibriTTS/dev-clean/84/121123/84_121123_000007_000001.wav", "84", "LibriSpeech"),
        ("84/121123/85-121123-0000.flac", "", ""),
        ("dev/wav/id10270/5r0dWxy17C8/00001.wav", "id10270", "VoxCeleb"),
        ("id10270/5r0dWxy17C8/00001.m4a", "id10270", "VoxCeleb"),
        ("music/2021/01.wav", "", ""),
    ],
)
def test_names_tell_the_speaker(tmp_path: Path, path: str, speaker: str, tree: str) -> None:
    assert speakers_of(str(tmp_path), "auto")(path) == speaker
    assert tree_of([path]) == tree
    assert tree_of([path, "other.wav"]) == ""


def test_the_tables_of_common_voice_tell_the_speaker(tmp_path: Path) -> None:
    folder = tmp_path / "cv/de"
    folder.mkdir(parents=True)
    header = "client_id\tpath\tsentence\n"
    (folder / "validated.tsv").write_text(f'{header}ab12\tcommon_voice_de_1.mp3\tEin "Satz\n')
    (folder / "other.tsv").write_text(f"{header}cd34\tcommon_voice_de_2.mp3\tZwei\n")
    (folder / "reported.tsv").write_text("sentence\treason\nx\ty\n")
    (folder / "bad.tsv").write_bytes(b"\xff\xfe\n")
    speaker = speakers_of(str(tmp_path), "auto")
    assert speaker("cv/de/clips/common_voice_de_1.mp3") == "ab12"
    assert speaker("cv/de/clips/common_voice_de_2.mp3") == "cd34"
    assert speaker("cv/de/clips/common_voice_de_3.mp3") == ""
    assert speaker("cv/fr/clips/common_voice_de_1.mp3") == ""
    assert (
        tree_of(["cv/de/clips/common_voice_de_1.mp3", "cv/fr/clips/common_voice_fr_9.mp3"]) == "Common Voice"
    )


def test_a_depth_names_the_folder_of_a_speaker() -> None:
    speaker = speakers_of("", 2)
    assert speaker("a/anna/1/2.wav") == "anna"
    assert speaker("a/2.wav") == ""
