"""Speech Commands v0.02, twelve classes: ``speech_commands_v0.02`` and ``speech_commands_test_set_v0.02``.

As in TFDS: ten words, ``_unknown_`` (all other words) and ``_silence_`` (the files of
``_background_noise_``, cut to 1 s every 0.5 s). Validation is ``validation_list.txt`` and
``running_tap.wav``; test is the separate test set, training what neither list names. Without the test set,
test is ``testing_list.txt``, which has no ``_silence_`` and all unknown words. A speaker is the hash before
``_nohash_``.

Source: Warden, Speech Commands, arXiv 1804.03209.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import soundfile

from components.noss_ingest.layouts._files import folders_in, lines_of, names_in, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

WORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
SILENCE = "_silence_"
UNKNOWN = "_unknown_"
NOISE = "_background_noise_"
NOISE_OF_VALIDATION = "running_tap.wav"
MAIN = "speech_commands_v0.02"
TEST = "speech_commands_test_set_v0.02"
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}

_CLIP = re.compile(r"[a-z]+/[^/\s]+\.wav")
_SPEAKER = re.compile(r"(?:^|_)([0-9a-f]+)_nohash_")


def rows(folder: Path) -> list[TaskRow]:
    """All clips of the three splits."""
    main = unpacked(folder, LISTS["validation"], MAIN)
    test = next((place for place in (folder / TEST, main.parent / TEST) if place.is_dir()), None)
    listed = {clip: split for split, name in LISTS.items() for clip in _listed(main / name)}
    words = [word for word in folders_in(main) if word not in (NOISE, TEST)]
    there = {f"{word}/{name}" for word in words for name in names_in(main / word, ".wav")}
    found = [_row(MAIN, main, clip, listed.get(clip, "train")) for clip in sorted(there | listed.keys())]
    found += _noise(main)
    if test is None:
        return found
    tested = [f"{word}/{name}" for word in folders_in(test) for name in names_in(test / word, ".wav")]
    return [row for row in found if row.split != "test"] + [_row(TEST, test, clip, "test") for clip in tested]


def _listed(path: Path) -> Iterator[str]:
    for place, line in lines_of(path):
        if not _CLIP.fullmatch(line):
            raise SourceError(f"{place}: {line!r}; accepted: a file as in 'yes/0132a06d_nohash_1.wav'")
        yield line


def _row(top: str, folder: Path, clip: str, split: str) -> TaskRow:
    word, name = clip.split("/")
    speaker = _SPEAKER.search(name)
    return TaskRow(
        file=f"{top}/{clip}",
        path=f"{folder}/{clip}",
        label=word if word in (*WORDS, SILENCE) else UNKNOWN,
        place=f"{folder}/{word}",
        speaker_id=speaker[1] if speaker else "",
        split=split,
    )


def _noise(main: Path) -> list[TaskRow]:
    """Seconds of background noise, half overlapping; an end shorter than a second is left out."""
    found = []
    for name in names_in(main / NOISE, ".wav"):
        path = f"{main}/{NOISE}/{name}"
        try:
            header = soundfile.info(path)
        except soundfile.LibsndfileError as error:
            raise SourceError(f"{path}: not a sound file: {error}") from error
        rate = header.samplerate
        for start in range(0, header.frames - rate, rate // 2):
            found.append(
                TaskRow(
                    file=f"{MAIN}/{NOISE}/{name}_{start}",
                    path=path,
                    label=SILENCE,
                    place=path,
                    split="validation" if name == NOISE_OF_VALIDATION else "train",
                    start_s=start / rate,
                    seconds=1.0,
                )
            )
    return found
