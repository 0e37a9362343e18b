"""Settings of AudioIngest."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.common.audio.settings import IntakeSettings
from schemas.settings import Settings

SPEECH = "/m/09x0r"

LayoutName = Literal[
    "auto", "panns", "plain", "start", "start_end", "start_end_ms", "tar", "webdataset", "parquet", "folder"
]
FOLDER, AUDIO = "folder", "audios"
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


class RecordingSettings(Settings):
    """How the recordings of a plain folder are cut into segments and split (``layout: folder``)."""

    segment_seconds: float = Field(10.0, ge=0.5, le=60, description="Length of a segment, in seconds.")
    min_rest_seconds: float = Field(
        1.0,
        ge=0.1,
        description="What is left at the end of a recording is a segment too unless it is shorter than this, "
        "in seconds; a recording that is shorter as a whole is one segment.",
    )
    most_segments: int = Field(
        0, ge=0, description="Segments to take of each recording at most, spread evenly over it; 0: all."
    )
    prefer: Literal["none", "loud", "speech"] = Field(
        "none",
        description="Which segments of a recording are taken where it has more than most_segments: those of "
        "the highest RMS level, or those whose sound swells and fades as speech does, about four times a "
        "second.",
    )
    eval_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of the speakers or files that go to the eval split, chosen by a hash of their "
        "names, so that further files move none; manifest.csv may name the splits instead.",
    )
    speakers: Literal["auto", "none"] | Annotated[int, Field(ge=1, le=20)] = Field(
        "auto",
        description="What keeps files in one split: 'auto', their speaker where the tree is known to name "
        "speakers (LibriSpeech, VoxCeleb, Common Voice); a number, the folder at that depth (1: the folders "
        "directly in the corpus); 'none', nothing.",
    )

    @model_validator(mode="after")
    def _prefers_among_some(self) -> Self:
        if self.prefer != "none" and not self.most_segments:
            raise ValueError(
                f"prefer is {self.prefer!r} and most_segments is 0, so all segments are taken; accepted: "
                "most_segments of 1 or more, or prefer: none"
            )
        return self


class AudioIngestSettings(IntakeSettings):
    """Where a corpus lies, in AudioSet's form or as a plain folder, and what to take from it."""

    root: str = Field(
        "", description="Folder of the corpus, as path or URL (gs://, s3://); empty if it is synthesised."
    )
    segments: SegmentFiles = Field(
        default_factory=SegmentFiles, description="Segments files, relative to the root."
    )
    audio: str = Field(
        AUDIO,
        description="Folder of the clips or of their shards, relative to the root; with layout 'folder' the "
        "root itself, unless another folder is named here.",
    )
    layout: LayoutName = Field(
        "auto",
        description="How clips lie in that folder; 'auto': it is detected from a sample, and said; 'folder': "
        "any tree of sound files without tables, cut and split as `recordings` says.",
    )
    recordings: RecordingSettings = Field(
        default_factory=RecordingSettings,
        description="How the recordings of layout 'folder' are cut into segments and split.",
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
        (SPEECH,),
        min_length=1,
        description="Labels to take, as mids or display names, or 'all'. With layout 'folder' they are those "
        "of manifest.csv, and the default takes all.",
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
