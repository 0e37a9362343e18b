"""Clips with the very same samples, by the digests that were taken while they were written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.common.audio.clip_statistics import CorpusTally, Digests
from components.common.audio.requests import Shard
from components.common.audio.shard_writer import ShardSummary
from schemas.corpus_statistics import Duplicates, NamedClip, SameSound

LARGEST, EXAMPLES = 20, 10

Places = np.ndarray[Any, np.dtype[np.int64]]


def find_duplicates(
    tally: CorpusTally, shards: Sequence[Shard[Any]], summaries: Sequence[ShardSummary]
) -> Duplicates:
    """Counts the clips whose sound an earlier clip has, and names some of those that are found most often.

    Clips are in the order of shards and of their records.

    Args:
      tally: With the digests of all shards.
      shards: What was asked for, in order; only the requests of shards with named clips are gone through.
      summaries: What became of it.
    """
    found = [tally.digests[shard.split, shard.index] for shard in shards]
    ends = np.cumsum([len(digests) for digests in found], dtype=np.int64)
    digests = np.concatenate(found) if found else np.array([], np.uint64)
    sounds, first, counts = np.unique(digests, return_index=True, return_counts=True)
    several = np.flatnonzero(counts > 1)
    largest = several[np.lexsort((first[several], -counts[several]))][:LARGEST]
    members = [np.flatnonzero(digests == sounds[group])[:EXAMPLES] for group in largest]
    names = _names(np.concatenate(members) if members else first[:0], ends, shards, summaries)
    return Duplicates(
        groups=len(several),
        clips=_by_split(first, ends, shards),
        groups_across_splits=_across_splits(found, shards),
        largest=[
            SameSound(clips=int(counts[group]), examples=[names[int(place)] for place in places])
            for group, places in zip(largest, members, strict=True)
        ],
    )


def _by_split(first: Places, ends: Places, shards: Sequence[Shard[Any]]) -> dict[str, int]:
    """Clips of each split that are not the first of their sound."""
    firsts = np.bincount(np.searchsorted(ends, first, side="right"), minlength=len(shards))
    later: Counter[str] = Counter()
    for shard, clips, unique in zip(shards, np.diff(ends, prepend=0), firsts, strict=True):
        later[shard.split] += int(clips - unique)
    return dict(later)


def _across_splits(found: Sequence[Digests], shards: Sequence[Shard[Any]]) -> int:
    by_split: dict[str, list[Digests]] = defaultdict(list)
    for shard, digests in zip(shards, found, strict=True):
        by_split[shard.split].append(digests)
    if not by_split:
        return 0
    each = np.concatenate([np.unique(np.concatenate(parts)) for parts in by_split.values()])
    return int((np.unique(each, return_counts=True)[1] > 1).sum())


def _names(
    places: Places, ends: Places, shards: Sequence[Shard[Any]], summaries: Sequence[ShardSummary]
) -> dict[int, NamedClip]:
    """The clips at these places: of a shard's requests, those that were not left out are its records."""
    if not len(places):
        return {}
    left_out = {
        (group, clip.clip_id)
        for summary in summaries
        for group, clips in summary.quarantined.items()
        for clip in clips
    }
    by_shard = defaultdict(list)
    for place in places.tolist():
        by_shard[int(np.searchsorted(ends, place, side="right"))].append(place)
    names: dict[int, NamedClip] = {}
    for number, wanted in by_shard.items():
        shard = shards[number]
        written = [
            NamedClip(split=shard.split, clip_id=request.clip_id)
            for request in shard.requests
            if (request.group, request.clip_id) not in left_out
        ]
        begin = int(ends[number]) - len(written)
        names |= {place: written[place - begin] for place in wanted}
    return names
