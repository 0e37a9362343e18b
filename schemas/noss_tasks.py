"""NOSS tasks as records: what is asked, of which sound, split how, measured by what.

A record is a YAML file. Those that come with the project lie in ``schemas/noss``; a user's own lies as
``task.yaml`` beside the ``manifest.csv`` of its sound. Measured results carry a record's version and
digest, so that figures of different tasks are never compared by their name.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from schemas.bounded import bounded
from schemas.settings import Settings
from schemas.strict_yaml import YamlError, read_yaml

CATALOGUE = Path(__file__).parent / "noss"
RECORD_FILE = "task.yaml"
MANIFEST_FILE = "manifest.csv"

Metric = Literal["accuracy", "balanced_accuracy", "macro_f1", "auc", "equal_error_rate"]
METRICS: tuple[Metric, ...] = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "equal_error_rate")
SMALLER_IS_BETTER: frozenset[Metric] = frozenset({"equal_error_rate"})

SpeakerDisjoint = bool | Literal["auto"]


class TaskRecordError(ValueError):
    """A task record that cannot be read; the message names the file and what is accepted."""


class SplitRule(Settings):
    """How clips become train, validation and test."""

    rule: Literal["published", "speakers", "clips", "folds"] = Field(
        "published",
        description="published: as the source says; speakers, clips: drawn, all clips of a speaker (each "
        "clip) together; folds: the source's folds in turn, the test fold of one is the next's validation.",
    )
    shares: tuple[float, float, float] = Field(
        (0.7, 0.1, 0.2), description="Of train, validation and test, where they are drawn."
    )
    seed: int = Field(0, ge=0, description="Of the draw.")

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Self:
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(f"shares must be above 0 and add up to 1, got {list(self.shares)}")
        return self


class LayoutSource(Settings):
    """The data set's files as its publisher packs them."""

    kind: Literal["layout"] = Field("layout", description="The published folder layout.")
    layout: str = Field(min_length=1, description="Which parser reads it.")
    folder: str = Field(min_length=1, description="Its folder, relative to the tasks' root.")


class TfdsSource(Settings):
    """A data set that TensorFlow Datasets has prepared."""

    kind: Literal["tfds"] = Field("tfds", description="TensorFlow Datasets.")
    builder: str = Field(min_length=1, description="Name of the builder, as in 'crema_d' or 'a/config'.")
    version: str = Field("", description="Version of the builder; empty: the newest.")


class ManifestSource(Settings):
    """A CSV that lists clips."""

    kind: Literal["manifest"] = Field("manifest", description="A manifest CSV.")
    file: str = Field(min_length=1, description="The CSV, relative to the tasks' root.")


TaskSourceSpec = Annotated[LayoutSource | TfdsSource | ManifestSource, Field(discriminator="kind")]


class Obtain(Settings):
    """How to come by the sound."""

    command: str = Field("", description="Command that fetches it; empty: there is none.")
    page: str = Field("", description="Page to get it from or to register at.")
    note: str = Field("", description="What else there is to know.")


class PublishedFigure(Settings):
    """What a publication reports for a model on this task."""

    model: str = Field(min_length=1, description="Model as the publication calls it.")
    value: float = Field(ge=0, le=1, description="As a share of 1.")
    metric: Metric = Field("accuracy", description="Metric of the publication.")
    source: str = Field(min_length=1, description="Publication and place in it.")
    note: str = Field("", description="What differs from this task; empty: nothing known.")


class TaskRecord(Settings):
    """One task of the benchmark."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Name of the task in records and reports."
    )
    version: int = Field(1, ge=1, description="Rises when the task's figures stop being comparable.")
    title: str = Field("", description="What is asked, in a line.")
    labels: tuple[str, ...] = Field((), description="All classes; empty: those that are found.")
    metric: Metric = Field("accuracy", description="The metric that counts.")
    positive_label: str = Field(
        "", description="Class whose detection auc and equal_error_rate measure; needs two labels."
    )
    split: SplitRule = Field(default_factory=SplitRule, description="How the splits are made.")
    speaker: Literal["known", "label", "unknown"] = Field(
        "unknown", description="Whether the source knows speakers; label: the speaker is what is asked."
    )
    speaker_disjoint: SpeakerDisjoint = Field(
        False,
        description="Whether a speaker may be in one split only; 'auto': if fewer than half of them are in "
        "several.",
    )
    duplicates: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="What happens to the same sound in two splits; leave_out: the evaluator leaves it out of "
        "train and validation. For data sets whose splits are published as they are.",
    )
    sources: tuple[TaskSourceSpec, ...] = Field(
        min_length=1, description="Where the sound may lie; the first that is there is taken."
    )
    licence: str = Field("", description="Licence of the sound, as reports should state it.")
    citation: str = Field("", description="What to cite.")
    obtain: Obtain = Field(default_factory=Obtain, description="Where the sound is to be had.")
    published: tuple[PublishedFigure, ...] = Field((), description="Figures of publications.")
    synthetic: bool = Field(False, description="Whether its sound is synthesised.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.labels)) != len(self.labels) or len(self.labels) == 1:
            raise ValueError(f"labels must be two or more, each once, got {list(self.labels)}")
        if self.positive_label and self.positive_label not in self.labels:
            raise ValueError(f"positive_label {self.positive_label!r} is not one of {list(self.labels)}")
        if self.metric == "equal_error_rate" and (len(self.labels) != 2 or not self.positive_label):
            raise ValueError("metric equal_error_rate needs two labels and positive_label, one of them")
        if self.split.rule == "speakers" and self.speaker != "known":
            raise ValueError(f"split rule 'speakers' needs speaker 'known', got {self.speaker!r}")
        return self

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over what decides the figures: not over texts, places and publications."""
        decides = {"name", "version", "labels", "metric", "positive_label", "split", "speaker"}
        content = self.model_dump(mode="json", include=decides | {"speaker_disjoint", "duplicates"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def read_record(path: str | Path, **unless_given: Any) -> TaskRecord:
    """Reads a task record from YAML.

    Args:
      path: The file.
      **unless_given: Keys that the file may leave out, and what they are then.

    Raises:
      TaskRecordError: With the file, the key and what is accepted.
    """
    path = Path(path)
    try:
        content = read_yaml(path)
    except YamlError as error:
        raise TaskRecordError(str(error)) from error
    if not isinstance(content, dict):
        raise TaskRecordError(f"{path}: holds {bounded(content)}; accepted: a mapping of a task's keys")
    try:
        return TaskRecord.model_validate({**unless_given, **content})
    except ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())
        raise TaskRecordError(f"{path}: {faults}") from error


def _describe(fault: Any) -> str:
    place = ".".join(map(str, fault["loc"])) or "the record"
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        return f"{place}: unknown key; accepted: {', '.join(TaskRecord.model_fields)}"
    if isinstance(fault["input"], dict | Settings):
        return f"{place}: {fault['msg']}"
    return f"{place}: {bounded(fault['input'])} is refused: {fault['msg']}"


@cache
def catalogue() -> dict[str, TaskRecord]:
    """The records that come with the project, by name, in the order of their names."""
    records = [read_record(path) for path in sorted(CATALOGUE.glob("*.yaml"))]
    return {record.name: record for record in sorted(records, key=lambda record: record.name)}
