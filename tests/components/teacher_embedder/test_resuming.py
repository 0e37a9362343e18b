"""A killed embedding goes on where it was; what changes costs what depends on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.store.shards import shard_path, write_shard
from schemas.distillation_reports import DistillationSetInfo
from schemas.records import Clip, NossClip
from tests.components.killing import outcomes
from tests.components.teacher_embedder.conftest import WINDOW, Run, corpus, noise_clip

pytestmark = pytest.mark.slow


def test_a_killed_embedding_goes_on(tmp_path: Path) -> None:
    # A shard has three clips of three windows, each twice: the 22nd record is in the second shard. Names are
    # given four times a shard: to the shard, to the kept one, to its receipt, to its summary; so the 7th is
    # the receipt of the second shard, and the 14th the kept file of the fourth.
    found = outcomes("embed", tmp_path, ["record:22", "rename:7", "rename:14"])
    undisturbed = found.pop("undisturbed")
    assert (undisturbed["made"], undisturbed["clips"]) == (4, {"train": 6, "eval": 6})
    for moment, one in found.items():
        assert one["signal"] == 9, moment
        assert (one["digest"], one["clips"]) == (undisturbed["digest"], undisturbed["clips"]), moment
        assert (one["resumed"], one["made"]) == (one["finished_before"], 4 - one["finished_before"]), moment
    assert [one["resumed"] for one in found.values()] == [1, 1, 3]


def kept(scratch: Path) -> dict[str, int]:
    """Kept shards, and their files' numbers, which tell an old file from a new one of the same name."""
    return {path.name: path.stat().st_ino for path in scratch.rglob("*.tfrecord")}


def test_what_did_not_change_is_taken_up(run: Run, tmp_path: Path) -> None:
    clips, scratch = corpus(), tmp_path / "scratch"
    options: dict[str, Any] = {"scratch": scratch, "augment": {"copies": 1}}
    first = DistillationSetInfo.load(run(clips, **options))
    made = kept(scratch)
    assert len(made) == 4
    again = DistillationSetInfo.load(run(clips, **options))
    assert kept(scratch) == made
    assert (again.digest, again.target_mean, again.windows) == (
        first.digest,
        first.target_mean,
        first.windows,
    )
    # Another clip in the second of two train shards.
    clips["train"].append(noise_clip("late", 1600, 77))
    third = DistillationSetInfo.load(run(clips, **options))
    later = kept(scratch)
    assert len(later.items() & made.items()) == 3
    assert third.clips == {"train": 8, "eval": 3}
    # Chance changes only what is augmented.
    run(clips, seed=2, **options)
    assert len(kept(scratch).items() & later.items()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"hop_samples": WINDOW // 2},
        {"matching": "global"},
        {"storage": "flac"},
        {"code_digest": "other"},
        "teacher",
    ],
)
def test_what_it_depends_on_makes_all_anew(run: Run, tmp_path: Path, levels: str, change: Any) -> None:
    scratch = tmp_path / "scratch"
    run(corpus(), scratch=scratch)
    made = kept(scratch)
    if change == "teacher":
        shutil.copytree(levels, tmp_path / "other")
        (tmp_path / "other" / "assets").mkdir(exist_ok=True)
        (tmp_path / "other" / "assets" / "note").write_text("another teacher")
        change = {"teacher": {"kind": "savedmodel", "path": str(tmp_path / "other"), "name": "levels"}}
    run(corpus(), scratch=scratch, **change)
    assert len(kept(scratch)) == 4
    assert not made.items() & kept(scratch).items()


def test_a_damaged_shard_is_made_again(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scratch = tmp_path / "scratch"
    first = DistillationSetInfo.load(run(corpus(), scratch=scratch))
    victim = sorted(scratch.rglob("*.tfrecord"))[0]
    content = victim.read_bytes()
    victim.unlink()  # the output has the same file
    victim.write_bytes(content[:-1] + b"!")
    assert DistillationSetInfo.load(run(corpus(), scratch=scratch)).digest == first.digest
    assert f"{victim} is rebuilt" in caplog.text


def noss(folder: Path, clips: list[Clip], **further: Any) -> str:
    """NOSS examples whose test split sounds like these; ``further``: clips of train, speakers, folds."""
    speakers, fold, trained = further.get("speakers", 0), further.get("fold", ""), further.get("train", [])
    for split, members in (("test", clips), ("train", trained)):
        records = (
            NossClip(
                f"task/{clip.clip_id}",
                clip.audio,
                "task",
                split,
                "a",
                f"s{number % speakers}" if speakers else "",
                fold,
                16_000,
            ).to_example()
            for number, clip in enumerate(members)
        )
        write_shard(shard_path(str(folder), split, 0, 1), records)
    return str(folder)


def tone_clip(name: str, seed: int) -> Clip:
    """Two seconds of notes, each another sound."""
    rng = np.random.default_rng(seed)
    notes = rng.uniform(200, 3000, (20, 3)).repeat(1600, axis=0)
    wave = np.sin(2 * np.pi * np.cumsum(notes, axis=0) / 16_000).sum(axis=1) * 4000
    return Clip(name, wave.astype(np.int16), (), 16_000)


@pytest.mark.parametrize(
    ("task", "left_out"),
    [
        ({}, {}),
        ({"fold": "2"}, {"noss_exact": 1}),
        ({"speakers": 5}, {"noss_exact": 1}),
        ({"speakers": 6}, {}),
    ],
    ids=["one split", "folds", "few speakers", "enough speakers"],
)
def test_whatever_is_ever_tested_is_held_out(
    run: Run, tmp_path: Path, task: dict[str, Any], left_out: dict[str, int]
) -> None:
    clips = {
        split: [tone_clip(f"{split}{n}", 10 * n + len(split)) for n in range(2)]
        for split in ("train", "eval")
    }
    # Six test clips; a clip of the task's train split is one of the corpus.
    tests = [tone_clip(f"strange{n}", 900 + n) for n in range(6)]
    uri = run(clips, noss=noss(tmp_path / "noss", tests, train=[clips["train"][1]], **task))
    assert DistillationSetInfo.load(uri).left_out == {"train": left_out, "eval": {}}


def test_other_test_clips_cost_only_the_shards_that_have_them(run: Run, tmp_path: Path) -> None:
    clips = {
        split: [tone_clip(f"{split}{n}", 10 * n + len(split)) for n in range(4)]
        for split in ("train", "eval")
    }
    scratch = tmp_path / "scratch"
    run(clips, scratch=scratch, noss=noss(tmp_path / "n1", [tone_clip("strange", 99)]))
    made = kept(scratch)
    quieter = Clip("x", clips["train"][1].audio // 4, (), 16_000)
    uri = run(
        clips, scratch=scratch, noss=noss(tmp_path / "n2", [quieter, clips["eval"][2], clips["eval"][2]])
    )
    info = DistillationSetInfo.load(uri)
    assert info.left_out == {"train": {"noss_near": 1}, "eval": {"noss_exact": 1}}
    assert info.clips == {"train": 3, "eval": 3}
    listed = (Path(uri) / DistillationSetInfo.LEFT_OUT).read_text()
    assert '"train1"' in listed and "sounds like task/x" in listed
    assert '"eval2"' in listed and "the same samples as task/eval2" in listed
    assert len(set(kept(scratch).values()) & set(made.values())) == 2
    everything = run(clips, scratch=scratch, noss=noss(tmp_path / "n3", [quieter]), noss_duplicates="keep")
    assert DistillationSetInfo.load(everything).left_out == {"train": {}, "eval": {}}
