"""The notice beside a pushed model: what it was made from, and what is known of the licences."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.plain_text import plain
from schemas.push_reports import ModelDescription
from schemas.secrets import without_folders

NOT_STATED = "not stated; ask its publisher before you distribute the model"


def write_notice(description: ModelDescription) -> str:
    """The text of ``NOTICE.txt``; a licence that was not stated is said to be missing."""
    licences = description.licences
    judges = {task.task: licences.tasks.get(task.task, "") for task in description.quality.tasks}
    lines = [
        f"{_line(description.point_id)} was distilled by TinyTrill.",
        f"sha256 of model.tflite: {description.sha256}",
        "",
        f"Teacher, whose outputs it was trained to give: {_line(description.teacher)}",
        f"  sha256 over its files: {_line(description.teacher_digest)}",
        f"  licence: {_line(licences.teacher) or NOT_STATED}",
        "",
        "Sound it learnt from:",
        *_entries(licences.corpus),
        "",
        "Sound that judged it, of which nothing is in the weights:",
        *_entries(judges),
        "",
        "This notice grants no rights. The terms above may bind who uses or distributes the model.",
    ]
    return "\n".join(lines) + "\n"


def _entries(licences: Mapping[str, str]) -> list[str]:
    found = [f"  {_line(name)}: {_line(licence) or NOT_STATED}" for name, licence in sorted(licences.items())]
    return found or [f"  {NOT_STATED}"]


def _line(words: str) -> str:
    """Words on one line, so that who wrote them cannot add entries, and without folders of this machine."""
    return plain(without_folders(" ".join(words.split())))
