from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import iterate_examples, list_shards
from components.noss_ingest.executor import Executor
from components.noss_ingest.settings import NossIngestSettings, TaskChoice
from components.noss_ingest.sources import TaskSources
from schemas.noss_task_sets import NossTaskSet
from schemas.records import NossClip
from tests.components.executors import folder_bytes, run_ingest
from tests.components.noss_ingest.tasks import make_task
from tests.components.noss_ingest.tfds_trees import local_downloads, make_home, sound


def settings_of(tmp_path: Path, download: bool = False) -> NossIngestSettings:
    make_task(tmp_path / "tasks/tones")
    return NossIngestSettings(
        root=str(tmp_path / "tasks"),
        tasks=tuple(TaskChoice(name=name) for name in ("crema_d", "savee", "voxceleb1", "tones")),
        tfds_dir=str(tmp_path / "tfds"),
        shard_clips=5,
        download=download,
    )


@pytest.mark.slow
def test_tasks_that_tfds_keeps_beside_one_of_files(tmp_path: Path) -> None:
    home = make_home(tmp_path / "tfds")
    settings = settings_of(tmp_path, download=True)
    with local_downloads(home):
        digest = TaskSources.of(settings).digest()
    settings = settings.model_copy(update={"download": False})
    TaskSources.of(settings).check()
    assert TaskSources.of(settings).digest() == digest
    examples, report = run_ingest(Executor, settings, tmp_path / "first")
    clips = [
        NossClip.from_example(example)
        for split in ("train", "validation", "test")
        for example in iterate_examples(list_shards(examples.uri, split))
    ]
    assert {name: counts.clips for name, counts in report.splits.items()} == {
        "crema_d/train": 14, "crema_d/validation": 2, "crema_d/test": 6,
        "savee/train": 6, "savee/validation": 3, "savee/test": 3,
        "voxceleb1/train": 2, "voxceleb1/validation": 2, "voxceleb1/test": 2,
        "tones/train": 4, "tones/validation": 2, "tones/test": 2,
    }  # fmt: skip
    for clip in clips:
        if clip.task == "crema_d":
            name = f"{clip.speaker_id}_DFA_{clip.label}_XX"
            np.testing.assert_array_equal(clip.audio, sound(name, 16_000))
        assert clip.source_rate == {"savee": 44_100, "tones": 8_000}.get(clip.task, 16_000)
    task_set = NossTaskSet.load(examples.uri)
    assert not task_set.unavailable
    again, _ = run_ingest(Executor, settings, tmp_path / "second")
    assert folder_bytes(again.uri) == folder_bytes(examples.uri)


def test_what_is_not_prepared_is_unavailable_with_the_way_to_get_it(tmp_path: Path) -> None:
    examples, report = run_ingest(Executor, settings_of(tmp_path), tmp_path)
    assert {name.partition("/")[0] for name in report.splits} == {"tones"}
    (savee,) = [task for task in NossTaskSet.load(examples.uri).unavailable if task.name == "savee"]
    code = f'tfds.builder("savee", data_dir="{tmp_path}/tfds").download_and_prepare()'
    assert code in savee.reason
