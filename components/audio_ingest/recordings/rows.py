"""Rows and index of a plain folder, in the form that tables and layouts of AudioSet give theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from components.audio_ingest.clip_index import ClipIndex, EntryColumns, finished_index
from components.audio_ingest.layouts.base import UNKNOWN_START, Entry
from components.audio_ingest.plan import SplitPlan, plan_rows
from components.audio_ingest.recordings.listing import Recordings
from components.audio_ingest.recordings.manifest import SPLITS
from components.audio_ingest.recordings.survey import Survey, cut, faults
from components.audio_ingest.recordings.surveys import survey_all
from components.audio_ingest.segment_columns import AskedRows, SegmentColumns, limited
from components.audio_ingest.segment_rows import Segment
from components.audio_ingest.settings import AudioIngestSettings


def index_recordings(recordings: Recordings) -> ClipIndex:
    """Where the recordings lie."""
    columns = EntryColumns()
    folders: dict[str, int] = {}
    for one in recordings.taken:
        if one.file is not None:
            entry = Entry(one.id, UNKNOWN_START, one.file.name, size=max(one.file.size, 0))
            columns.add(folders.setdefault(one.file.folder, len(folders)), entry, one.file.modified)
    return finished_index(columns.table(), folders, (), recordings.strays)


def plan_recordings(
    recordings: Recordings,
    settings: AudioIngestSettings,
    index: ClipIndex,
    lists: Path,
    make_pipeline: Callable[[], beam.Pipeline],
) -> dict[str, SplitPlan]:
    """Measures and cuts the recordings, and finds the sound of each segment.

    Args:
      recordings: Of the folder.
      settings: How they are cut.
      index: Where they lie.
      lists: Folder in which what is measured is kept.
      make_pipeline: Makes the Beam pipeline that measures.
    """
    here = [one for one in recordings.taken if one.file is not None]
    files = [one.file for one in here if one.file is not None]
    found = survey_all(files, settings.recordings, settings.decode_timeout_seconds, lists, make_pipeline)
    surveys = {one.name: survey for one, survey in zip(here, found, strict=True)}
    for fault in faults(surveys):
        recordings.strays.add("recording that ends in damage", fault)
    rows = {split: _rows(recordings, split, surveys, settings) for split in SPLITS}
    return plan_rows(rows, pa.array([], pa.string()), index, recordings.folder, recordings=True)


def _rows(
    recordings: Recordings, split: str, surveys: dict[str, Survey], settings: AudioIngestSettings
) -> AskedRows:
    columns = SegmentColumns([recordings.source])
    for one in recordings.of(split):
        source = f"{recordings.source}:{one.line}"
        for start, end in cut(surveys.get(one.name, Survey()), settings.recordings):
            columns.add(0, Segment(one.id, start, end, one.labels, source))
    return AskedRows(limited(columns.table(), settings.limit), recordings.filtered[split])
