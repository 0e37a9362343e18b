"""The TFRecord shards in which an artifact holds its records, split by split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from components.common.store.publishing import clear, publish
from components.common.store.tfrecord import RecordWriter, read_records


def write_shard(path: str | Path, examples: Iterable[bytes]) -> int:
    """Writes serialised examples as one TFRecord file, all or nothing.

    The file appears under its name only when it is complete, so a killed worker leaves no half shard
    and a retried one overwrites its own.

    Returns:
      How many examples were written.
    """
    path, count = Path(path), 0
    with publish(path) as partial, RecordWriter(partial) as writer:
        for example in examples:
            writer.write(example)
            count += 1
    return count


def shard_path(artifact_uri: str, split: str, index: int, count: int) -> Path:
    """Path of shard ``index`` of ``count`` of a split, in TFX's ``Split-<name>`` folder."""
    return Path(artifact_uri) / f"Split-{split}" / f"records-{index:05d}-of-{count:05d}"


def list_shards(artifact_uri: str, split: str) -> list[Path]:
    """The shards of a split in order; empty if the split has none."""
    return sorted((Path(artifact_uri) / f"Split-{split}").glob("records-*-of-*"))


def clear_unfinished(artifact_uri: str) -> None:
    """Removes what lost workers left half written beside the shards; only once all shards are there."""
    for folder in Path(artifact_uri).glob("Split-*"):
        clear(folder)


def iterate_examples(paths: Iterable[str | Path]) -> Iterator[bytes]:
    """Serialised examples of TFRecord files, one after the other.

    Raises:
      DamagedFile: If a file's checksums do not fit.
    """
    for path in paths:
        yield from read_records(path)
