"""What is said of the tasks that were taken in."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.noss_ingest.plan import NossPlan
from components.noss_ingest.requests import NossRequest
from components.noss_ingest.rows import SPLITS
from components.noss_ingest.sources import FoundTask
from schemas.noss_task_sets import IngestedTask, NossTaskSet, UnavailableTask

if TYPE_CHECKING:  # with it comes Beam, which the command line can do without
    from components.common.audio.shard_writer import ShardSummary


def describe_tasks(
    tasks: Sequence[FoundTask],
    unavailable: Sequence[UnavailableTask],
    plan: NossPlan,
    summaries: Sequence[ShardSummary],
    synthetic: bool,
) -> NossTaskSet:
    """The task set of an Examples artifact.

    Args:
      tasks: What was found.
      unavailable: What was asked for and not found.
      plan: What was asked of the decoder.
      summaries: What became of it, with the digests of the sounds.
      synthetic: Whether all sound is synthesised.
    """
    sounds = {digest.clip_id: digest.digest for summary in summaries for digest in summary.digests}
    used: dict[str, list[NossRequest]] = defaultdict(list)
    for split in SPLITS:
        for request in plan.requests[split]:
            if request.clip_id in sounds:
                used[request.task].append(request)
    return NossTaskSet(
        tasks=[
            IngestedTask(
                record=task.record,
                digest=task.record.digest,
                data_digest=data_digest(used[task.record.name], sounds),
                source=task.source,
                n_original=_by_split([row.split for row in task.rows]),
                n_used=_by_split([request.split for request in used[task.record.name]]),
                synthetic=synthetic or task.record.synthetic,
            )
            for task in tasks
        ],
        unavailable=list(unavailable),
    )


def _by_split(splits: Sequence[str]) -> dict[str, int]:
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS}


def data_digest(requests: Sequence[NossRequest], sounds: dict[str, str]) -> str:
    """16 hexadecimal digits over all that is known of the clips, in the order of their ids."""
    digest = hashlib.sha256()
    for request in sorted(requests, key=lambda request: request.clip_id):
        known = (request.clip_id, request.label, request.split, request.fold, request.speaker_id)
        digest.update("\0".join((*known, sounds[request.clip_id])).encode() + b"\n")
    return digest.hexdigest()[:16]
