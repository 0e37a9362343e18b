"""The notice beside a pushed model: what it was made from, and what is known of the licences."""

from __future__ import annotations

from schemas.reports import ModelDescription

NOT_STATED = "not stated; ask its publisher"


def write_notice(description: ModelDescription) -> str:
    """The text of ``NOTICE.txt``; a licence that was not stated is said to be missing."""
    licences = description.licences
    lines = [
        "This model was distilled by TinyTrill.",
        "",
        f"Teacher: {description.teacher}",
        f"  sha256 over its files: {description.teacher_digest}",
        f"  licence: {licences.teacher or NOT_STATED}",
        f"Sound: {'synthesised' if description.synthetic else 'recorded'}",
        "Licences of the sound it learnt from:",
        *(f"  {name}: {licence or NOT_STATED}" for name, licence in sorted(licences.corpus.items())),
        "Licences of the sound it was judged by:",
        *(f"  {name}: {licence or NOT_STATED}" for name, licence in sorted(licences.tasks.items())),
    ]
    return "\n".join(lines) + "\n"
