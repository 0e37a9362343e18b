"""Settings of AudioIngest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.common.audio.settings import IntakeSettings
from schemas.settings import Settings

SPEECH = "/m/09x0r"

LayoutName = Literal[
    "auto", "panns", "plain", "start", "start_end", "start_end_ms", "tar", "webdataset", "parquet"
]
Files = str | Annotated[tuple[str, ...], Field(min_length=1)]


class SegmentFiles(Settings):
    """The segments files of each split: CSVs, or TSVs of the strong set."""

    train: Files = Field(
        "balanced_train_segments.csv", description="Segments of the train split: a file or several."
    )
    eval: Files = Field("eval_segments.csv", description="Segments of the eval split: a file or several.")
    held_out: tuple[str, ...] = Field(
        (),
        description="Further segments files whose videos never enter the train split, as those of the eval "
        "split never do.",
    )

    def by_split(self) -> dict[str, tuple[str, ...]]:
        """The files of each split."""
        splits = {"train": self.train, "eval": self.eval}
        return {split: (files,) if isinstance(files, str) else files for split, files in splits.items()}


class AudioIngestSettings(IntakeSettings):
    """Where an AudioSet-shaped corpus lies and what to take from it."""

    root: str = Field(
        "", description="Folder of the corpus, as path or URL (gs://, s3://); empty if it is synthesised."
    )
    segments: SegmentFiles = Field(
        default_factory=SegmentFiles, description="Segments files, relative to the root."
    )
    audio: str = Field("audios", description="Folder of the clips or of their shards, relative to the root.")
    layout: LayoutName = Field(
        "auto", description="How clips lie in that folder; 'auto': it is detected from a sample, and said."
    )
    files_hold: Literal["detect", "segments", "recordings"] = Field(
        "detect",
        description="What a file holds whose name says no start: its row's segment alone, or the whole "
        "recording, of which the segment is cut out; 'detect': it is detected from the lengths of a "
        "sample, and "
        "said.",
    )
    ontology: str = Field(
        "ontology.json",
        description="AudioSet's ontology, relative to the root; where it is absent, labels have no children.",
    )
    strong_labels: str = Field(
        "mid_to_display_name.tsv",
        description="The strong set's list of labels, relative to the root; may be absent.",
    )
    labels: Literal["all"] | tuple[str, ...] = Field(
        (SPEECH,), min_length=1, description="Labels to take, as mids or display names, or 'all'."
    )
    exclude_labels: tuple[str, ...] = Field(
        (),
        description="Labels, with their children, whose clips are left out even if they have a wanted one.",
    )
    children: bool = Field(True, description="Whether the ontology's children of the labels count too.")
    limit: int = Field(
        0, ge=0, description="Rows to take of each split at most, chosen by a stable hash; 0: all."
    )
    licence: str = Field("", description="Licence of the sound, as reports should state it.")
