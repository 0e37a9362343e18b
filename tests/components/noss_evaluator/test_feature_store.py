from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.common.store.shards import iterate_examples, list_shards, write_shard
from components.noss_evaluator import feature_store
from components.noss_evaluator.clips import WindowBatch, read_clips
from components.noss_evaluator.feature_store import store_folder
from components.noss_evaluator.features import ClipFeatures
from schemas.records import NossClip
from schemas.students import FrontEndSpec
from tests.components.noss_evaluator.helpers import tone_tasks, write_examples

FRONT_END = FrontEndSpec(frames=20, mels=8)
HOP = 3200


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_examples(folder, tone_tasks())
    return folder


def _clip_features(examples: Path, store: Path | None, batch_windows: int = 30) -> ClipFeatures:
    return ClipFeatures(lambda: read_clips(str(examples)), FRONT_END, HOP, batch_windows, store)


def _nothing_to_read() -> Iterator[NossClip]:
    raise AssertionError("the records were read")


def _same(one: list[WindowBatch], other: list[WindowBatch]) -> None:
    assert [batch.sounds for batch in one] == [batch.sounds for batch in other]
    for first, second in zip(one, other, strict=True):
        assert first.inputs.dtype == second.inputs.dtype == np.float32
        assert first.inputs.tobytes() == second.inputs.tobytes()


def test_kept_patches_are_bit_by_bit_the_computed_ones(examples: Path, tmp_path: Path) -> None:
    direct = _clip_features(examples, None)
    computed = list(direct.batches("log_mel"))
    assert len(computed) > 3
    kept = _clip_features(examples, tmp_path / "store")
    _same(list(kept.batches("log_mel")), computed)
    assert (kept.entries, kept.sounds) == (direct.entries, direct.sounds)
    assert len(kept.entries) == 2 * len(kept.sounds)  # two tasks share every sound


def test_who_comes_later_reads_no_record(examples: Path, tmp_path: Path) -> None:
    first = _clip_features(examples, tmp_path / "store")
    computed = list(first.batches("log_mel"))
    later = replace(first, read=_nothing_to_read)
    _same(list(later.batches("log_mel")), computed)
    assert (later.entries, later.sounds) == (first.entries, first.sounds)


def test_samples_are_mapped_where_they_lie(examples: Path, tmp_path: Path) -> None:
    direct = _clip_features(examples, None)
    read = list(direct.batches("waveform"))
    first = replace(_clip_features(examples, tmp_path / "store"), examples=str(examples))
    _same(list(first.batches("waveform")), read)
    assert not (tmp_path / "store").exists()  # nobody computes log-mels for waveforms' sake
    list(first.batches("log_mel"))
    later = replace(first, read=_nothing_to_read)
    _same(list(later.batches("waveform")), read)
    assert (later.entries, later.sounds) == (direct.entries, direct.sounds)


def test_changed_sound_is_nowhere_but_in_its_stream(examples: Path, tmp_path: Path) -> None:
    clip_features = _clip_features(
        examples, tmp_path / "store"
    )  # without examples: something was done to the records
    list(clip_features.batches("log_mel"))
    with pytest.raises(AssertionError, match="records were read"):
        list(replace(clip_features, read=_nothing_to_read).batches("waveform"))


def test_other_batches_of_the_same_patches(examples: Path, tmp_path: Path) -> None:
    one = list(_clip_features(examples, tmp_path / "store").batches("log_mel"))
    other = list(_clip_features(examples, tmp_path / "store", batch_windows=7).batches("log_mel"))
    assert len(other) > len(one)
    assert all(len(batch.inputs) >= 7 for batch in other[:-1])
    assert np.array_equal(
        np.concatenate([batch.inputs for batch in one]), np.concatenate([batch.inputs for batch in other])
    )


def test_one_who_was_killed_half_way_leaves_nothing_that_counts(examples: Path, tmp_path: Path) -> None:
    partial = tmp_path / ".store.partial"
    partial.mkdir()
    (partial / "log_mel.npy").write_bytes(b"half of it")
    computed = list(_clip_features(examples, None).batches("log_mel"))
    _same(list(_clip_features(examples, tmp_path / "store").batches("log_mel")), computed)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".store.lock", "store"]


def test_a_record_that_cannot_be_read_leaves_no_store(examples: Path, tmp_path: Path) -> None:
    def broken() -> Iterator[NossClip]:
        yield next(iter(read_clips(str(examples))))
        raise ValueError("a torn record")

    clip_features = replace(_clip_features(examples, tmp_path / "store", 1), read=broken)
    with pytest.raises(ValueError, match="a torn record"):
        list(clip_features.batches("log_mel"))
    assert [path.name for path in tmp_path.iterdir()] == [".store.lock"]


def test_a_full_disk_costs_time_only(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(feature_store.os, "fsync", full)
    monkeypatch.setattr(logging.getLogger("tinytrill"), "propagate", True)
    clip_features = _clip_features(examples, tmp_path / "store")
    with caplog.at_level(logging.WARNING):
        found = list(clip_features.batches("log_mel"))
    _same(found, list(_clip_features(examples, None).batches("log_mel")))
    assert len(clip_features.sounds) == sum(len(batch.sounds) for batch in found)
    assert "No space left on device" in caplog.text and "each model computes its own" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [".store.lock"]


def test_the_second_waits_for_the_first_and_takes_what_it_made(examples: Path, tmp_path: Path) -> None:
    lock = (tmp_path / ".store.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    reads: list[str] = []

    def read(name: str) -> Iterator[NossClip]:
        reads.append(name)
        yield from read_clips(str(examples))

    found: dict[str, int] = {}

    def work(name: str) -> None:
        clip_features = replace(_clip_features(examples, tmp_path / "store"), read=lambda: read(name))
        found[name] = sum(len(batch.inputs) for batch in clip_features.batches("log_mel"))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    assert not found and not reads  # both wait
    lock.close()
    for thread in threads:
        thread.join(60)
    assert found["one"] == found["other"] > 0
    assert len(reads) == 1


def test_the_key_follows_whatever_changes_the_patches(examples: Path, tmp_path: Path) -> None:
    def key(**changes: object) -> Path:
        given = {"examples": str(examples), "front_end": FRONT_END, "hop": HOP, "code": "a", **changes}
        return store_folder(tmp_path, **given)  # type: ignore[arg-type]

    plain = key()
    assert plain == key()
    assert plain.parent == tmp_path / "noss_features"
    others = [
        key(front_end=FRONT_END.model_copy(update={"mels": 9})),
        key(hop=HOP + 1),
        key(code="b"),
        key(changes="noise"),
    ]
    shard = list_shards(str(examples), "train")[0]
    content = shard.read_bytes()
    try:
        shard.write_bytes(content + content)
        others.append(key())
    finally:
        shard.write_bytes(content)
    assert len({plain, *others}) == 6


def test_a_pod_with_a_copy_of_its_own_uses_what_another_made(examples: Path, tmp_path: Path) -> None:
    """Kubeflow puts the same artifact into each pod, now and under a path that may be another."""
    first, copy = tmp_path / "first" / "examples", tmp_path / "second" / "examples"
    for pod in (first, copy):
        shutil.copytree(examples, pod, copy_function=shutil.copyfile)
        for shard in pod.rglob("records-*"):
            os.utime(shard, ns=(len(pod.name), len(str(pod))))

    def clip_features(pod: Path) -> ClipFeatures:
        store = store_folder(tmp_path / "scratch", str(pod), FRONT_END, HOP, "code")
        return replace(_clip_features(pod, store), examples=str(pod))

    computed = list(clip_features(first).batches("log_mel"))
    waveforms = list(_clip_features(examples, None).batches("waveform"))
    shutil.rmtree(first)
    later = replace(clip_features(copy), read=_nothing_to_read)
    _same(list(later.batches("log_mel")), computed)
    _same(list(later.batches("waveform")), waveforms)
    kept = tmp_path / "scratch" / "noss_features"
    assert len([path for path in kept.iterdir() if not path.name.startswith(".")]) == 1


def test_other_records_of_the_same_sizes_and_times_are_others(examples: Path, tmp_path: Path) -> None:
    copy = tmp_path / "examples"
    shutil.copytree(examples, copy)
    before = store_folder(tmp_path, str(copy), FRONT_END, HOP, "code")
    shard = list_shards(str(copy), "train")[0]
    times = shard.stat()
    records = list(iterate_examples([shard]))
    records[0] = records[0].replace(b"train", b"trail", 1) if b"train" in records[0] else records[0][::-1]
    write_shard(shard, records)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert shard.stat().st_size == times.st_size
    assert store_folder(tmp_path, str(copy), FRONT_END, HOP, "code") != before
