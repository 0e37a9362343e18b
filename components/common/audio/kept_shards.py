"""Finished shards outside the outputs, so that a killed or extended run does only what is left.

TFX deletes the outputs of an execution that fails. So each finished shard has a second name (a hard link
where the file system allows it, else a copy) in the run's scratch folder, with a receipt beside it: what the
shard depends on names both, the receipt says what must be in it. A shard is taken up again only if all its
records are still the ones that were written.

The receipt is written last and both appear under their names in one step, so a writer may be killed at any
moment. What a failing disk or a power cut leaves behind does not pass the check.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError

from components.common.audio.record_sum import RecordSum
from components.common.store.publishing import publish, sweep
from components.common.store.tfrecord import DamagedFile, read_records
from schemas.settings import Report

_MAX_AGE_S = 30 * 24 * 3600.0

_SHARD, _RECEIPT = ".tfrecord", ".json"

_logger = logging.getLogger("tinytrill.shards")


class Receipt(Report):
    """What a kept shard holds."""

    split: str = Field(description="Split of the records.")
    bytes: int = Field(description="Size of the file.")
    record_sum: str = Field(description="Sum of the hashes of its records: the checksum.")
    members: list[str] = Field(default_factory=list, description="Digests of what it was made of, in order.")
    summary: str = Field(description="What its maker said of it, as JSON.")


class KeptShards:
    """The finished shards of one component.

    Attributes:
      folder: Where they are; None: nothing is kept.
    """

    def __init__(self, scratch_dir: str, component: str) -> None:
        """Names the folder; nothing is made or read.

        Args:
          scratch_dir: The run's scratch folder; empty: nothing is kept and nothing is found.
          component: Whose shards.
        """
        self.folder = Path(scratch_dir) / "shards" / component if scratch_dir else None

    def take(self, key: str, target: str | Path) -> str | None:
        """Puts a finished shard where it is wanted.

        Args:
          key: Of the shard (:func:`components.common.store.computed.key_of`).
          target: Its path in the output.

        Returns:
          The maker's summary; None if there is no such shard, or it is damaged: then it is removed.
        """
        if self.folder is None:
            return None
        receipt, shard = self._paths(key)
        try:
            said = Receipt.model_validate_json(receipt.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            self._discard(key, f"its receipt cannot be read: {type(error).__name__}")
            return None
        problem = _fault_of(shard, said)
        if problem:
            self._discard(key, problem)
            return None
        try:
            _place(shard, Path(target))
        except FileNotFoundError:  # another execution that shares the folder had no use for it
            return None
        return said.summary

    def keep(
        self,
        key: str,
        source: str | Path,
        split: str,
        record_sum: str,
        summary: str,
        members: Sequence[str] = (),
    ) -> None:
        """Keeps a finished shard.

        Args:
          key: What it depends on.
          source: The finished file.
          split: Of its records.
          record_sum: :attr:`RecordSum.text` of them.
          summary: Given back with it, as JSON.
          members: Digests of what it was made of.
        """
        if self.folder is None:
            return
        receipt, shard = self._paths(key)
        _place(Path(source), shard)
        size = Path(source).stat().st_size
        said = Receipt(split=split, bytes=size, record_sum=record_sum, members=list(members), summary=summary)
        with publish(receipt) as partial:
            partial.write_text(said.model_dump_json(), encoding="utf-8")

    def keys(self, beginning: str) -> list[str]:
        """Keys of the kept shards that begin so, in a fixed order."""
        found = self.folder.glob(f"{beginning}*{_RECEIPT}") if self.folder else []
        return sorted(path.name.removesuffix(_RECEIPT) for path in found)

    def summary(self, key: str) -> str | None:
        """What the maker of a kept shard said of it; None if its receipt cannot be read."""
        try:
            return Receipt.model_validate_json(self._paths(key)[0].read_bytes()).summary
        except (OSError, ValidationError):
            return None

    def members(self, split: str) -> list[tuple[str, ...]]:
        """What each kept shard of a split was made of, in a fixed order; unreadable receipts are left out."""
        found = []
        for path in sorted(self.folder.glob(f"[!.]*{_RECEIPT}")) if self.folder else []:
            try:
                said = Receipt.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue
            if said.split == split and said.members:
                found.append(tuple(said.members))
        return found

    def tidy(self, now_s: float | None = None) -> None:
        """Removes what killed writers left half done, and what nobody came back for.

        What somebody else is just writing stays. A shard that is an output's file too takes no room and
        stays; any other one goes after 30 days.

        Args:
          now_s: The present time in seconds, for tests.
        """
        if self.folder is None or not self.folder.is_dir():
            return
        oldest = (time.time() if now_s is None else now_s) - _MAX_AGE_S
        forgotten = []
        sweep(self.folder)
        for path in self.folder.glob(f"[!.]*{_SHARD}"):
            with suppress(FileNotFoundError):
                status = path.stat()
                if status.st_nlink == 1 and status.st_mtime < oldest:
                    forgotten.append(path.name.removesuffix(_SHARD))
        self._remove(forgotten, "that are older than 30 days")

    def clear(self, used: Collection[str]) -> None:
        """Removes what a completed execution did not use, so that one set of shards is kept at most.

        The shards that it used stay, as further names of its outputs' files, for the run to which clips
        are added.

        Args:
          used: Keys to keep.
        """
        if self.folder is not None and self.folder.is_dir():
            found = {path.name.partition(".")[0] for path in self.folder.glob("[!.]*")}
            self._remove(found - set(used), "that nothing needs any more")

    def _remove(self, keys: Collection[str], why: str) -> None:
        removed, freed = 0, 0
        for key in keys:
            for path in self._paths(key):
                with suppress(FileNotFoundError):  # another execution may remove the same
                    size = path.stat().st_size
                    path.unlink()
                    removed += path.suffix == _SHARD
                    freed += size
        if removed:
            _logger.info(
                "%s: removed %d stored shards %s (%.1f MB)",
                self.folder.name if self.folder else "", removed, why, freed / 1e6,
            )  # fmt: skip

    def _paths(self, key: str) -> tuple[Path, Path]:
        assert self.folder is not None
        return self.folder / f"{key}{_RECEIPT}", self.folder / f"{key}{_SHARD}"

    def _discard(self, key: str, problem: str) -> None:
        receipt, shard = self._paths(key)
        _logger.warning("the stored shard %s is rebuilt: %s", shard, problem)
        receipt.unlink(missing_ok=True)
        shard.unlink(missing_ok=True)


def _fault_of(shard: Path, said: Receipt) -> str:
    """What is wrong with a kept shard; empty if nothing is."""
    try:
        size = shard.stat().st_size
    except OSError as error:
        return f"{error.strerror}"
    if size != said.bytes:
        return f"it has {size} bytes, {said.bytes} were written"
    found = RecordSum()
    try:
        for record in read_records(shard):
            found.add(said.split, record)
    except (OSError, DamagedFile) as error:
        return f"it cannot be read: {error}"
    return "" if found.text == said.record_sum else "its records are not the ones that were written"


def _place(source: Path, target: Path) -> None:
    """Gives a file another name, without copying where that is possible; it appears whole or not at all."""
    with publish(target) as partial:
        try:
            os.link(source, partial)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, partial)
