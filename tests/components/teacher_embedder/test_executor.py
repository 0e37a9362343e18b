"""Windows, targets and their statistics, from clip records through Beam."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from components.common.audio.framing import cut_windows
from components.common.modeling.teachers import TeacherError
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.distillation_reports import DistillationSetInfo
from schemas.records import Clip, DistillationWindow
from tests.components.teacher_embedder.conftest import WINDOW, Run, corpus, noise_clip, read_windows

pytestmark = pytest.mark.slow


def by_place(windows: list[DistillationWindow]) -> dict[tuple[str, int], list[bytes]]:
    """Records by clip and offset, in the order written."""
    places: dict[tuple[str, int], list[bytes]] = {}
    for window in windows:
        places.setdefault((window.clip_id, window.offset), []).append(window.to_example())
    return places


def test_windows_are_those_of_the_framing_with_the_teachers_answer(run: Run) -> None:
    clips = corpus()
    uri = run(clips, batch_size=4)
    for split, members in clips.items():
        windows = read_windows(uri, split)
        for clip in members:
            mine = [window for window in windows if window.clip_id == clip.clip_id]
            expected = cut_windows(clip.audio, WINDOW, WINDOW)
            np.testing.assert_array_equal([window.audio for window in mine], expected)
            waves = expected / 32768
            targets = np.stack([waves.mean(1), (waves**2).mean(1), np.full(len(waves), 3.0)], axis=1)
            np.testing.assert_allclose([w.target for w in mine], targets, rtol=2e-3, atol=1e-6)


def test_global_targets_are_those_of_the_whole_clip(run: Run) -> None:
    clips = corpus()
    uri = run(clips, batch_size=4, matching="global")
    windows = read_windows(uri, "train")
    assert len(windows) == 17
    for clip in clips["train"]:
        wave = clip.audio / 32768
        targets = [window.target for window in windows if window.clip_id == clip.clip_id]
        expected = np.tile([wave.mean(), (wave**2).mean(), 3.0], (len(targets), 1))
        np.testing.assert_allclose(targets, expected, rtol=2e-3, atol=1e-6)


def test_global_targets_do_not_go_with_changed_sound() -> None:
    options = {"matching": "global", "augment": {"copies": 0.5}}
    with pytest.raises(ValueError, match=r"matching 'global' .* augment.copies is 0.5"):
        TeacherEmbedderSettings.model_validate(options)


def test_report_says_what_there_is(run: Run) -> None:
    uri = run(corpus(), synthetic=True)
    info = DistillationSetInfo.load(uri)
    # Offsets at a hop of 800, and one more where over 400 samples would be lost: lengths 400, 800, 1600,
    # 2000, 2500, 3000 and 3600 give 1, 1, 2, 2, 3, 4 (600 lost) and 4 windows.
    assert info.windows == {"train": 17, "eval": 6}
    assert info.augmented == {"train": 0, "eval": 0}
    assert (info.teacher, info.target_dim, info.target_blocks) == ("levels", 3, [3])
    assert info.synthetic
    assert sorted(path.name for path in Path(uri).iterdir()) == [
        "Split-eval",
        "Split-train",
        "distillation_set.json",
        "left_out.jsonl",
    ]


def test_statistics_are_those_of_the_train_split(run: Run) -> None:
    uri = run(corpus(), shards=3, augment={"copies": 1})
    info = DistillationSetInfo.load(uri)
    targets = np.stack([window.target for window in read_windows(uri, "train")]).astype(np.float64)
    np.testing.assert_allclose(info.target_mean, targets.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(info.target_std[:2], targets.std(axis=0)[:2], rtol=1e-9)
    assert info.target_std[2] == 1.0
    assert info.augmented["train"] == len(targets) - 17
    assert info.augmented["eval"] == 0


def test_augmented_windows_carry_the_targets_of_what_they_sound_like(run: Run) -> None:
    uri = run(corpus(), augment={"copies": 2})
    windows = read_windows(uri, "train")
    assert len(windows) == 3 * 17
    assert len(read_windows(uri, "eval")) == 6
    waves = np.stack([window.audio for window in windows]) / 32768
    targets = np.stack([window.target for window in windows])
    np.testing.assert_allclose(targets[:, 1], (waves**2).mean(axis=1), rtol=2e-3, atol=1e-6)
    originals = run(corpus())
    assert by_place(read_windows(uri, "train")).keys() == by_place(read_windows(originals, "train")).keys()


def test_augmentation_does_not_depend_on_shards_or_order(run: Run) -> None:
    augment = {"copies": 1.5, "mixing": {"probability": 0}}
    clips = corpus()
    one = by_place(read_windows(run(clips, shards=1, augment=augment), "train"))
    reversed_clips = {split: members[::-1] for split, members in clips.items()}
    many = by_place(read_windows(run(reversed_clips, shards=3, augment=augment, batch_size=5), "train"))
    assert one == many
    counts = [len(copies) - 1 for copies in one.values()]
    assert set(counts) == {1, 2}


def test_same_seed_same_bytes_other_seed_other_windows(run: Run) -> None:
    files = []
    for seed in (4, 4, 5):
        uri = Path(run(corpus(), seed=seed, augment={"copies": 1}))
        files.append([path.read_bytes() for path in sorted((uri / "Split-train").iterdir())])
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_the_digest_is_of_the_windows_not_of_their_shards(run: Run) -> None:
    clips = corpus()
    options = {"augment": {"copies": 1, "mixing": {"probability": 0}}}
    reversed_clips = {split: members[::-1] for split, members in clips.items()}
    one = DistillationSetInfo.load(run(clips, shards=1, **options)).digest
    assert len(one) == 32
    assert DistillationSetInfo.load(run(reversed_clips, shards=3, **options)).digest == one
    assert DistillationSetInfo.load(run(clips, shards=1, seed=2, **options)).digest != one
    swapped = {"train": [*clips["train"][1:], clips["eval"][0]], "eval": clips["eval"][1:]}
    assert DistillationSetInfo.load(run(swapped, shards=1, **options)).digest != one


def test_shards_show_in_the_digest_where_windows_of_a_shard_are_mixed(run: Run) -> None:
    options = {"augment": {"copies": 1, "mixing": {"probability": 1}}}
    digests = [
        DistillationSetInfo.load(run(corpus(), shards=shards, **options)).digest for shards in (1, 1, 3)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_teachers_licence_is_that_of_its_settings(run: Run, levels: str) -> None:
    teacher = {"kind": "savedmodel", "path": levels}
    assert DistillationSetInfo.load(run(corpus(), teacher=teacher)).teacher_licence == ""
    members = [{**teacher, "licence": "MIT"}, {**teacher, "licence": "Apache-2.0"}]
    both = run(corpus(), teacher={"kind": "concat", "teachers": members})
    assert DistillationSetInfo.load(both).teacher_licence == "MIT; Apache-2.0"


def test_silent_windows_are_left_out(run: Run) -> None:
    clips = corpus()
    audio = np.concatenate(
        [np.zeros(WINDOW, np.int16), clips["train"][1].audio, np.full(WINDOW, 700, np.int16)]
    )
    clips["train"].append(Clip("gaps", audio, (), 16_000))
    windows = [window for window in read_windows(run(clips), "train") if window.clip_id == "gaps"]
    assert [window.offset for window in windows] == [WINDOW]


def test_split_of_silence_is_refused(run: Run) -> None:
    clips = {**corpus(), "eval": [Clip("still", np.zeros(2 * WINDOW, np.int16), (), 16_000)]}
    with pytest.raises(
        ValueError, match=r"the split 'eval' of .* gives no window with sound \(2 silent ones\)"
    ):
        run(clips)


def test_split_without_records_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="no clip records in the split 'eval'"):
        run({"train": corpus()["train"]})


def test_answer_that_is_no_number_names_the_clip(run: Run) -> None:
    clips = corpus()
    loud = np.tile(np.array([32767, -32768], np.int16), WINDOW // 2)
    clips["train"].append(Clip("too_loud", loud, (), 16_000))
    with pytest.raises(
        TeacherError, match="sample 0 of clip too_loud with 2 of 3 values that are not finite"
    ):
        run(clips)


def test_missing_teacher_names_the_key(run: Run, tmp_path: Path) -> None:
    teacher = {"kind": "savedmodel", "path": str(tmp_path / "absent")}
    with pytest.raises(ValueError, match=r"teacher\.path: .*absent does not exist"):
        run(corpus(), teacher=teacher)


def test_progress_is_logged(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="tinytrill.teacher_embedder"):
        run({"train": [noise_clip("a", 1600, 0)], "eval": [noise_clip("b", 1600, 1)]}, shards=1)
    lines = [record.getMessage() for record in caplog.records]
    assert any("50 % done" in line and "windows/s" in line for line in lines)
    assert any("100 % done" in line for line in lines)


def test_flac_loses_nothing(run: Run) -> None:
    stored = {storage: run(corpus(), storage=storage, augment={"copies": 1}) for storage in ("pcm16", "flac")}
    for split in ("train", "eval"):
        plain, packed = (read_windows(uri, split) for uri in stored.values())
        assert [(w.clip_id, w.offset) for w in plain] == [(w.clip_id, w.offset) for w in packed]
        np.testing.assert_array_equal([w.audio for w in plain], [w.audio for w in packed])
        np.testing.assert_array_equal([w.target for w in plain], [w.target for w in packed])
    assert [DistillationSetInfo.load(uri).storage for uri in stored.values()] == ["pcm16", "flac"]


def test_every_clip_is_counted(run: Run) -> None:
    clips = corpus()
    clips["train"].append(Clip("still", np.zeros(3 * WINDOW, np.int16), (), 16_000))
    info = DistillationSetInfo.load(run(clips))
    assert info.clips == {"train": 7, "eval": 3}
    assert info.left_out == {"train": {"silent": 1}, "eval": {}}
    assert info.silent_windows == {"train": 3, "eval": 0}


def test_what_a_lost_worker_left_is_not_part_of_the_set(run: Run, tmp_path: Path) -> None:
    left = tmp_path / "1" / "windows" / "Split-train"
    left.mkdir(parents=True)
    for end in ("partial", "held"):  # of another machine, and of this minute
        (left / f".records-00000-of-00002.01234567-{'a' * 32}.{end}").write_bytes(b"half a record")
    folder = run(corpus())
    assert sorted(path.name for path in Path(folder).iterdir()) == sorted(
        path.name for path in Path(run(corpus())).iterdir()
    )
    assert [path.name for path in sorted(left.iterdir())] == [
        "records-00000-of-00002",
        "records-00001-of-00002",
    ]


def test_a_lost_clip_stops_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.teacher_embedder import shards

    read = shards._clips
    monkeypatch.setattr(shards, "_clips", lambda source: list(read(source))[1:])
    with pytest.raises(RuntimeError, match="split 'train' has 7 clips, but 5 were embedded or left out"):
        run(corpus())
