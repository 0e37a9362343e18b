"""Whether the names of a corpus' clips are those of its rows, told from a sample before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice

from components.audio_ingest.clip_index import ClipIndex, EntryColumns, index_tables
from components.audio_ingest.labels import label_filter
from components.audio_ingest.layouts import LAYOUTS, find_layout
from components.audio_ingest.layouts.base import ContainerLayout, Entry, FileLayout, Layout, Strays
from components.audio_ingest.segment_columns import ask
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from components.common.audio.intake_report import IngestError
from components.common.audio.places import first_files, from_text, list_files, printable

_MOST, _OF_ONE_FOLDER = 2_000, 200
# Of each table; ingestion reads them whole.
_ROWS = 100_000


@dataclass(frozen=True)
class NameMatch:
    """How a sample of a corpus' clips fits its rows.

    Attributes:
      rows: Rows that were read, whatever their labels.
      looked_at: Clips of the sample.
      fitting: Of which rows ask for.
      whole: Whether these are all clips that there are.
      example: Name of one of them.
    """

    rows: int
    looked_at: int
    fitting: int
    whole: bool
    example: str

    def __str__(self) -> str:
        sample = "all" if self.whole else "a sample of"
        return (
            f"{self.rows} rows; of {sample} {self.looked_at} clips {self.fitting} are named by a row, "
            f"for example {self.example}"
        )


def match_names(settings: AudioIngestSettings, key: str = "audio_ingest") -> NameMatch:
    """Reads the rows of a corpus, and compares the names of a sample of its clips with them.

    Args:
      settings: With ``root`` set.
      key: Where the settings stand in the configuration, for the message.

    Raises:
      SegmentsError: If a segments file is malformed.
      LayoutError: If the clips follow no layout.
      PlaceError: If something cannot be read.
      IngestError: If there are clips, and rows ask for none of them.
    """
    sources = CorpusSources.of(settings, settings.root)
    everything = settings.model_copy(update={"labels": "all", "exclude_labels": ()})
    labels = label_filter(everything, sources.ontology, sources.strong_labels, key)
    row_labels = sources.row_labels()
    tables = [
        ask(files, labels, first=_ROWS, row_labels=row_labels).table for files in sources.segments.values()
    ]
    index = _sample(sources.audio, LAYOUTS[find_layout(sources.audio, settings.layout).name])
    fitting = index.in_unit_of(tables).fitting(tables)
    example = printable(from_text(index.table["member"][0].as_py())) if len(index) else "none"
    match = NameMatch(
        sum(map(len, tables)), len(index), fitting, len(index) < _MOST and not index.versions, example
    )
    complete = match.whole and all(len(table) < _ROWS for table in tables)
    if complete and len(index) and not fitting:
        row = tables[0].slice(0, 1).to_pylist()[0]
        raise IngestError(
            f"{key}.audio: no row refers to any of the {len(index)} clips in {printable(sources.audio)}, for "
            f"example {example}; rows are like {row['clip_id']} (id, start and end in milliseconds)"
        )
    return match


def _sample(folder: str, layout: Layout) -> ClipIndex:
    columns, strays = EntryColumns(), Strays()
    if isinstance(layout, FileLayout):
        for file in first_files(folder, _MOST, _OF_ONE_FOLDER):
            stem, extension = os.path.splitext(file.name)
            parsed = layout.parse(stem) if extension.lower() in layout.extensions else None
            if parsed is not None:
                columns.add(0, Entry(*parsed, file.name))
        return index_tables([folder], (), [columns.table()], strays)
    assert isinstance(layout, ContainerLayout)
    shard = next(list_files(folder, layout.extensions, status=True))
    for entry in islice(layout.entries(shard, strays), _OF_ONE_FOLDER):
        columns.add(0, entry)
    return index_tables([shard.path], ["-"], [columns.table()], strays)
