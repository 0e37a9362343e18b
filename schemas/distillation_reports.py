"""What the embedder wrote for the students to learn from."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.settings import ReportFile


class DistillationSetInfo(ReportFile):
    """What a distillation set holds; the targets' statistics travel with it."""

    FILE: ClassVar[str] = "distillation_set.json"
    LEFT_OUT: ClassVar[str] = "left_out.jsonl"

    teacher: str = Field(description="The teacher in words.")
    teacher_digest: str = Field(description="sha256 over the teacher's files.")
    teacher_licence: str = Field("", description="Of the teacher's weights, as its settings state it.")
    window_samples: int = Field(description="Samples of a window.")
    hop_samples: int = Field(description="Samples between windows of a clip.")
    target_dim: int = Field(description="Dimensions of a target.")
    target_blocks: list[int] = Field(description="Dimensions each teacher contributes, in order.")
    target_mean: list[float] = Field(description="Mean of each dimension over the train split.")
    target_std: list[float] = Field(description="Standard deviation of each dimension, never 0.")
    windows: dict[str, int] = Field(description="Windows by split.")
    augmented: dict[str, int] = Field(description="Of these, windows made by augmentation.")
    silent_windows: dict[str, int] = Field(
        default_factory=dict, description="Windows left out because nothing sounds in them, by split."
    )
    clips: dict[str, int] = Field(default_factory=dict, description="Clips with a window, by split.")
    left_out: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="Clips left out, by split and reason: silent; noss_exact: the same samples as a clip of "
        "a task's test split; noss_near: sounds like one. The last two are listed in left_out.jsonl.",
    )
    storage: Literal["pcm16", "flac"] = Field("pcm16", description="How the windows are stored.")
    synthetic: bool = Field(description="Whether the sound was synthesised.")
    digest: str = Field(
        "",
        description="Of all windows with their targets, whatever their order. Shards show where they change "
        "a window: mixing takes the other sound from the same shard, and a teacher may answer a batch of "
        "another size with other last bits.",
    )
    seconds: float = Field(description="Wall time of the embedding.")
