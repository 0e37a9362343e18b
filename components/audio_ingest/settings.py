"""Settings of AudioIngest."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.audio.settings import IntakeSettings
from schemas.settings import Settings

SPEECH = "/m/09x0r"


class SegmentFiles(Settings):
    """The segments CSV of each split."""

    train: str = Field("balanced_train_segments.csv", description="Segments of the train split.")
    eval: str = Field("eval_segments.csv", description="Segments of the eval split.")


class AudioIngestSettings(IntakeSettings):
    """Where an AudioSet-shaped corpus lies and what to take from it."""

    root: str = Field("", description="Folder of the corpus; empty if the corpus is synthesised.")
    segments: SegmentFiles = Field(
        default_factory=SegmentFiles, description="Segments CSVs, relative to the root."
    )
    audio: str = Field("audios", description="Folder of the clips, relative to the root.")
    ontology: str = Field(
        "ontology.json",
        description="AudioSet's ontology, relative to the root; where it is absent, labels have no children.",
    )
    labels: Literal["all"] | tuple[str, ...] = Field(
        (SPEECH,), min_length=1, description="Mids of the labels to take, or 'all'."
    )
    children: bool = Field(True, description="Whether the ontology's children of the labels count too.")
    limit: int = Field(
        0, ge=0, description="Rows to take of each split at most, chosen by a stable hash; 0: all."
    )
    licence: str = Field("", description="Licence of the sound, as reports should state it.")
