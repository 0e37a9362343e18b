from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from components.common.audio.shard_writer import ContentDigest, ShardSummary
from components.noss_ingest.plan import plan_ingestion
from components.noss_ingest.rows import TaskRow, TfdsClip
from components.noss_ingest.sources import FoundTask
from components.noss_ingest.task_set import describe_tasks
from schemas.noss_task_sets import IngestedTask
from schemas.noss_tasks import TaskRecord, TfdsSource

_RECORD = TaskRecord(name="t", sources=(TfdsSource(builder="own"),))
_ROWS = tuple(
    TaskRow(
        file=f"{split}/{index}",
        path="",
        label="x",
        place="",
        speaker_id="ann",
        split=split,
        fold="1",
        tfds=TfdsClip("/d", "own", "1.0.0", split, index),
    )
    for split in ("train", "validation", "test")
    for index in range(4)
)
_SOUNDS = {f"t/{row.file}": f"sound of {row.file}" for row in _ROWS}


def ingested(rows: Sequence[TaskRow], sounds: dict[str, str], limit: int = 0) -> IngestedTask:
    tasks = [FoundTask(_RECORD, tuple(rows), "TFDS own", limit)]
    digests = [
        ContentDigest(clip_id=clip_id, digest=digest, group="", source="")
        for clip_id, digest in sounds.items()
    ]
    summary = ShardSummary(clips={}, samples={}, quarantined={}, digests=digests, record_sum="0")
    (task,) = describe_tasks(tasks, [], plan_ingestion(tasks, 30.0), [summary], synthetic=False).tasks
    return task


def test_only_clips_that_became_records_count() -> None:
    task = ingested(_ROWS, {clip_id: sound for clip_id, sound in _SOUNDS.items() if clip_id != "t/test/0"})
    assert task.n_original == {"train": 4, "validation": 4, "test": 4}
    assert task.n_used == {"train": 4, "validation": 4, "test": 3}
    assert task.digest == _RECORD.digest
    assert task.data_digest != ingested(_ROWS, _SOUNDS).data_digest


@pytest.mark.parametrize(
    "change", [{"label": "y"}, {"speaker_id": "bob"}, {"split": "test"}, {"fold": "2"}, {"file": "other"}]
)
def test_the_data_digest_sees_what_is_known_of_a_clip(change: dict[str, Any]) -> None:
    sounds = _SOUNDS | {"t/other": "sound of train/0"}
    changed = (replace(_ROWS[0], **change), *_ROWS[1:])
    assert ingested(changed, sounds).data_digest != ingested(_ROWS, sounds).data_digest


def test_the_data_digest_sees_sounds_but_not_the_order_or_the_place() -> None:
    before = ingested(_ROWS, _SOUNDS).data_digest
    assert ingested(_ROWS, _SOUNDS | {"t/train/0": "another"}).data_digest != before
    moved = [replace(row, place="elsewhere") for row in _ROWS[::-1]]
    assert ingested(moved, _SOUNDS).data_digest == before
