"""Tiny copies of the data sets that TFDS prepares, as its own builders want to find them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Pcm = np.ndarray[Any, np.dtype[np.int16]]


def sound(name: str, rate: int, seconds: float = 0.3) -> Pcm:
    """Noise that no other name has."""
    generator = np.random.default_rng(list(name.encode()))
    return generator.integers(-8_000, 8_000, round(rate * seconds)).astype(np.int16)


def sound_bytes(name: str, rate: int, extension: str = "WAV", seconds: float = 0.3) -> bytes:
    """The same as a file."""
    file = io.BytesIO()
    soundfile.write(file, sound(name, rate, seconds), rate, format=extension)
    return file.getvalue()


def make_home(home: Path) -> Path:
    """A folder for TFDS with all that its builders need of six data sets."""
    manual, downloads = home / "downloads/manual", home / "web"
    manual.mkdir(parents=True)
    downloads.mkdir()
    make_savee(manual)
    make_dementiabank(manual)
    make_voxforge(manual, downloads)
    make_voxceleb(manual, downloads)
    make_crema_d(downloads)
    make_speech_commands(downloads)
    return home


def make_savee(manual: Path) -> None:
    """AudioData.zip with four speakers and three emotions."""
    with zipfile.ZipFile(manual / "AudioData.zip", "w") as archive:
        for speaker in ("DC", "JE", "JK", "KL"):
            for clip in ("a01", "sa02", "su03"):
                name = f"AudioData/{speaker}/{clip}.wav"
                archive.writestr(name, sound_bytes(name, 44_100))


def make_dementiabank(manual: Path) -> None:
    """Two folders of MP3 files, two recordings of each of eleven people."""
    for number in range(11):
        group = "Dementia" if number % 2 else "Control"
        for visit in range(2):
            path = manual / f"dementia/English/Pitt/{group}/cookie/{number:03d}-{visit}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sound_bytes(path.name, 44_100, "MP3"))


def make_voxforge(manual: Path, downloads: Path) -> None:
    """Archives of eleven speakers and the list of them."""
    names = []
    for number in range(11):
        language = ("de", "ru")[number % 2]
        name = f"www.repository/{language}/Trunk/Audio/16kHz_16bit/anna{number}-2010-x.tgz"
        names.append(name)
        path = manual / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as archive:
            for clip in ("one", "two"):
                add(archive, f"anna{number}-2010-x/wav/{clip}.wav", sound_bytes(f"{name}{clip}", 16_000))
    (downloads / "voxforge_urls.txt").write_text("".join(f"{name}\n" for name in names))


def make_voxceleb(manual: Path, downloads: Path) -> None:
    """vox_dev_wav.zip of two speakers and the official list of splits."""
    lines = []
    with zipfile.ZipFile(manual / "vox_dev_wav.zip", "w") as archive:
        for speaker in ("id10001", "id10270"):
            for split in (1, 2, 3):
                name = f"{speaker}/video{split}/00001.wav"
                archive.writestr(f"wav/{name}", sound_bytes(name, 16_000))
                lines.append(f"{split} {name}\n")
    (downloads / "iden_split.txt").write_text("".join(lines))


def make_crema_d(downloads: Path) -> None:
    """The summary table and the files it names: eleven actors, two emotions."""
    lines = ['"","FileName"']
    for actor in range(1001, 1012):
        for emotion in ("HAP", "DIS"):
            name = f"{actor}_DFA_{emotion}_XX"
            (downloads / f"{name}.wav").write_bytes(sound_bytes(name, 16_000))
            lines.append(f'"{actor}","{name}"')
    (downloads / "summaryTable.csv").write_text("\n".join(lines) + "\n")
    (downloads / "crema_d.txt").write_text("")


def make_speech_commands(downloads: Path) -> None:
    """The archive with its lists and the archive of the test set."""
    lists = {"testing_list.txt": "yes/test.wav", "validation_list.txt": "yes/valid.wav\nbed/valid.wav"}
    with tarfile.open(downloads / "speech_commands_v0.02.tar.gz", "w:gz") as archive:
        for name, text in lists.items():
            add(archive, name, text.encode())
        for word in ("yes", "no", "bed"):
            for clip in ("train", "valid", "test"):
                add(archive, f"{word}/{clip}.wav", sound_bytes(f"{word}{clip}", 16_000))
        for noise in ("white_noise", "running_tap"):
            add(archive, f"_background_noise_/{noise}.wav", sound_bytes(noise, 16_000, seconds=2.2))
    with tarfile.open(downloads / "speech_commands_test_set_v0.02.tar.gz", "w:gz") as archive:
        for word in ("yes", "_silence_", "_unknown_"):
            add(archive, f"{word}/test.wav", sound_bytes(f"{word}test", 16_000))


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Adds a file to an archive."""
    member = tarfile.TarInfo(f"./{name}")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@contextmanager
def local_downloads(home: Path) -> Iterator[None]:
    """Lets TFDS find what it downloads in a home, and read MP3 without the ffmpeg program."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    segment = tfds.core.lazy_imports.pydub.AudioSegment
    from_file = segment.from_file

    def download(self: Any, urls: Any) -> Any:
        return tf.nest.map_structure(lambda url: home / "web" / url.rpartition("/")[2], urls)

    def from_file_or_mp3(file: Any, format: str) -> Any:
        if format != "mp3":
            return from_file(file, format)
        samples, rate = soundfile.read(file, dtype="int16")
        return segment(samples.tobytes(), frame_rate=rate, sample_width=2, channels=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds.download.DownloadManager, "download", download)
        patch.setattr(segment, "from_file", from_file_or_mp3)
        yield


def prepare_own(
    home: Path, name: str, splits: dict[str, dict[str, dict[str, Any]]], shards: int = 1, stereo: bool = False
) -> None:
    """Prepares a data set of examples by split and key, with those of a few features that they have."""
    import tensorflow_datasets as tfds

    known = {
        "sound": tfds.features.Audio(shape=(None, 2) if stereo else (None,), sample_rate=8_000),
        "mood": tfds.features.ClassLabel(names=["low", "high"]),
        "speaker": np.str_,
        "gender": tfds.features.ClassLabel(names=["female", "male"]),
        "age": np.int64,
    }
    (names,) = {tuple(example) for examples in splits.values() for example in examples.values()}

    with tfds.core.registered.skip_registration():

        class Own(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self) -> Any:
                return tfds.core.DatasetInfo(
                    builder=self,
                    features=tfds.features.FeaturesDict({name: known[name] for name in names}),
                    supervised_keys=("sound", "mood") if {"sound", "mood"} <= {*names} else None,
                )

            def _split_generators(self, dl_manager: Any) -> Any:
                return {split: iter(examples.items()) for split, examples in splits.items()}

            def _generate_examples(self) -> None:
                """The splits generate theirs themselves."""

    Own.name = name
    Own(data_dir=home).download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=shards, try_download_gcs=False)
    )
