"""The plan of all shards as one file, from which each worker reads the part it has in hand.

Beam's own graph, which is sent to a cluster as one message, then holds a few dozen bytes for each shard.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import pyarrow as pa

from components.audio_ingest.corpus_requests import CorpusRequest, CorpusRequests
from components.common.audio.requests import Shard

_KEY = "key"


def store_shards(shards: Sequence[Shard[CorpusRequest]], path: str | Path) -> list[Shard[CorpusRequest]]:
    """Writes what is to be done and gives back shards that read it when it is asked for.

    Args:
      shards: Whose requests are in columns.
      path: A file that all workers can read.
    """
    stored = []
    writer: pa.RecordBatchFileWriter | None = None
    with pa.OSFile(str(path), "wb") as file:
        for number, shard in enumerate(shards):
            assert isinstance(shard.requests, CorpusRequests)
            keys = pa.array(list(shard.keys or [""] * len(shard.requests)), pa.string())
            batch = shard.requests.plain().append_column(_KEY, keys).to_batches()[0]
            writer = writer or pa.ipc.new_file(file, batch.schema)
            writer.write_batch(batch)
            part = _Part(str(path), number, shard.split, len(shard.requests))
            held = StoredKeys(part) if shard.keys else ()
            stored.append(dataclasses.replace(shard, requests=StoredRequests(part), keys=held))
        if writer is not None:
            writer.close()
    return stored


@dataclass(frozen=True)
class _Part:
    """One shard's part of the file."""

    path: str
    number: int
    split: str
    length: int

    def read(self) -> pa.Table:
        with pa.memory_map(self.path) as file, pa.ipc.open_file(file) as reader:
            return pa.Table.from_batches([reader.get_batch(self.number)])


@dataclass(frozen=True)
class StoredRequests(Sequence[CorpusRequest]):
    """The requests of a shard, read each time they are gone through."""

    part: _Part

    def __len__(self) -> int:
        return self.part.length

    def __iter__(self) -> Iterator[CorpusRequest]:
        return iter(CorpusRequests(self.part.split, self.part.read().drop_columns([_KEY])))

    @overload
    def __getitem__(self, at: int) -> CorpusRequest: ...
    @overload
    def __getitem__(self, at: slice) -> list[CorpusRequest]: ...
    def __getitem__(self, at: int | slice) -> CorpusRequest | list[CorpusRequest]:
        return list(self)[at]


@dataclass(frozen=True)
class StoredKeys(Sequence[str]):
    """The keys of a shard's requests."""

    part: _Part

    def __len__(self) -> int:
        return self.part.length

    def __iter__(self) -> Iterator[str]:
        return iter(self.part.read()[_KEY].to_pylist())

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        return list(self)[at]
