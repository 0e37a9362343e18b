"""VoxForge, language identification: unpacked submissions, ``<language>/…/<user>-<date>-<xxx>/{wav,etc}``.

A language's folder may hold the submissions themselves or the site's own path to them
(``de/Trunk/Audio/Main/16kHz_16bit/``); on the site English lies under ``SpeechCorpus`` and Russian under
``Russian``. As in TFDS, a speaker is what stands before the first ``-`` of a submission's name (so
``anonymous`` is one speaker), and submissions from 2020 on are left out. TFDS reads ``wav`` only; here the
few submissions in ``flac`` count too, because their speakers take part in TFDS' draw of the splits.
Sex and age are what ``etc/README`` states.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from components.noss_ingest.layouts._files import sex_of
from components.noss_ingest.rows import SourceMissing, TaskRow

LANGUAGES = {
    "de": ("de",),
    "en": ("en", "SpeechCorpus"),
    "es": ("es",),
    "fr": ("fr",),
    "it": ("it",),
    "ru": ("ru", "Russian"),
}
TOPS = (".", "downloads", "www.repository.voxforge1.org/downloads")
FIRST_DAY_LEFT_OUT = "20200101"
SOUND_FOLDERS = ("wav", "flac")

_DATE = re.compile(r"-(\d{8})(?:-|$)")
_README_LINE = re.compile(
    r"^[ \t]*(Gender|Age Range)[ \t]*:[ \t]*\[?([^\]\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_NOT_SAID = ("", "unknown", "please select")


def rows(folder: Path) -> list[TaskRow]:
    """All clips of the six languages; the label is the language, as in ``de``. The splits are drawn."""
    return [row for language in LANGUAGES for row in _clips(language, _home(folder, language), folder)]


def _home(folder: Path, language: str) -> Path:
    for top in TOPS:
        for name in LANGUAGES[language]:
            if (folder / top / name).is_dir():
                return folder / top / name
    raise SourceMissing(f"there is no folder {' or '.join(LANGUAGES[language])} in {folder}")


def _clips(language: str, home: Path, folder: Path) -> list[TaskRow]:
    found = []
    for submission, inner, _ in os.walk(home):
        inner.sort()
        sounds = [name for name in SOUND_FOLDERS if name in inner]
        if not sounds:
            continue
        inner.clear()
        name = os.path.basename(submission)
        date = _DATE.search(name)
        if date and date[1] >= FIRST_DAY_LEFT_OUT:
            continue
        said = _said(Path(submission, "etc", "README"))
        for kind in sounds:
            for clip in sorted(os.listdir(Path(submission, kind))):
                if clip.endswith(f".{kind}") and not clip.startswith("."):
                    path = f"{submission}/{kind}/{clip}"
                    found.append(
                        TaskRow(
                            file=os.path.relpath(path, folder),
                            path=os.path.normpath(path),
                            label=language,
                            place=submission,
                            speaker_id=name.split("-")[0],
                            sex=sex_of(said.get("gender", "")),
                            age=said.get("age range", ""),
                        )
                    )
    return found


def _said(readme: Path) -> dict[str, str]:
    """What a submission says of its speaker; the words are those of its language."""
    try:
        text = readme.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    values = {key.lower(): value.strip().lower() for key, value in _README_LINE.findall(text)}
    return {key: value for key, value in values.items() if value not in _NOT_SAID}
