"""Listing what shards hold: a Beam step over them, whose findings are kept for the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from components.audio_ingest.clip_index import ClipIndex, EntryColumns, index_tables
from components.audio_ingest.layouts import LAYOUTS
from components.audio_ingest.layouts.base import ContainerLayout, LayoutError, Strays
from components.common.audio.places import FoundFile, PlaceError, from_text, list_files, to_text
from components.common.store.publishing import publish, sweep

_STRAYS, _SUFFIX = b"tinytrill.strays", ".arrow"

# Goes up when a list would be another one for the same shard.
_EDITION = 2


def index_containers(
    folder: str, layout: ContainerLayout, lists: Path, make_pipeline: Callable[[], beam.Pipeline]
) -> ClipIndex:
    """Lists the clips of all shards of a folder.

    Args:
      folder: Path or URL of the folder.
      layout: How the shards are read.
      lists: Folder for one small file a shard. Shards whose list is there are not opened again.
      make_pipeline: Makes the Beam pipeline that lists the others.

    Raises:
      PlaceError: If the folder cannot be listed.
    """
    shards = sorted(list_files(folder, layout.extensions, status=True))
    lists.mkdir(parents=True, exist_ok=True)
    names = [_list_name(shard, layout) for shard in shards]
    waiting = [shard for shard, name in zip(shards, names, strict=True) if not (lists / name).is_file()]
    if waiting:
        with make_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create([_written(shard) for shard in waiting], reshuffle=True)
                | "List" >> beam.ParDo(_ListShard(layout.name, str(lists)))
            )
    strays = Strays()
    tables = []
    for name in names:
        with pa.memory_map(str(lists / name)) as file, pa.ipc.open_file(file) as reader:
            tables.append(reader.read_all())
            strays.merge(Strays(**json.loads(reader.schema.metadata[_STRAYS])))
    _forget(lists, set(names))
    versions = [f"{shard.size}-{shard.modified}" for shard in shards]
    return index_tables([shard.path for shard in shards], versions, tables, strays)


class _ListShard(beam.DoFn):
    """Writes the list of each shard it is given."""

    def __init__(self, layout: str, lists: str) -> None:
        self._layout, self._lists = layout, lists

    def process(self, element: FoundFile) -> None:
        layout, element = LAYOUTS[self._layout], _read(element)
        assert isinstance(layout, ContainerLayout)
        columns, strays = EntryColumns(), Strays()
        try:
            for entry in layout.entries(element, strays):
                columns.add(0, entry)
        except (LayoutError, PlaceError, OSError) as error:
            # One shard that cannot be read costs its own clips: they count as missing.
            strays.add("unreadable shard", f"{element.path}: {error}")
        said = json.dumps({"counts": strays.counts, "examples": strays.examples})
        table = columns.table().replace_schema_metadata({_STRAYS: said.encode()})
        target = Path(self._lists) / _list_name(element, layout)
        with (
            publish(target) as partial,
            pa.OSFile(str(partial), "wb") as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)


def _written(shard: FoundFile) -> FoundFile:
    """A shard whose name Beam can write as UTF-8."""
    return shard._replace(folder=to_text(shard.folder), name=to_text(shard.name))


def _read(shard: FoundFile) -> FoundFile:
    return shard._replace(folder=from_text(shard.folder), name=from_text(shard.name))


def _list_name(shard: FoundFile, layout: ContainerLayout) -> str:
    """Of the list of a shard: another one if the shard changed."""
    facts = f"{_EDITION}\n{layout.name}\n{shard.path}\n{shard.size}\n{shard.modified}"
    return hashlib.blake2b(facts.encode(errors="surrogateescape"), digest_size=16).hexdigest() + _SUFFIX


def _forget(lists: Path, used: set[str]) -> None:
    sweep(lists)
    for path in lists.glob(f"[!.]*{_SUFFIX}"):
        if path.name not in used:
            path.unlink(missing_ok=True)
