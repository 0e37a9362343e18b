"""What the corpus is like that was taken in, as a record and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.audio_ingest import corpus_page
from components.common.audio.clip_statistics import DBFS, SECONDS, CorpusTally, Tally, hours
from schemas.corpus_statistics import (
    CorpusStatistics,
    Duplicates,
    LabelStatistics,
    SourceRate,
    SplitStatistics,
)
from schemas.ingest_reports import IngestReport, SplitCounts


def corpus_statistics(
    report: IngestReport, tally: CorpusTally, duplicates: Duplicates, names: Mapping[str, str]
) -> CorpusStatistics:
    """Puts together what was gathered.

    Args:
      report: What was taken and left out.
      tally: What the clips are like.
      duplicates: Which of them sound the same.
      names: Display names by mid.

    Raises:
      RuntimeError: If other clips were summed up than were written.
    """
    tallies = {split: tally.splits.get(split, Tally()) for split in report.splits}
    for split, count in report.splits.items():
        if tallies[split].clips != count.clips:
            raise RuntimeError(
                f"{split}: {count.clips} clips were written, the statistics are of {tallies[split].clips}"
            )
    return CorpusStatistics(
        source=report.source,
        synthetic=report.synthetic,
        licence=report.licences.get("corpus", ""),
        digest=report.digest,
        splits={
            split: _split(count, tallies[split], duplicates.clips.get(split, 0))
            for split, count in report.splits.items()
        },
        labels=_labels(tallies, names),
        duplicates=duplicates,
    )


def write_statistics(statistics: CorpusStatistics, folder: str | Path) -> None:
    """Writes ``corpus_statistics.json`` and ``corpus.html``."""
    statistics.save(folder)
    page = Path(folder) / CorpusStatistics.PAGE
    page.write_text(corpus_page.render(statistics), encoding="utf-8")


def _split(count: SplitCounts, tally: Tally, duplicates: int) -> SplitStatistics:
    return SplitStatistics(
        clips=count.clips,
        hours=count.hours,
        seconds=SECONDS.histogram(tally.seconds, "s"),
        rms=DBFS.histogram(tally.rms, "dBFS"),
        peak=DBFS.histogram(tally.peak, "dBFS"),
        clipped=tally.clipped,
        quiet=tally.quiet,
        source_rates=[
            SourceRate(hertz=rate, clips=clips) for rate, clips in sorted(tally.source_rates.items())
        ],
        duplicates=duplicates,
        left_out=count.quarantined,
    )


def _labels(tallies: Mapping[str, Tally], names: Mapping[str, str]) -> list[LabelStatistics]:
    mids = {mid for tally in tallies.values() for mid in tally.label_clips}
    labels = [
        LabelStatistics(
            mid=mid,
            name=names.get(mid, ""),
            clips={split: tally.label_clips[mid] for split, tally in tallies.items()},
            hours={split: hours(tally.label_samples[mid]) for split, tally in tallies.items()},
        )
        for mid in mids
    ]
    return sorted(labels, key=lambda label: (-label.total, label.mid))
