"""The notice beside a pushed model: what it was made from, and what is known of the licences."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.reports import DistillationSetInfo, IngestReport


def write_notice(windows: DistillationSetInfo, sources: Sequence[IngestReport]) -> str:
    """The text of ``NOTICE.txt``; an unknown licence is said to be unknown."""
    lines = [
        "This model was distilled by TinyTrill.",
        "",
        f"Teacher: {windows.teacher}",
        f"  sha256 over its files: {windows.teacher_digest}",
        "  licence: not recorded; ask its publisher",
        f"Sound: {'synthesised' if windows.synthetic else 'recorded'}",
    ]
    known = {name: licence for source in sources for name, licence in source.licences.items()}
    if known:
        lines += ["Licences of the sound it learnt from or was judged by:"]
        lines += [f"  {name}: {licence or 'not recorded'}" for name, licence in sorted(known.items())]
    else:
        lines += ["Licences of the sound it learnt from or was judged by: not recorded"]
    return "\n".join(lines) + "\n"
