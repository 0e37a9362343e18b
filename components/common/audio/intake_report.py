"""The report of an ingestion, its quarantine file, and when it is too bad to go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.audio.errors import Reason
from components.common.audio.resample import TARGET_RATE
from components.common.audio.settings import IntakeSettings
from schemas.ingest_reports import IngestReport, QuarantinedClip, SplitCounts

if TYPE_CHECKING:  # with it comes Beam, which the command line can do without
    from components.common.audio.shard_writer import ShardSummary

_EXAMPLES_IN_MESSAGE = 3


class IngestError(ValueError):
    """The sources cannot be taken in, or too little of them is usable."""


def merge_counts(
    rows: Mapping[str, int],
    filtered: Mapping[str, int],
    left_out: Mapping[str, Sequence[QuarantinedClip]],
    summaries: Sequence[ShardSummary],
) -> tuple[dict[str, SplitCounts], dict[str, list[QuarantinedClip]]]:
    """Adds up what became of the rows of each group.

    Args:
      rows: Rows that were to be taken in, by group.
      filtered: Rows that the label filter left out, by group.
      left_out: Clips that were left out before decoding, by group.
      summaries: What became of the others.

    Returns:
      The counts, and all clips that were left out, by group.
    """
    bad = {group: list(left_out.get(group, ())) for group in rows}
    clips: Counter[str] = Counter()
    samples: Counter[str] = Counter()
    for summary in summaries:
        clips.update(summary.clips)
        samples.update(summary.samples)
        for group, more in summary.quarantined.items():
            bad[group].extend(more)
    counts = {
        group: SplitCounts(
            rows=rows[group],
            filtered=filtered.get(group, 0),
            clips=clips[group],
            hours=samples[group] / TARGET_RATE / 3600,
            quarantined=_by_reason(bad[group]),
        )
        for group in rows
    }
    return counts, bad


def noted_clips(summaries: Sequence[ShardSummary]) -> dict[str, list[QuarantinedClip]]:
    """Clips that were taken with a note, by group."""
    found: dict[str, list[QuarantinedClip]] = {}
    for summary in summaries:
        for group, clips in summary.noted.items():
            found.setdefault(group, []).extend(clips)
    return found


def count_noted(summaries: Sequence[ShardSummary]) -> dict[str, dict[str, int]]:
    """How many clips were taken with which note, by group."""
    return {group: _by_reason(clips) for group, clips in sorted(noted_clips(summaries).items())}


def _by_reason(clips: Sequence[QuarantinedClip]) -> dict[str, int]:
    return dict(sorted(Counter(clip.reason for clip in clips).items()))


def check_counts(counts: Mapping[str, SplitCounts]) -> None:
    """Sees to it that each row was taken or left out under one reason.

    Raises:
      RuntimeError: If rows were lost, or counted twice.
    """
    for group, count in counts.items():
        left_out = sum(count.quarantined.values())
        if count.rows != count.clips + left_out:
            raise RuntimeError(
                f"{group}: {count.rows} clips were requested, but {count.clips} were taken and {left_out} "
                f"left out ({count.quarantined}): some were lost, or counted twice"
            )


def save_report(
    folder: str,
    report: IngestReport,
    bad: Mapping[str, Sequence[QuarantinedClip]],
    summaries: Sequence[ShardSummary] = (),
) -> None:
    """Writes the report, the quarantine file, and the list of clips that were taken with a note."""
    report.save(folder)
    noted = noted_clips(summaries)
    for name, listed in ((IngestReport.QUARANTINE, bad), (IngestReport.NOTED, noted)):
        if listed is noted and not noted:
            continue
        with (Path(folder) / name).open("w", encoding="utf-8") as file:
            for clips in listed.values():
                file.writelines(clip.model_dump_json() + "\n" for clip in clips)


def refusal(
    counts: Mapping[str, SplitCounts],
    bad: Mapping[str, Sequence[QuarantinedClip]],
    settings: IntakeSettings,
) -> str | None:
    """Why the run must not go on with what is left, or None if it may.

    It may not if a group has no clip left, too many rows without a file, or too many bad clips among
    those that have one. Clips that are held out are not bad.
    """
    for group, count in counts.items():
        missing = count.quarantined.get(Reason.MISSING, 0)
        held_out = count.quarantined.get(Reason.HELD_OUT, 0)
        unusable = sum(count.quarantined.values()) - missing - held_out
        found = count.rows - missing - held_out
        if not count.clips:
            problem = "nothing remains"
        elif missing > settings.max_missing_share * count.rows:
            problem = (
                f"{missing} of {count.rows} rows have no file ({missing / count.rows:.1%}), "
                f"max_missing_share allows {settings.max_missing_share:.1%}"
            )
        elif unusable > settings.max_bad_share * found:
            problem = (
                f"{unusable} of {found} clips are bad ({unusable / found:.1%}), "
                f"max_bad_share allows {settings.max_bad_share:.1%}"
            )
        else:
            continue
        return f"{group}: {problem}; {_summary(count, bad.get(group, ()))}"
    return None


def _summary(count: SplitCounts, bad: Sequence[QuarantinedClip]) -> str:
    reasons = ", ".join(f"{reason} {number}" for reason, number in count.quarantined.items())
    worst = sorted(bad, key=lambda clip: clip.reason == Reason.MISSING)[:_EXAMPLES_IN_MESSAGE]
    examples = "; ".join(f"{clip.clip_id} ({clip.source}): {clip.reason}, {clip.detail}" for clip in worst)
    return f"{count.rows} rows, {count.filtered} filtered out, left out: {reasons or 'none'}" + (
        f"; for example {examples}" if examples else ""
    )
