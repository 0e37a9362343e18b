"""The corpus' tables: read, and its labels counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from components.audio_ingest.labels import LabelFilter
from components.audio_ingest.row_labels import RowLabels
from components.audio_ingest.segment_rows import Segment
from components.audio_ingest.segments import read_segments
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from pipeline.configuration.config_file import ConfigError

# Of a longer table so many rows are read: ingestion, a run's first component, reads them all.
_ROWS = 100_000
_SHOWN = 5


@dataclass(frozen=True)
class Table:
    """The segments of a split.

    Attributes:
      split: train or eval.
      rows: Rows that were read.
      taken: Those whose labels are wanted, and that the limit leaves.
      seconds: Length of those together.
      whole: Whether all rows were read; of recordings, whether all were.
      measured: Recordings of a plain folder that were read to tell this; 0: rows are of tables.
    """

    split: str
    rows: int
    taken: int
    seconds: float
    whole: bool
    measured: int = 0

    def in_words(self) -> str:
        """The table in a line."""
        more, about = "", ""
        if not self.whole and self.measured:
            more = f" (from the lengths of {self.measured:,} recordings and the bytes of the others)"
            about = "about "
        elif not self.whole:
            more = f" (the first {self.rows:,} rows; the rest is read when the run begins)"
        return (
            f"corpus, {self.split}: {about}{self.taken:,} of {self.rows:,} segments are taken, "
            f"{self.seconds / 3600:.2f} h{more}"
        )


def read_tables(settings: AudioIngestSettings, key: str = "corpus") -> tuple[Table, ...]:
    """Reads the segments files.

    Args:
      settings: Of the corpus, its root absolute.
      key: Where they stand in the configuration, for messages.

    Raises:
      ConfigError: If a file is not a segments file, or no row has a wanted label.
    """
    sources = CorpusSources.of(settings, settings.root)
    row_labels = sources.row_labels()
    try:
        labels = sources.label_filter(settings, key)
        for file in sources.held_out:
            for _ in islice(read_segments(file, row_labels), _ROWS):
                pass
    except ValueError as error:
        raise ConfigError(f"{key}.segments.held_out: {error}") from error
    return tuple(
        _table(split, _rows(files, row_labels), files, labels, settings, key)
        for split, files in sources.segments.items()
    )


def _table(
    split: str,
    rows_of: Iterator[Segment],
    files: tuple[str, ...],
    labels: LabelFilter,
    settings: AudioIngestSettings,
    key: str,
) -> Table:
    rows, taken, seconds, frequent = 0, 0, 0.0, Counter[str]()
    try:
        for segment in islice(rows_of, _ROWS):
            rows += 1
            frequent.update(segment.labels)
            if labels.passes(segment.labels):
                taken += 1
                seconds += segment.duration_s
    except ValueError as error:
        raise ConfigError(f"{key}.segments.{split}: {error}") from error
    whole = rows < _ROWS
    if whole and not taken:
        common = ", ".join(label for label, _ in frequent.most_common(_SHOWN))
        raise ConfigError(
            f"{key}.labels: none of the {rows:,} rows of {', '.join(files)} has a wanted label; the most "
            f"frequent there are {common}"
        )
    limit = settings.limit or taken
    if taken > limit:
        seconds, taken = seconds * limit / taken, limit
    return Table(split, rows, taken, seconds, whole)


def _rows(files: tuple[str, ...], row_labels: RowLabels) -> Iterator[Segment]:
    for file in files:
        yield from read_segments(file, row_labels)
