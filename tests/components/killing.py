"""Kills executors where it hurts, runs them again, and says what became of it.

    python -m tests.components.killing ingest|embed FOLDER MOMENT...

A moment is ``<step>:<n>``: the process gets SIGKILL when the step is about to happen for the n-th time. Steps
are ``record`` (a record is written) and ``rename`` (a file gets its name). Each execution is forked off, so
that the libraries are imported once. What is printed is a JSON object by moment.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

import schemas
from components.audio_ingest.executor import Executor as IngestExecutor
from components.audio_ingest.settings import AudioIngestSettings
from components.common.store.shards import list_shards, shard_path, write_shard
from components.common.store.tfrecord import RecordWriter
from components.teacher_embedder.executor import Executor as EmbedExecutor
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.distillation_reports import DistillationSetInfo
from schemas.ingest_reports import IngestReport
from schemas.records import Clip
from tests.components.audio_ingest.corpora import make_corpus
from tests.components.executors import artifact
from tests.fork_server import run_python

SHARDS = 4
_WINDOW = 800
_SAID: list[tuple[Any, ...]] = []
_BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=unused"]


def main() -> None:
    """Kills and resumes at each moment, and runs once undisturbed."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    logging.getLogger("tinytrill").setLevel(logging.INFO)
    logging.getLogger("tinytrill").addHandler(_Listener())
    execute, prepare = (ingest, make_sounds) if what == "ingest" else (embed, make_clips)
    prepared = folder / "prepared"
    _forked(lambda: prepare(prepared))
    found = {"undisturbed": _outcome(execute, prepared, folder / "undisturbed", "first")}
    for moment in sys.argv[3:]:
        place = folder / moment.replace(":", "-")
        status = _forked(partial(_killed, execute, prepared, place, moment))
        finished = len(list((place / "scratch").rglob("*.json")))
        shutil.rmtree(place / "killed", ignore_errors=True)  # as TFX does
        again = _outcome(execute, prepared, place, "again")
        found[moment] = {**again, "signal": os.WTERMSIG(status), "finished_before": finished}
    print(json.dumps(found))


def _killed(execute: Callable[..., dict[str, Any]], prepared: Path, place: Path, moment: str) -> None:
    step, _, number = moment.partition(":")
    if step == "record":
        _die_at(RecordWriter, "write", int(number))
    else:
        _die_at(Path, "replace", int(number))
    execute(prepared, place / "killed", place / "scratch")


def _die_at(owner: Any, name: str, number: int) -> None:
    original, calls = getattr(owner, name), [0]

    def counted(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(owner, name, counted)


def _outcome(
    execute: Callable[..., dict[str, Any]], prepared: Path, place: Path, name: str
) -> dict[str, Any]:
    result = place / f"{name}.json"
    place.mkdir(exist_ok=True)
    status = _forked(
        lambda: result.write_text(json.dumps(execute(prepared, place / name, place / "scratch")))
    )
    if status:
        raise SystemExit(f"{place}: status {status}")
    outcome: dict[str, Any] = json.loads(result.read_text())
    return outcome


def _forked(work: Callable[[], object]) -> int:
    """The wait status of a child that does the work."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitpid(child, 0)[1]


def make_sounds(folder: Path) -> None:
    """A corpus of ten clips, one of which is missing."""
    make_corpus(folder, train=8, evaluate=2)
    next((folder / "audios").rglob("*3.wav")).unlink()


def ingest(prepared: Path, output: Path, scratch: Path) -> dict[str, Any]:
    """AudioIngest, three clips a shard."""
    settings = AudioIngestSettings(root=str(prepared), shard_clips=3, max_bad_share=1.0)
    examples = artifact(standard_artifacts.Examples, output / "examples")
    report = artifact(schemas.IngestReport, output / "report")
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=_BEAM_ARGS, tmp_dir=str(output / "tmp"), unique_id="1"
    )
    IngestExecutor(context).Do(
        {},
        {"examples": [examples], "report": [report]},
        {"settings": settings.to_parameter(), "scratch_dir": str(scratch), "code_digest": "c"},
    )
    read = IngestReport.load(report.uri)
    return {"digest": read.digest, "clips": {split: count.clips for split, count in read.splits.items()}} | (
        _shards(examples)
    )


def make_clips(folder: Path) -> None:
    """Clip records in four shards, and a teacher."""
    for split in ("train", "eval"):
        for index in range(SHARDS // 2):
            clips = [_clip(f"{split}{index}{n}", index * 10 + n) for n in range(3)]
            write_shard(
                shard_path(str(folder / "clips"), split, index, SHARDS // 2),
                (clip.to_example() for clip in clips),
            )

    class Mean(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
        def __call__(self, waveform: Any) -> Any:
            return {"embedding": tf.reduce_mean(waveform**2, axis=1, keepdims=True)}

    tf.saved_model.save(Mean(), str(folder / "teacher"))


def _clip(name: str, seed: int) -> Clip:
    audio = np.random.default_rng(seed).normal(0, 3000, 3 * _WINDOW).astype(np.int16)
    return Clip(name, audio, (), 16_000)


def embed(prepared: Path, output: Path, scratch: Path) -> dict[str, Any]:
    """TeacherEmbedder, augmented."""
    settings = TeacherEmbedderSettings.model_validate(
        {
            "teacher": {"kind": "savedmodel", "path": str(prepared / "teacher")},
            "window_samples": _WINDOW,
            "hop_samples": _WINDOW,
            "batch_size": 2,
            "augment": {"copies": 1},
        }
    )
    clips = artifact(standard_artifacts.Examples, prepared / "clips")
    windows = artifact(schemas.DistillationSet, output / "windows")
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=_BEAM_ARGS, tmp_dir=str(output / "tmp"), unique_id="1"
    )
    EmbedExecutor(context).Do(
        {"examples": [clips]},
        {"windows": [windows]},
        {
            "settings": settings.to_parameter(),
            "seed": 3,
            "scratch_dir": str(scratch),
            "code_digest": "c",
            "min_test_speakers": 6,
        },
    )
    info = DistillationSetInfo.load(windows.uri)
    return {"digest": info.digest, "clips": info.clips} | _shards(windows)


def _shards(made: types.Artifact) -> dict[str, int]:
    """How many shards the output has, and how many this execution says that it made and took up."""
    total = sum(len(list_shards(made.uri, split)) for split in ("train", "eval"))
    resumed, _, fresh = _SAID[-1] if _SAID else (0, total, total)
    return {"shards": total, "resumed": resumed, "made": fresh}


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if "were finished before" in record.msg and isinstance(record.args, tuple):
            _SAID.append(record.args[-3:])


def outcomes(what: str, folder: Path, moments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Runs this module and reads what it prints; for tests."""
    done = run_python("-m", "tests.components.killing", what, str(folder), *moments)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
