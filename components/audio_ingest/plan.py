"""Which rows of the corpus are to be decoded, and which cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa

from components.audio_ingest.clip_index import ABSENT, ClipIndex, Rows
from components.audio_ingest.corpus_requests import CorpusRequests
from components.audio_ingest.labels import LabelFilter
from components.audio_ingest.segment_columns import AskedRows, among, ask, first_of, videos
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from components.common.audio.errors import Reason
from components.common.audio.places import from_text, printable
from components.common.audio.requests import quarantined
from schemas.ingest_reports import QuarantinedClip

TRAIN = "train"

_CHUNK = 4_096


@dataclass(frozen=True)
class SplitPlan:
    """The rows of one split.

    Attributes:
      rows: Rows that passed the label filter and the limit.
      filtered: Rows that the label filter left out.
      requests: Clips to decode; those of containers in the order in which they lie there.
      left_out: Rows that are not to be decoded, with the reason.
    """

    rows: int
    filtered: int
    requests: CorpusRequests
    left_out: LeftOut


class LeftOut(Sequence[QuarantinedClip]):
    """Rows that are not to be decoded, in columns."""

    def __init__(self, table: pa.Table) -> None:
        """With the columns clip_id, file, line, reason and detail."""
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[QuarantinedClip]:
        for first in range(0, len(self), _CHUNK):
            for row in self._table.slice(first, _CHUNK).to_pylist():
                source = f"{row['file']}:{row['line']}"
                yield quarantined(row["clip_id"], source, Reason(row["reason"]), row["detail"])

    @overload
    def __getitem__(self, at: int) -> QuarantinedClip: ...
    @overload
    def __getitem__(self, at: slice) -> LeftOut: ...
    def __getitem__(self, at: int | slice) -> QuarantinedClip | LeftOut:
        if isinstance(at, slice):
            return LeftOut(self._table.take(pa.array(np.arange(*at.indices(len(self))))))
        return next(iter(LeftOut(self._table.slice(range(len(self))[at], 1))))


def plan_ingestion(
    settings: AudioIngestSettings, sources: CorpusSources, labels: LabelFilter, index: ClipIndex
) -> dict[str, SplitPlan]:
    """Reads the segments, filters them and finds their sound.

    Of two rows that mean the same clip the first counts. A video of the eval split, whatever its labels and
    whether its sound is there, never is in the train split.

    Args:
      settings: What to take.
      sources: Where the segments are.
      labels: Which labels are wanted.
      index: Where the sound is.

    Raises:
      SegmentsError: If a segments file is malformed.
      PlaceError: If one cannot be read.
    """
    others = [file for split, files in sources.segments.items() if split != TRAIN for file in files]
    row_labels = sources.row_labels()
    held_out = videos([*others, *sources.held_out], row_labels)
    rows = {
        split: ask(files, labels, settings.limit, row_labels=row_labels)
        for split, files in sources.segments.items()
    }
    index = index.in_unit_of([asked.table for asked in rows.values()])
    recordings = settings.files_hold == "recordings"
    return plan_rows(rows, held_out, index, sources.audio, recordings)


def plan_rows(
    rows: Mapping[str, AskedRows], held_out: pa.Array, index: ClipIndex, audio: str, recordings: bool
) -> dict[str, SplitPlan]:
    """Finds the sound of rows.

    Args:
      rows: Of each split.
      held_out: Ids that never are in the train split.
      index: Where the sound is.
      audio: The folder that it covers, for messages.
      recordings: Whether sounds whose names say no start are whole recordings.
    """
    plans = {}
    for split, asked in rows.items():
        known = among(asked.table, held_out) if split == TRAIN else np.zeros(len(asked.table), bool)
        plans[split] = _plan(split, asked, known, index, audio, recordings)
    return plans


def _plan(
    split: str,
    asked: AskedRows,
    held_out: np.ndarray[Any, np.dtype[np.bool_]],
    index: ClipIndex,
    audio: str,
    recordings: bool,
) -> SplitPlan:
    table = asked.table
    own = np.arange(len(table))
    places = index.find(table["ytid"].combine_chunks(), table["start_ms"].to_numpy())
    first = first_of(table["clip_id"])
    # Rows without sound are not the same clip for that; each has a number of its own.
    same = np.where(places == ABSENT, -own - 1, places)
    if recordings:  # several segments lie in one file
        same = np.where(index.untimed(places), -own - 1, same)
    first = np.minimum(first, first_of(same))
    flaws = _flaws(index, places)
    reasons = np.select(
        [held_out, first < own, places == ABSENT, flaws != ""],
        [str(Reason.HELD_OUT), str(Reason.DUPLICATE), str(Reason.MISSING), flaws],
        "",
    )
    taken = np.flatnonzero(reasons == "")
    if index.versions:  # containers are read from front to back
        taken = taken[np.argsort(places[taken], kind="stable")]
    requests = CorpusRequests.of(split, table.take(pa.array(taken)), index, places[taken], recordings)
    out = np.flatnonzero(reasons != "")
    details = _details(table, reasons, first, audio, index, places, out)
    columns = {name: table[name].take(pa.array(out)) for name in ("clip_id", "file", "line")}
    columns |= {"reason": pa.array(reasons[out], pa.string()), "detail": pa.array(details, pa.string())}
    return SplitPlan(len(table), asked.filtered, requests, LeftOut(pa.table(columns)))


def _flaws(index: ClipIndex, places: Rows) -> np.ndarray[Any, Any]:
    """Why the clip of a row must not be read; "" if it may, or there is none."""
    flaws = np.full(len(places), "", dtype="<U16")
    found = np.flatnonzero(places != ABSENT)
    if len(found):
        said = index.table["flaw"].take(pa.array(places[found])).cast(pa.string()).fill_null("")
        flaws[found] = said.to_numpy(zero_copy_only=False)
    return flaws


def _details(
    table: pa.Table,
    reasons: np.ndarray[Any, Any],
    first: Rows,
    audio: str,
    index: ClipIndex,
    places: Rows,
    rows: Rows,
) -> list[str]:
    missing = f"no sound for it in {audio.rstrip('/').rpartition('/')[2]}"
    details = []
    for row in rows.tolist():
        if reasons[row] == Reason.MISSING:
            details.append(missing)
        elif reasons[row] == Reason.HELD_OUT:
            details.append("its video is held out for evaluation")
        elif reasons[row] == Reason.DUPLICATE:
            at = first[row]
            details.append(f"the same clip as {table['file'][at].as_py()}:{table['line'][at].as_py()}")
        else:
            place = index.table.slice(places[row], 1).to_pylist()[0]
            container, member = index.containers[place["container"]], place["member"]
            details.append(printable(f"{from_text(container)}: {from_text(member)}"))
    return details
