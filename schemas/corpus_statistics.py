"""What a corpus is like that was taken in: the figures behind its page."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.settings import Report, ReportFile

QUIET_DBFS = -60.0


class Histogram(Report):
    """Clips by a value; of each bin the upper edge belongs to it."""

    unit: str = Field(description="Of the value.")
    edges: list[float] = Field(description="Edges of the bins, one more than there are bins.")
    below: int = Field(description="Clips at the first edge or below it.")
    counts: list[int] = Field(description="Clips in each bin.")
    above: int = Field(description="Clips above the last edge.")


class SourceRate(Report):
    """Clips whose files have one sample rate."""

    hertz: int = Field(description="Sample rate of the files, before resampling.")
    clips: int = Field(description="Clips.")


class SplitStatistics(Report):
    """What the clips of one split are like."""

    clips: int = Field(description="Clips written: n of all other figures.")
    hours: float = Field(description="Their sound, in hours.")
    seconds: Histogram = Field(description="Lengths of clips.")
    rms: Histogram = Field(description="RMS levels; a sine at full scale has -3 dBFS.")
    peak: Histogram = Field(description="Peak levels: of the greatest sample, whatever its sign.")
    clipped: int = Field(description="Clips with a sample at full scale.")
    quiet: int = Field(description="Clips with an RMS level below quiet_dbfs.")
    source_rates: list[SourceRate] = Field(description="Clips by sample rate of their files, lowest first.")
    duplicates: int = Field(
        description="Clips with the very samples of an earlier clip of this or of an earlier split."
    )
    left_out: dict[str, int] = Field(description="Clips left out, by reason; they are in no other figure.")


class LabelStatistics(Report):
    """How often a label stands at a clip; a clip counts under each of its labels."""

    mid: str = Field(description="The label.")
    name: str = Field("", description="Its display name; empty where the corpus does not tell it.")
    clips: dict[str, int] = Field(description="Clips by split.")
    hours: dict[str, float] = Field(description="Hours of them by split.")

    @property
    def total(self) -> int:
        """Clips of all splits."""
        return sum(self.clips.values())


class NamedClip(Report):
    """A clip of a split."""

    split: str = Field(description="Its split.")
    clip_id: str = Field(description="Its id in the records.")


class SameSound(Report):
    """Clips with the very same samples."""

    clips: int = Field(description="How many.")
    examples: list[NamedClip] = Field(description="The first of them.")


class Duplicates(Report):
    """Clips that sound the same, by a hash of their decoded samples."""

    groups: int = Field(description="Sounds that several clips have.")
    clips: dict[str, int] = Field(description="Clips with the sound of an earlier clip, by split.")
    groups_across_splits: int = Field(description="Sounds that clips of more than one split have.")
    largest: list[SameSound] = Field(description="The largest groups.")


class CorpusStatistics(ReportFile):
    """What a corpus is like."""

    FILE: ClassVar[str] = "corpus_statistics.json"
    PAGE: ClassVar[str] = "corpus.html"

    source: str = Field(description="Where the sound came from.")
    synthetic: bool = Field(description="Whether the sound was synthesised.")
    licence: str = Field("", description="Licence of the sound, where it is known.")
    digest: str = Field(description="Of all records written, as in the ingestion's report.")
    quiet_dbfs: float = Field(QUIET_DBFS, description="Clips with a lower RMS level count as quiet, in dBFS.")
    splits: dict[str, SplitStatistics] = Field(description="What the clips are like, by split.")
    labels: list[LabelStatistics] = Field(description="All labels, the most frequent one first.")
    duplicates: Duplicates = Field(description="Clips that sound the same.")
