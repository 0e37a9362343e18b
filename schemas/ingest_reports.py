"""What ingestion took, what it left out, and how much work it was."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.settings import Report, ReportFile


class QuarantinedClip(Report):
    """A clip that was left out, or taken with a note; one line of ``quarantine.jsonl`` or ``noted.jsonl``."""

    clip_id: str = Field(description="Clip id or, for a task, the manifest's file entry.")
    source: str = Field(description="File, or CSV and line, it would have come from.")
    reason: str = Field(description="One of the reasons, or notes, counted in the report.")
    detail: str = Field("", description="What the decoder or the check said.")


class SplitCounts(Report):
    """What became of the rows of one split."""

    rows: int = Field(description="Rows of the source that passed the label filter.")
    filtered: int = Field(0, description="Rows left out by the label filter.")
    clips: int = Field(description="Clips written.")
    hours: float = Field(description="Sound written, in hours.")
    quarantined: dict[str, int] = Field(default_factory=dict, description="Clips left out, by reason.")


class CorpusLayout(Report):
    """In which form the clips of a corpus lay, and what lay among them."""

    name: str = Field(description="Name of the layout.")
    form: str = Field(description="How its files are called.")
    chosen: Literal["detected", "configured"] = Field(description="Whether it was detected from a sample.")
    looked_at: int = Field(description="Names in the sample; shards, where clips are in shards.")
    fitting: int = Field(description="Of which follow the layout.")
    examples: list[str] = Field(description="Some of these.")
    containers: int = Field(0, description="Shards that hold the clips; 0 where each clip is a file.")
    entries: int = Field(0, description="Clips found, whether asked for or not.")
    files_hold: Literal["segments", "recordings"] = Field(
        "segments",
        description="What a clip held whose name says no start: its segment, or the whole recording.",
    )
    strays: dict[str, int] = Field(default_factory=dict, description="What is no such clip, by what it is.")
    stray_examples: dict[str, list[str]] = Field(default_factory=dict, description="Some of each.")


class IngestWork(Report):
    """How much work an ingestion was. Beam's counters are this execution's own, retries included."""

    clips: int = Field(description="Clips written or taken over from an earlier execution.")
    bad: int = Field(description="Clips left out when they were decoded.")
    resumed: int = Field(description="How many of both an earlier execution had done already.")
    audio_seconds: float = Field(description="Sound in the clips, in seconds.")
    seconds: float = Field(description="Wall time of decoding and writing, start of workers included.")
    clips_per_second: float = Field(description="Clips decoded by this execution in a second of it.")
    counters: dict[str, int] = Field(
        default_factory=dict, description="What Beam's workers counted, by name; times in milliseconds."
    )


class IngestReport(ReportFile):
    """What ingestion took and what it left out."""

    FILE: ClassVar[str] = "ingest_report.json"
    QUARANTINE: ClassVar[str] = "quarantine.jsonl"
    NOTED: ClassVar[str] = "noted.jsonl"

    source: str = Field(description="Where the sound came from.")
    synthetic: bool = Field(description="Whether the sound was synthesised.")
    splits: dict[str, SplitCounts] = Field(description="Counts by split (corpus) or task/split (NOSS).")
    noted: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="Clips written of which something is worth knowing, by split and by what; they are "
        "listed in noted.jsonl.",
    )
    licences: dict[str, str] = Field(default_factory=dict, description="Licence of each source, where known.")
    digest: str = Field(
        "", description="Of all records written and their splits, whatever their order and their shards."
    )
    layout: CorpusLayout | None = Field(None, description="Form of the corpus; None for tasks.")
    work: IngestWork | None = Field(None, description="How much work it was.")
